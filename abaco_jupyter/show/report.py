"""`report()`: where the time of many executions went, as a picture, a table and JSON."""

import html
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.execution import Execution
from abaco_jupyter.client.records import newest_records, records
from abaco_jupyter.show import tables
from abaco_jupyter.show.report_facts import Bar, Facts, Spread, bars, facts, slowest
from abaco_jupyter.show.report_picture import duration, timeline
from abaco_jupyter.show.surroundings import is_plain
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_jupyter.wire.limits import MIB

NEWEST = 1000
_MOST_ROWS = 200
_FAINT = "color:var(--jp-content-font-color2)"


def report(what: Any, newest: int = NEWEST) -> "Report":
    """What executions cost, and where their time went.

    Parameters
    ----------
    what : Actor, AbacoExecutor, Execution, AbacoFuture, or an iterable of the last two
        Of an actor, and of each actor of an executor, the newest executions count.
    newest : int
        How many of an actor's executions.

    Examples
    --------
    >>> report(executor)
    >>> report(futures).facts.speed_up
    >>> report(Abaco().actor("word_count"), 5000).save("report.html")
    """
    if isinstance(what, Executor) and hasattr(what, "actors"):
        return _of_actors(what.actors, newest)
    if isinstance(what, Actor):
        return _of_actors([what], newest)
    return _of_set(what)


