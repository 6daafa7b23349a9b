"""How actors, executions and lists of them look, as text and as HTML.

Text never asks the server. What is displayed in a cell is asked for once more, so that it is
true at that moment. With `ABACO_PLAIN=1` only text without ids and times is shown.
"""

from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.execution import Execution, ExecutionList
from abaco_jupyter.show import tables
from abaco_jupyter.show.surroundings import is_plain
from abaco_jupyter.show.watch import ending
from abaco_jupyter.wire.errors import AbacoError, NotFound

_MOST_ROWS = 50


def actor_text(actor: Actor) -> str:
    return f"Actor {actor.title!r}: {_sentence(_actor_facts(actor))}"


def actor_bundle(actor: Actor) -> dict[str, str]:
    gone = not _refresh(actor)
    facts = _actor_facts(actor)
    if gone:
        facts[0] = ("status", "not on the server any more")
    text = f"Actor {actor.title!r}: {_sentence(facts)}"
    return _bundle(text, tables.facts_html(f"Actor {actor.title}", facts[0][1], facts[1:]))


def execution_text(execution: Execution) -> str:
    which = "" if is_plain() else f" {execution.id}"
    facts = _execution_facts(execution.known)
    return f"Execution{which} of {execution.actor.title!r}: {_sentence(facts)}"


def execution_bundle(execution: Execution) -> dict[str, str]:
    _refresh(execution)
    facts = _execution_facts(execution.known)
    title = f"Execution {execution.id} of {execution.actor.title}"
    return _bundle(execution_text(execution), tables.facts_html(title, facts[0][1], facts[1:]))


def actors_text(actors: Sequence[Actor]) -> str:
    return tables.as_text(*_actors_table(actors)) if actors else "No actors."


def actors_bundle(actors: Sequence[Actor]) -> dict[str, str]:
    if not actors:
        return _bundle("No actors.", "<i>No actors.</i>")
    return _bundle(actors_text(actors), tables.as_html(*_actors_table(actors)))


def executions_text(executions: ExecutionList) -> str:
    if not executions:
        return "No executions."
    return "\n".join([tables.as_text(*_executions_table(executions)), *_left_out(executions)])


def executions_bundle(executions: ExecutionList) -> dict[str, str]:
    if not executions:
        return _bundle("No executions.", "<i>No executions.</i>")
    html = [tables.as_html(*_executions_table(executions))]
    html += [f"<div>{text}</div>" for text in _left_out(executions)]
    return _bundle(executions_text(executions), "\n".join(html))


def seconds(record: dict[str, Any]) -> str:
    """How long it ran, from its times; empty while it has not ended."""
    began, ended = _time(record.get("startTime")), _time(record.get("finishTime"))
    if began is None or ended is None:
        return ""
    ran = (ended - began).total_seconds()
    return f"{ran:.2f} s" if ran < 10 else f"{ran:.0f} s"


def _bundle(text: str, html: str) -> dict[str, str]:
    return {"text/plain": text} if is_plain() else {"text/plain": text, "text/html": html}


def _refresh(thing: Actor | Execution) -> bool:
    """False when the server does not have it any more."""
    try:
        _ = thing.record
    except NotFound:
        return False
    except AbacoError:
        pass  # the server is away: what was last seen is shown
    return True


def _sentence(facts: Sequence[tuple[str, str]]) -> str:
    (_, status), *rest = facts
    return ", ".join([status, *(f"{name} {value}" for name, value in rest)])


def _actor_facts(actor: Actor) -> list[tuple[str, str]]:
    record = actor.known
    facts = [("status", str(record.get("status", "")))]
    if why := str(record.get("statusMessage") or "").strip():
        facts.append(("because", why))
    if record.get("description"):
        facts.append(("description", record["description"]))
    facts.append(("revision", str(actor.revision)))
    if not record.get("stateless", True):
        facts.append(("kind", "stateful"))
    if not is_plain():
        facts += [("image", actor.image), ("id", actor.id)]
    return facts


def _execution_facts(record: dict[str, Any]) -> list[tuple[str, str]]:
    facts = [("status", ending(record))]
    if record.get("reason"):
        facts.append(("because", str(record["reason"])))
    if not is_plain():
        if ran := seconds(record):
            facts.append(("ran", ran))
        if record.get("cpu"):
            facts.append(("CPU", f"{record['cpu'] / 1e9:.2f} s"))
        if record.get("messageReceivedTime"):
            facts.append(("received", str(record["messageReceivedTime"])))
        if record.get("workerId"):
            facts.append(("worker", str(record["workerId"])))
    return facts


def _actors_table(actors: Sequence[Actor]) -> tuple[list[str], list[list[str]]]:
    plain = is_plain()
    head = ["name", "status", "revision", "description"] + ([] if plain else ["id", "image"])
    rows = []
    for actor in actors:
        known = actor.known
        row = [
            actor.name or "",
            str(known.get("status", "")),
            str(actor.revision),
            str(known.get("description", "")),
        ]
        rows.append(row if plain else [*row, actor.id, actor.image])
    return head, rows


def _executions_table(executions: ExecutionList) -> tuple[list[str], list[list[str]]]:
    shown = [each.known | {"id": each.id} for each in executions[-_MOST_ROWS:]]
    if is_plain():
        return ["status"], [[ending(record)] for record in shown]
    head = ["status", "received", "ran", "CPU", "id"]
    return head, [
        [
            ending(record),
            str(record.get("messageReceivedTime") or ""),
            seconds(record),
            f"{record['cpu'] / 1e9:.2f} s" if record.get("cpu") else "",
            record["id"],
        ]
        for record in shown
    ]


def _left_out(executions: ExecutionList) -> list[str]:
    count = len(executions) - _MOST_ROWS
    return [f"({count} earlier ones are not shown)"] if count > 0 else []


def _time(text: Any) -> datetime | None:
    """Any of Abaco's forms; "None" and what else it may say are no time."""
    if not isinstance(text, str):
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
        except (ValueError, TypeError):
            continue
        # Without an offset it is UTC, and only differences are shown.
        return found.replace(tzinfo=None)
    return None
