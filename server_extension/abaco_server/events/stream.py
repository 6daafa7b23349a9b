"""Live views: who is looking at an execution hears of it as it happens.

A `Hub` lives on the event loop and keeps nothing: a listener subscribes first, then reads what
is on record, then follows. A listener that reads slowly costs little: text that has not been
read is joined with the text that follows, and a log is bounded.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

_JOIN = 65_536
"""Unread text is joined up to this length: longer, and the joining itself would cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAdded:
    offset: int
    """Characters of the log before `text`."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChanged:
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultAdded:
    """A result is on record, though the execution may run on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    status: str


MOVES = "moves"
"""The topic on which the id of each execution is published whose status changed."""


BEGUN = "begun"
"""The topic on which the id of each execution is published that is RUNNING from now on."""


def execution_topic(execution_id: str) -> str:
    return f"execution:{execution_id}"


def finished_topic(actor_id: str) -> str:
    """Where lists of `model.execution.Finished` of this actor are published."""
    return f"finished:{actor_id}"


def decisions_topic(actor_id: str) -> str:
    """Where a `model.decision.Decision` about this actor is published."""
    return f"decisions:{actor_id}"


class Subscription:
    """What one listener has not read yet, in order."""

    def __init__(self) -> None:
        self._waiting: deque[object] = deque()
        self._wake = asyncio.Event()

    def put(self, item: object) -> None:
        last = self._waiting[-1] if self._waiting else None
        if isinstance(item, LogAdded) and isinstance(last, LogAdded) and _follows(last, item):
            self._waiting[-1] = LogAdded(offset=last.offset, text=last.text + item.text)
            return
        self._waiting.append(item)
        self._wake.set()

    async def next(self) -> object:
        """The next item; wait for it if need be."""
        while not self._waiting:
            self._wake.clear()
            await self._wake.wait()
        return self._waiting.popleft()

    async def __aiter__(self) -> AsyncIterator[object]:
        while True:
            yield await self.next()


class Moves:
    """Which executions one listener has to look at again, each once and not too many.

    A listener that reads slowly finds that it missed some; then it looks at all it waits for.
    """

    def __init__(self, room: int = 10_000) -> None:
        self._room = room
        self._moved: dict[str, None] = {}
        self._missed = False
        self._closed = False
        self._wake = asyncio.Event()

    def put(self, execution_id: object) -> None:
        if len(self._moved) >= self._room:
            self._moved.clear()
            self._missed = True
        elif not self._missed:
            # The newest last: it is told after what else of it there was to tell.
            self._moved[str(execution_id)] = None
        self._wake.set()

    def close(self) -> None:
        """Nobody listens any more."""
        self._closed = True
        self._wake.set()

    @property
    def closed(self) -> bool:
        return self._closed

    async def next(self, at_most: int) -> list[str] | None:
        """Ids in order, at least one unless it was closed; None: some were missed."""
        await self._wake.wait()
        if self._missed:
            self._missed = False
            self._wake.clear()
            return None
        found = list(self._moved)[:at_most]
        for execution_id in found:
            del self._moved[execution_id]
        if not self._moved and not self._closed:
            self._wake.clear()
        return found


class _Listener(Protocol):
    def put(self, item: object) -> None: ...


L = TypeVar("L", bound=_Listener)


def _follows(last: LogAdded, item: LogAdded) -> bool:
    """A run that is tried again begins its log anew: then the two do not join."""
    return last.offset + len(last.text) == item.offset and len(last.text) < _JOIN


class Hub:
    """Topics and their listeners. Loop thread only."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, set[_Listener]] = defaultdict(set)

    def publish(self, topic: str, item: object) -> None:
        for listener in self._listeners.get(topic, ()):
            listener.put(item)

    @contextmanager
    def subscribe(self, topic: str) -> Iterator[Subscription]:
        """Everything published while the block runs reaches the subscription."""
        with self.listening(topic, Subscription()) as listener:
            yield listener

    @contextmanager
    def listening(self, topic: str, listener: L) -> Iterator[L]:
        """As `subscribe`, for a listener that keeps in its own way what it has not read."""
        self._listeners[topic].add(listener)
        try:
            yield listener
        finally:
            self._listeners[topic].discard(listener)
            if not self._listeners[topic]:
                del self._listeners[topic]