class Report:
    """What `report` returns. In a cell it is a picture and tables.

    Attributes
    ----------
    facts : Facts
        What it comes to: speed-up, waiting, preparing and running, CPU, memory.
    bars : list of Bar
        One for each execution, in the order in which their messages were received.
    """

    def __init__(
        self,
        records: Iterable[dict[str, Any]],
        titles: dict[str, str],
        *,
        about: str,
        now: datetime | None = None,
    ) -> None:
        self.about = about
        self.bars = bars(records, titles, now or datetime.now(UTC))
        self.facts: Facts = facts(self.bars)

    @property
    def slowest(self) -> list[Bar]:
        """The five that ran longest."""
        return slowest(self.bars)

    @property
    def svg(self) -> str:
        """The timeline; empty when there is nothing to draw."""
        return timeline(self.bars, f"Timeline: {self._sentence()}")

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary for each execution, in seconds and bytes: for `pandas.DataFrame`."""
        return [
            {
                "id": bar.id,
                "actor": bar.actor,
                "status": bar.ending,
                "begin": bar.begin,
                "waiting": bar.waited,
                "preparing": bar.prepared,
                "running": bar.ran,
                "cpu": bar.cpu,
                "memory": bar.memory or None,
            }
            for bar in self.bars
        ]

    def as_dict(self) -> dict[str, Any]:
        """`about`, `facts` and `executions`, all of it JSON."""
        return {"about": self.about, "facts": self.facts.as_dict(), "executions": self.rows()}

    def save(self, path: str | Path) -> Path:
        """Write it as `.json`, `.svg` or `.html`, by the name of the file."""
        file = Path(path)
        match file.suffix:
            case ".json":
                text = json.dumps(self.as_dict(), indent=2) + "\n"
            case ".svg":
                text = self.svg + "\n"
            case ".html":
                text = f"<!doctype html>\n<meta charset=utf-8>\n{self._html()}\n"
            case other:
                raise ValueError(f"A report is saved as .json, .svg or .html, not as {other!r}.")
        file.write_text(text)
        return file

    def __repr__(self) -> str:
        if is_plain() or not self.bars:
            return self._sentence()
        parts = [self._sentence(), "", tables.as_text(*self._totals())]
        if self.slowest:
            parts += ["", "The slowest:", tables.as_text(*_table(self.slowest))]
        return "\n".join(parts)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        text = {"text/plain": repr(self)}
        return text if is_plain() else text | {"text/html": self._html()}

    def _sentence(self) -> str:
        known = self.facts
        if not known.executions:
            return f"{self.about}: no executions."
        counts = [f"{known.well} ended well", f"{known.failed} failed"]
        if known.going:
            counts.append(f"{known.going} have not ended")
        many = "execution" if known.executions == 1 else "executions"
        text = f"{self.about}: {known.executions} {many}, {', '.join(counts)}."
        if is_plain() or known.speed_up is None:
            return text
        took = f"{text} Took {duration(known.elapsed)}"
        if known.speed_up < 1:  # mostly the time between messages
            return f"{took}, and ran for {duration(known.running.total)} of it."
        return f"{took}, {known.speed_up:.1f} times as fast as one after the other."

    def _totals(self) -> tuple[list[str], list[list[str]]]:
        known = self.facts
        rows = [
            _spread("waiting", known.waiting),
            _spread("preparing", known.preparing),
            _spread("running", known.running),
            ["CPU", duration(known.cpu), "", ""],
        ]
        if known.memory is not None:
            rows.append(["memory", "", "", _size(known.memory)])
        return ["", "in all", "median", "most"], rows

    def _html(self) -> str:
        if not self.bars:
            return f"<i>{html.escape(self._sentence())}</i>"
        shown = self.bars[:_MOST_ROWS]
        left = len(self.bars) - len(shown)
        more = f'<div style="{_FAINT}">({left} later ones are not shown)</div>' if left else ""
        return "\n".join(
            [
                '<div style="color:var(--jp-content-font-color1)">',
                f"<div>{html.escape(self._sentence())}</div>",
                self.svg,
                '<div style="display:flex;flex-wrap:wrap;gap:0 40px;align-items:flex-start">',
                f"<div>{tables.as_html(*self._totals())}</div>",
                f"<div><b>The slowest</b>{tables.as_html(*_table(self.slowest))}</div>"
                if self.slowest
                else "",
                "</div>",
                '<details><summary style="cursor:pointer">All of them as a table</summary>',
                tables.as_html(*_table(shown)),
                f"{more}</details></div>",
            ]
        )


def _of_actors(actors: Sequence[Actor], newest: int) -> Report:
    found = [each for actor in actors for each in _of_actor(actor, newest)]
    titles = {actor.id: actor.title for actor in actors}
    return Report(found, titles, about=", ".join(titles.values()) or "Nothing")


def _of_actor(actor: Actor, newest: int) -> list[dict[str, Any]]:
    if newest < 1:
        raise InvalidRequest(f"A report is of 1 execution or more, not of {newest}.")
    return newest_records(actor, newest)


def _of_set(what: Any) -> "Report":
    if isinstance(what, Execution) or hasattr(what, "execution"):
        what = [what]
    if isinstance(what, str | bytes | dict) or not isinstance(what, Iterable):
        raise TypeError(
            "report() takes an actor, an executor, executions or futures, not "
            f"{type(what).__name__}."
        )
    there: dict[str, tuple[Actor, list[str]]] = {}
    for each in what:
        ran = each if isinstance(each, Execution) else getattr(each, "execution", each)
        if ran is None:
            continue  # a future whose call has not been sent yet
        if not isinstance(ran, Execution):
            raise TypeError(f"{each!r} is neither an execution nor a future of an executor.")
        there.setdefault(ran.actor.id, (ran.actor, []))[1].append(ran.id)
    found = [each for actor, ids in there.values() for each in records(actor, ids)]
    titles = {actor.id: actor.title for actor, _ in there.values()}
    return Report(found, titles, about=", ".join(sorted(titles.values())) or "Nothing")


def _spread(name: str, spread: Spread) -> list[str]:
    return [name, duration(spread.total), duration(spread.middle), duration(spread.most)]


def _table(shown: Sequence[Bar]) -> tuple[list[str], list[list[str]]]:
    head = ["execution", "actor", "status", "waited", "prepared", "ran", "CPU", "memory"]
    return head, [
        [
            bar.id,
            bar.actor,
            bar.ending,
            duration(bar.waited),
            duration(bar.prepared),
            duration(bar.ran),
            duration(bar.cpu),
            _size(bar.memory) if bar.memory else "",
        ]
        for bar in shown
    ]


def _size(size: int) -> str:
    return f"{size / MIB:.0f} MB" if size < 1024 * MIB else f"{size / (1024 * MIB):.1f} GB"
