"""One execution as it runs: status, log, stop, and what came of it."""

import json
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from abaco_jupyter.client.execution import Execution
from abaco_jupyter.client.follow import LogText
from abaco_jupyter.client.stream import LAST, EventStream, Following, Frame, Lost
from abaco_jupyter.executor.future import AbacoFuture
from abaco_jupyter.show import ansi, tables
from abaco_jupyter.show.reprs import execution_text, seconds
from abaco_jupyter.show.surroundings import is_plain
from abaco_jupyter.show.views.board import has_failed, moment, times, why_beside
from abaco_jupyter.show.views.feed import FOR_EVER, PATIENCE, TICK
from abaco_jupyter.show.views.tail import Tail
from abaco_jupyter.show.views.view import Command, State, View, escaped, source
from abaco_jupyter.show.watch import ending
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.errors import AbacoError

log = logging.getLogger(__name__)

MOST_OF_A_RESULT = 4000
"""Characters of a result's text that are shown."""

_PIECE = 1_000_000
_STANDING_LINES = 40


class ExecutionView(View):
    """Follow an execution: status, elapsed time, live log, stop button, result.

    Parameters
    ----------
    execution : Execution or AbacoFuture
    result : bool
        Whether the result is fetched and shown at the end. The server hands a result out once:
        it then stays with `execution`, whose `result()` still returns it. Without it a button
        fetches it.

    Examples
    --------
    >>> ExecutionView(actor.submit("some text"))
    """

    _esm = source("parts.js", "log.js", "execution.js")

    def __init__(self, execution: Execution | AbacoFuture, *, result: bool = True) -> None:
        self._left = threading.Event()
        self._future = execution if isinstance(execution, AbacoFuture) else None
        found = execution.execution if isinstance(execution, AbacoFuture) else execution
        if found is None:
            raise ValueError(
                "this future has no execution yet: it waits to be sent, or was cancelled. Look "
                "again when future.execution_id is there, or watch all calls with MapProgress."
            )
        self.execution = found
        self._takes_result = result
        self._tail = Tail()
        super().__init__(
            {
                "title": found.actor.title,
                "id": found.id,
                "record": _shown(found.known),
                "away": None,
                "notice": None,
                "result": None,
                "over": False,
            }
        )
        self._thread = threading.Thread(target=self._follow, name="abaco-view", daemon=True)
        self._thread.start()

    def commands(self) -> Mapping[str, Command]:
        return {"stop": self._stop, "result": self._show_result, "download": self._download}

    def shown(self) -> None:
        self.send({"log": self._tail.all()})

    def close(self) -> None:
        self._left.set()
        super().close()

    def text(self) -> str:
        return execution_text(self.execution)

    def standing(self) -> str:
        known = self.execution.known
        facts = [("log", "")] if self._tail.length else []
        rows = [(name, value) for name, value in _facts(known) if value]
        title = f"Execution {self.execution.id} of {self.execution.actor.title}"
        shown = tables.facts_html(title, ending(known), rows)
        if facts:
            shown += f"<pre>{ansi.to_html(self._tail.end(_STANDING_LINES))}</pre>"
        if result := self._told.get("result"):
            shown += f"<pre>{escaped(result['text'])}</pre>"
        return shown

    def _stop(self) -> str:
        return self.execution.stop()

    def _follow(self) -> None:
        try:
            self._read()
        except Exception as error:
            log.debug("an execution cannot be followed", exc_info=True)
            self.say(f"It cannot be followed: {error}", failed=True)

    def _read(self) -> None:
        execution = self.execution
        path = paths.execution_stream(execution.actor.id, execution.id)
        stream = EventStream(execution.actor.transport, path, patience=FOR_EVER)
        fresh = LogText()
        lost_at: float | None = None
        told = 0.0
        with Following(stream) as following:
            while not self._left.is_set():
                item = following.next(TICK)
                now = time.monotonic()
                if isinstance(item, Lost):
                    lost_at = now if lost_at is None else lost_at
                elif isinstance(item, Frame):
                    lost_at = None
                    data = json.loads(item.data)
                    if item.event == "log":
                        self._tail.add(fresh.new(data["text"], item.id))
                    else:
                        execution._known = data | {"id": execution.id}
                        self._record(data)
                    if item.event == LAST:
                        return self._end(data)
                if lost_at is not None and now - lost_at > PATIENCE:
                    self.publish(away="The server does not answer. Trying again.")
                elif lost_at is None:
                    self.publish(away=None)
                if now - told >= TICK:
                    told = now
                    self._tell_log()

    def _record(self, data: dict[str, Any]) -> None:
        self.publish(record=_shown(data))

    def _tell_log(self) -> None:
        if (news := self._tail.news()) is not None:
            self.send({"log": news})

    def _end(self, data: dict[str, Any]) -> None:
        self._tell_log()
        self.publish(away=None, over=True)
        if self._takes_result and not has_failed(data):
            self._do(self._show_result, {})
        self.settle()

    def _show_result(self) -> None:
        future = self._future
        results = self.execution.results() if future is None else [future.result()]
        if not results:
            return self.publish(result={"kind": "", "text": "", "none": True})
        value = results[-1]
        text = value if isinstance(value, str) else repr(value)
        cut = len(text) > MOST_OF_A_RESULT
        shown = text[:MOST_OF_A_RESULT] + ("…" if cut else "")
        self.publish(result={"kind": type(value).__name__, "text": shown, "none": False})

    def _download(self) -> None:
        """The whole log in pieces: the page puts them together as a file."""
        try:
            whole = self.execution.logs.encode()
        except AbacoError as error:
            raise ValueError(f"The log cannot be had: {error}") from None
        for start in range(0, max(1, len(whole)), _PIECE):
            piece = whole[start : start + _PIECE]
            last = start + _PIECE >= len(whole)
            self.send({"file": f"{self.execution.id}.log", "last": last}, [piece])


def _shown(record: dict[str, Any]) -> State:
    """What the page shows of a record."""
    began, received = moment(record.get("startTime")), moment(record.get("messageReceivedTime"))
    waited, ran = times(record)
    status = str(record.get("status", "SUBMITTED"))
    since = began if status == "RUNNING" else received
    return {
        "status": status,
        "failed": has_failed(record),
        "why": why_beside(record),
        "since": None if since is None else max(0.0, time.time() - since),
        "waited": waited,
        "ran": ran,
        "cpu": record.get("cpu") or 0,
        "exitCode": record.get("exitCode"),
        "received": record.get("messageReceivedTime"),
        "worker": record.get("workerId"),
        "executor": record.get("executor"),
    }


def _facts(record: dict[str, Any]) -> list[tuple[str, str]]:
    if is_plain():
        return []
    cpu = record.get("cpu")
    return [
        ("because", why_beside(record)),
        ("ran", seconds(record)),
        ("CPU", f"{cpu / 1e9:.2f} s" if cpu else ""),
        ("received", str(record.get("messageReceivedTime") or "")),
    ]
