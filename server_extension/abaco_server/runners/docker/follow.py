"""An engine's log stream, read by one blocked thread, taken by the loop in large pieces."""

import asyncio
import logging
import struct
import threading
from collections.abc import Callable

from docker.errors import DockerException
from docker.types import CancellableStream

from abaco_jupyter.wire.limits import MIB
from abaco_server.runners.docker.engine import TROUBLE
from abaco_server.runners.docker.warm.mark import Mark

_log = logging.getLogger(__name__)
_HIGH_WATER = 4 * MIB


class Follower:
    """Reads `open_stream()` to its end. `wake` is called on the loop when there is more to take.

    A stream that ends tells nothing about the container: the engine may be gone.
    """

    def __init__(
        self,
        open_stream: Callable[[], CancellableStream],
        wake: Callable[[], None],
        *,
        skip: int = 0,
        mark: Mark | None = None,
        lasts: bool = False,
    ) -> None:
        """The first `skip` bytes were told before. `mark` ends the log before the stream does;
        such a stream brings pairs, of stdout and stderr. One that `lasts` is followed on, to the
        next execution's log."""
        self._open = open_stream
        self._skip = skip
        self.wake = wake
        self._mark = mark
        self._lasts = lasts
        self._loop = asyncio.get_running_loop()
        self._changed = threading.Condition()
        self._chunks: list[bytes] = []
        self._size = 0
        self._stream: CancellableStream | None = None
        self._closed = False
        self.taken = 0
        self.ended = False
        self.over = False
        """Nothing comes any more, of no execution."""
        self.opened: asyncio.Future[None] = self._loop.create_future()
        """Done when the stream is open: what user code writes from then on is seen. It need not
        be awaited: a stream that cannot be opened ends at once."""
        # A daemon: an interpreter that ends without `close` must not wait for user code.
        self._thread = threading.Thread(target=self._read, name="abaco-follow", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def take(self) -> bytes:
        with self._changed:
            found = b"".join(self._chunks)
            self._chunks.clear()
            self._size = 0
            self._changed.notify()
        self.taken += len(found)
        return found

    def go_on(self, mark: Mark, wake: Callable[[], None]) -> None:
        """To the log of the next execution, which has not begun."""
        self._mark, self.wake = mark, wake
        self.taken, self.ended = 0, self.over

    @property
    def done(self) -> bool:
        return self.ended and not self._chunks

    def close(self) -> None:
        """The thread ends soon; nobody waits for it."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._stream is not None:
            cut(self._stream)

    def give_up(self) -> None:
        """Nothing comes any more, whatever the engine's stream does."""
        self.close()
        self._end()

    def _read(self) -> None:
        try:
            stream = self._stream = self._open()
        except (DockerException, *TROUBLE) as error:
            self._on_loop(self._set_opened, error)
            self._on_loop(self._finish)
            return
        self._on_loop(self._set_opened, None)
        try:
            for chunk in stream:
                if not self._keep(self._text(chunk)):
                    break
                if self._marked and not self._lasts:
                    break
                if self._marked:
                    self._on_loop(self._end)
        except (DockerException, struct.error, ValueError, *TROUBLE):
            # Cut off in the middle of a frame: the same as an end, for whoever looks next.
            _log.info("a log stream broke off", exc_info=True)
        finally:
            if self._mark is not None and not self._marked:
                self._keep(self._mark.rest())
            close(stream)
            self._on_loop(self._finish)

    @property
    def _marked(self) -> bool:
        return self._mark is not None and self._mark.complete

    def _text(self, chunk: bytes | tuple[bytes | None, bytes | None]) -> bytes:
        """Without its marks. One that is no pair has both streams in it."""
        if not isinstance(chunk, tuple):
            return chunk if self._mark is None else self._mark.strip(0, chunk)
        assert self._mark is not None
        parts = enumerate(chunk, start=1)
        return b"".join(self._mark.strip(number, part) for number, part in parts if part)

    def _keep(self, chunk: bytes) -> bool:
        told = min(self._skip, len(chunk))
        self._skip -= told
        if told == len(chunk):
            return not self._closed
        chunk = chunk[told:]
        with self._changed:
            self._changed.wait_for(lambda: self._size < _HIGH_WATER or self._closed)
            first = not self._chunks
            self._chunks.append(chunk)
            self._size += len(chunk)
        if first:
            self._on_loop(self._ring)
        return not self._closed

    def _ring(self) -> None:
        self.wake()

    def _finish(self) -> None:
        self.over = True
        self._end()

    def _end(self) -> None:
        self.ended = True
        self.wake()

    def _set_opened(self, error: BaseException | None) -> None:
        if self.opened.cancelled():
            return
        if error is None:
            self.opened.set_result(None)
        else:
            _log.info("a log stream could not be opened: %s", error)
            self.opened.set_exception(error)
            # Marks it as looked at: not everybody awaits it.
            self.opened.exception()

    def _on_loop(self, function: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            # The loop is closed: the service went away without closing us.
            self._closed = True


def close(stream: CancellableStream) -> None:
    """By the thread that read it."""
    cut(stream)
    # `close` of the stream alone leaves descriptors to the garbage collector.
    stream._response.raw.close()


def cut(stream: CancellableStream) -> None:
    """The thread that reads it sees its end."""
    try:
        stream.close()
    except (DockerException, *TROUBLE):
        # Ended already, or of a kind that docker-py cannot cut from another thread (ssh).
        _log.debug("a log stream could not be cut", exc_info=True)
