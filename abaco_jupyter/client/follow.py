"""Follow an execution or a build to its end: one loop for every kind of waiting."""

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from abaco_jupyter.client.stream import LAST, EventStream, Following, Lost


class Listener(Protocol):
    """Who is told, in the thread that waits."""

    def log(self, text: str) -> None:
        """More of the log."""
        ...

    def changed(self, record: dict[str, Any]) -> None:
        """The record as it is now."""
        ...

    def lost(self, reason: str) -> None:
        """The connection dropped and is being made again."""
        ...

    def tick(self) -> float | None:
        """Show what is due; return the seconds until more is due, None when nothing is."""
        ...


class Quiet:
    """A listener that keeps the end of the log and shows nothing."""

    def __init__(self, characters: int = 4000) -> None:
        self._room = characters
        self._kept: deque[str] = deque()
        self._length = 0

    def log(self, text: str) -> None:
        self._kept.append(text)
        self._length += len(text)
        while self._length - len(self._kept[0]) > self._room:
            self._length -= len(self._kept.popleft())

    def changed(self, record: dict[str, Any]) -> None:
        pass

    def lost(self, reason: str) -> None:
        pass

    def tick(self) -> float | None:
        return None

    @property
    def tail(self) -> str:
        """The last lines, not more than asked for."""
        return "".join(self._kept)[-self._room :]


def to_end(
    stream: EventStream,
    *listeners: Listener,
    timeout: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Tell `listeners` what happens until the stream's `end`; return that last record.

    Raises
    ------
    TimeoutError
        After `timeout` seconds. What was followed goes on.
    """
    deadline = None if timeout is None else clock() + timeout
    log = LogText()
    with Following(stream) as following:
        while True:
            dues = [due for listener in listeners if (due := listener.tick()) is not None]
            if deadline is not None:
                if clock() >= deadline:
                    raise TimeoutError
                dues.append(max(deadline - clock(), 0.001))
            item = following.next(min(dues, default=None))
            if isinstance(item, Lost):
                for listener in listeners:
                    listener.lost(item.reason)
            elif item is not None:
                record = _tell(item.event, json.loads(item.data), item.id, log, listeners)
                if item.event == LAST:
                    return record


class LogText:
    """Puts the pieces of a log together: a piece that comes twice is told once."""

    def __init__(self) -> None:
        self.offset = 0

    def new(self, text: str, end: str | None) -> str:
        """What of `text` was not told yet. `end` is the log's length after it."""
        if end is None or not end.isdecimal():
            self.offset += len(text)
            return text
        fresh = int(end) - self.offset
        if fresh <= 0:
            return ""
        self.offset = int(end)
        return text[-fresh:]


def _tell(
    event: str, data: dict[str, Any], end: str | None, log: LogText, listeners: tuple[Any, ...]
) -> dict[str, Any]:
    if event == "log":
        text = log.new(str(data.get("text", "")), end)
        if text:
            for listener in listeners:
                listener.log(text)
    elif event in ("status", LAST):
        for listener in listeners:
            listener.changed(data)
    return data
