"""Whether an image may have changed since it was looked at: the engine's events tell.

To look at an image costs 3 ms, which is as long as all else that a waiting container needs. The
engine tells of each image that is named, pulled, loaded or removed before it answers whoever did
it. So what was seen holds until anything is told; while nothing is heard (the engine restarts,
or is on another machine) nothing holds, and every execution looks for itself.
"""

import logging
import threading
import time

from docker.errors import DockerException
from docker.types import CancellableStream

from abaco_server.runners.docker.engine import TROUBLE, Engine
from abaco_server.runners.docker.follow import close, cut

_log = logging.getLogger(__name__)
_PAUSE = 1.0
"""Seconds between two tries to listen."""


class ImageNews:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._told = 0
        self._stream: CancellableStream | None = None
        self._thread: threading.Thread | None = None
        self._next_try = 0.0
        self._closed = False

    @property
    def edition(self) -> int | None:
        """The same number twice: no image changed in between. None: nobody tells."""
        if self._stream is None and not self._closed and self._engine.socket is not None:
            self._listen()
        return None if self._stream is None else self._told

    def close(self) -> None:
        self._closed = True
        if self._stream is not None:
            cut(self._stream)

    def _listen(self) -> None:
        running = self._thread is not None and self._thread.is_alive()
        if running or time.monotonic() < self._next_try:
            return
        self._next_try = time.monotonic() + _PAUSE
        # A daemon: an interpreter that ends without `close` must not wait for the engine.
        self._thread = threading.Thread(target=self._read, name="abaco-image-news", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        # The engine answers a moment before it listens for us: what happened then comes again.
        since = int(time.time()) - 1
        try:
            stream = self._engine.client.events(since=since, filters={"type": "image"})
        except (DockerException, *TROUBLE) as error:
            _log.info("the engine does not tell of its images: %s", error)
            return
        self._told += 1
        self._stream = stream
        try:
            if not self._closed:
                for _ in stream:
                    self._told += 1
        except (DockerException, ValueError, *TROUBLE):
            _log.info("the engine no longer tells of its images", exc_info=True)
        finally:
            self._stream = None
            close(stream)
