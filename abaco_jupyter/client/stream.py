"""Server-sent events: frames out of lines, and a connection that is made again when it drops."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from abaco_jupyter.client.errors import ServerUnreachable
from abaco_jupyter.client.transport import Lines, Transport
from abaco_jupyter.wire.errors import Unavailable

LAST = "end"
"""The event after which a stream is over."""

_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
_PATIENCE = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    event: str
    data: str
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The connection dropped; it will be tried again."""

    reason: str


def parse(lines: Iterable[str]) -> Iterator[Frame]:
    """Frames of an event stream. Comments (heartbeats) and an unfinished frame are left out."""
    event, frame_id = "", None
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield Frame(event=event or "message", data="\n".join(data), id=frame_id)
            event, data, frame_id = "", [], None
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event = value
        elif name == "data":
            data.append(value)
        elif name == "id":
            frame_id = value


class EventStream:
    """The frames of one SSE address up to `end`, through as many connections as it takes.

    Parameters
    ----------
    transport : Transport
    path : str
    last_id : str, optional
        Go on after this `id`.
    patience : float
        Seconds without any answer after which `ServerUnreachable` is raised.
    """

    def __init__(
        self,
        transport: Transport,
        path: str,
        *,
        last_id: str | None = None,
        patience: float = _PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._path = path
        self._last_id = last_id
        self._patience = patience
        self._clock = clock
        self._closed = threading.Event()
        self._lines: Lines | None = None

    def __iter__(self) -> Iterator[Frame | Lost]:
        lost_at: float | None = None
        attempt = 0
        while not self._closed.is_set():
            failure: Exception | None = None
            try:
                for frame in self._connection():
                    lost_at, attempt = None, 0
                    yield frame
                    if frame.event == LAST:
                        return
            except Unavailable as error:
                failure = error
            if self._closed.is_set():
                return
            lost_at = self._clock() if lost_at is None else lost_at
            if self._clock() - lost_at > self._patience:
                raise failure or ServerUnreachable(self._transport.url, "its streams end early")
            yield Lost(reason=str(failure or "the connection ended early"))
            self._closed.wait(_PAUSES[min(attempt, len(_PAUSES) - 1)])
            attempt += 1

    def close(self) -> None:
        """End the iteration, from any thread."""
        self._closed.set()
        lines = self._lines
        if lines is not None:
            lines.abort()

    def _connection(self) -> Iterator[Frame]:
        headers = {"Accept": "text/event-stream"}
        if self._last_id is not None:
            headers["Last-Event-ID"] = self._last_id
        with self._transport.stream(self._path, headers) as lines:
            self._lines = lines
            for frame in parse(lines):
                if frame.id is not None:
                    self._last_id = frame.id
                yield frame


class Following:
    """Reads an event stream in a thread, so that its reader can wait with a deadline.

    A blocking read can neither be given a deadline nor be left at once on a kernel interrupt;
    waiting on a queue can. Use as a context manager: the thread ends with the block.
    """

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream
        self._frames: queue.SimpleQueue[Frame | Lost | BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, name="abaco-stream", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stream.close()
        self._thread.join(1.0)

    def next(self, timeout: float | None = None) -> Frame | Lost | None:
        """The next frame, or None when none came within `timeout` seconds."""
        try:
            item = self._frames.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(item, BaseException):
            raise item
        return item

    def _read(self) -> None:
        try:
            for item in self._stream:
                self._frames.put(item)
        except BaseException as error:  # noqa: BLE001  raised again where it is waited for
            self._frames.put(error)
        self._frames.put(None)  # who waits without a deadline looks around
