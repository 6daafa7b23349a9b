"""A `map` of an executor while it runs: how far it is, how fast, what failed, what is slow."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.executor.future import AbacoFuture
from abaco_jupyter.show import tables
from abaco_jupyter.show.surroundings import is_plain
from abaco_jupyter.show.views.board import Board, times
from abaco_jupyter.show.views.feed import TICK, Feed
from abaco_jupyter.show.views.view import Command, State, View, escaped, source

MOST_FAILURES = 5
MOST_SLOW = 5


class MapProgress(View):
    """A bar, the rate, failures, the slowest and a cancel button for many calls.

    Parameters
    ----------
    futures : iterable of AbacoFuture
        As `AbacoExecutor.submit` returns them; their order is that of the results.
    title : str, optional

    Examples
    --------
    >>> progress = MapProgress.of(executor, simulate, range(1000))
    >>> progress
    >>> list(progress)  # the results, in order
    """

    _esm = source("parts.js", "map.js")

    def __init__(self, futures: Iterable[AbacoFuture], title: str = "map") -> None:
        self._over = threading.Event()
        self.futures = list(futures)
        if not self.futures:
            raise ValueError("there are no calls to watch: futures is empty")
        self._began = time.monotonic()
        self._numbers = {id(future): at for at, future in enumerate(self.futures)}
        self._counts = {"good": 0, "bad": 0, "dropped": 0}
        self._failures: list[State] = []
        self._slow: dict[str, State] = {}
        self._by_execution: dict[str, int] = {}
        self._counting = threading.Lock()
        self._recent: list[tuple[float, int]] = []
        super().__init__(self._state(title) | {"title": title, "away": None, "notice": None})
        for future in self.futures:
            future.add_done_callback(self._ended)
        self._thread = threading.Thread(target=self._watch, name="abaco-map", daemon=True)
        self._thread.start()

    @classmethod
    def of(cls, executor: AbacoExecutor, fn: Callable[..., Any], *iterables: Iterable[Any]) -> Self:
        """Submit `fn` for each of `zip(*iterables)`, as `executor.map` does, and watch."""
        calls = zip(*iterables, strict=False)
        name = getattr(fn, "__name__", "map")
        return cls([executor.submit(fn, *given) for given in calls], title=name)

    def __iter__(self) -> Iterator[Any]:
        """The results in order. Raises what a call raised."""
        for future in self.futures:
            yield future.result()

    def commands(self) -> Mapping[str, Command]:
        return {"cancel": self.cancel}

    def cancel(self) -> str:
        """Drop what has not begun and stop what runs."""
        left = [future for future in self.futures if not future.done()]
        stopped = sum(future.cancel(force=True) for future in left)
        return f"Cancelled {stopped} of {len(left)} calls."

    def shown(self) -> None:
        if not self._over.is_set():
            super().shown()

    def close(self) -> None:
        self._over.set()
        super().close()

    def text(self) -> str:
        told = self._told
        done = told["good"] + told["bad"] + told["dropped"]
        if is_plain():
            return f"{told['title']}: {told['total']} calls"
        said = f"{told['title']}: {done} of {told['total']} calls ended"
        if told["bad"]:
            said += f", {told['bad']} failed"
        if told["dropped"]:
            said += f", {told['dropped']} cancelled"
        return f"{said}, {told['elapsed']:.1f} s"

    def standing(self) -> str:
        shown = f"<b>{escaped(self.text())}</b>"
        if self._told["failures"]:
            rows = [[str(one["number"]), one["why"]] for one in self._told["failures"]]
            shown += tables.as_html(["call", "failed with"], rows)
        if self._told["slowest"]:
            rows = [[str(one["number"]), f"{one['ran']:.2f} s"] for one in self._told["slowest"]]
            shown += tables.as_html(["slowest call", "ran"], rows)
        return shown

    # ---- in other threads --------------------------------------------------------------------

    def _ended(self, future: Any) -> None:
        with self._counting:
            if future.cancelled():
                self._counts["dropped"] += 1
                return
            error = future.exception()
            if error is None:
                self._counts["good"] += 1
                return
            self._counts["bad"] += 1
            if len(self._failures) < MOST_FAILURES:
                why = f"{type(error).__name__}: {error}".partition("\n")[0]
                number = self._numbers[id(future)]
                self._failures.append({"number": number, "why": why[:300]})

    def _watch(self) -> None:
        """Until all calls have ended: then what stays in the notebook says how."""
        # Each look goes through all calls: many are looked at less often.
        while not self._over.wait(max(TICK, len(self.futures) / 20_000)):
            self._follow_executions()
            with self._counting:
                over = sum(self._counts.values()) == len(self.futures)
            self.publish(**self._state(self._told["title"]))
            if over:
                break
        self.hidden()
        if not self._over.is_set():
            self._over.set()
            self.settle()

    def _follow_executions(self) -> None:
        """Which calls are which executions: the slowest are known by their records."""
        for at, future in enumerate(self.futures):
            execution = future.execution
            if execution is None:
                continue
            if self._feed is None:
                self.listen(Feed.of(execution.actor.transport))
            self._by_execution.setdefault(execution.id, at)

    def look(self, board: Board) -> None:
        for record in board.moved.values():
            number = self._by_execution.get(record["id"])
            _, ran = times(record)
            if number is not None and ran is not None:
                self._slow[record["id"]] = {"number": number, "ran": ran}
        slowest = sorted(self._slow.items(), key=lambda one: -one[1]["ran"])[:MOST_SLOW]
        self._slow = dict(slowest)
        self.publish(away=board.away)

    def _state(self, title: str) -> State:
        with self._counting:
            counts = dict(self._counts)
            failures = list(self._failures)
        done, total = sum(counts.values()), len(self.futures)
        now = time.monotonic()
        self._recent = [one for one in self._recent if now - one[0] < 10] + [(now, done)]
        since, before = self._recent[0]
        rate = (done - before) / (now - since) if now - since > 0.5 else 0.0
        left = total - done
        return {
            **counts,
            "total": total,
            "running": sum(future.running() for future in self.futures) if left else 0,
            "failures": failures,
            "slowest": sorted(self._slow.values(), key=lambda one: -one["ran"]),
            "elapsed": round(now - self._began, 1),
            "rate": round(rate, 2),
            "left": round(left / rate, 1) if rate and left else None,
            "over": not left,
        }
