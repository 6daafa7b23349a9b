"""One thread that reads a server's stream of everything, for all views of that server."""

import contextlib
import json
import logging
import threading
import time
import weakref
from collections.abc import Callable
from typing import ClassVar

from abaco_jupyter.client.stream import EventStream, Following, Frame, Lost
from abaco_jupyter.client.transport import Transport
from abaco_jupyter.show.views.board import Board
from abaco_jupyter.wire import paths

log = logging.getLogger(__name__)

TICK = 0.1
"""Seconds between two looks of the views: what an eye can follow, and a notebook's connection."""

PATIENCE = 1.5
"""Seconds without a connection before the views say so: the server ends streams now and then."""

FOR_EVER = float("inf")

Look = Callable[[Board], None]


class Feed:
    """Reads while anybody looks. `looking` views are called in its thread, one after the other."""

    _of: ClassVar[weakref.WeakKeyDictionary[Transport, "Feed"]] = weakref.WeakKeyDictionary()

    def __init__(self, transport: Transport) -> None:
        self._transport = weakref.ref(transport)
        self._looks: set[Look] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._has_news = threading.Event()
        self.board = Board()

    @classmethod
    def of(cls, transport: Transport) -> "Feed":
        return cls._of.setdefault(transport, cls(transport))

    def add(self, look: Look) -> None:
        """`look` is called with the board whenever something changed, and once a second."""
        with self._lock:
            self._looks.add(look)
            if self._thread is None:
                self._begin()

    def drop(self, look: Look) -> None:
        with self._lock:
            self._looks.discard(look)

    def wait(self, timeout: float) -> bool:
        """Whether the server has told anything, waiting so many seconds for it."""
        return self._has_news.wait(timeout)

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._run, name="abaco-feed", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        goes_on = True
        try:
            goes_on = self._read()
        except Exception as error:
            log.debug("the stream of events ended", exc_info=True)
            self.board.away, goes_on = f"{error}", False
            self._tell()
        with self._lock:
            self._thread = None
            if goes_on and self._looks:  # somebody came as the last one left
                self._begin()

    def _read(self) -> bool:
        """Until nobody looks any more. False: there is no server to read from."""
        transport = self._transport()
        if transport is None:
            return False
        stream = EventStream(transport, paths.events(), patience=FOR_EVER)
        lost_at: float | None = None
        told = sampled = time.monotonic()
        stale = False
        with Following(stream) as following:
            while self._looks:
                item = following.next(TICK)
                now = time.monotonic()
                if isinstance(item, Frame):
                    lost_at = None
                    self.board.take(item.event, json.loads(item.data))
                    self._has_news.set()
                    stale = True
                elif isinstance(item, Lost):
                    lost_at = now if lost_at is None else lost_at
                if lost_at is not None and now - lost_at > PATIENCE and self.board.away is None:
                    self.board.away = "The server does not answer. Trying again."
                    stale = True
                if now - sampled >= 1.0:
                    sampled = now
                    self.board.sample()
                    stale = True
                if stale and now - told >= TICK:
                    told, stale = now, False
                    self._tell()
        return True

    def _tell(self) -> None:
        with self._lock:
            looks = list(self._looks)
        for look in looks:
            try:
                look(self.board)
            except Exception:
                # One view that fails must not blind the others.
                log.exception("a view could not be brought up to date")
                self.drop(look)
        self.board.moved.clear()


def settled(feed: Feed, look: Look, timeout: float = 2.0) -> None:
    """Look once more when the server has told what is, so that what stays behind is true."""
    if feed.wait(timeout):
        with contextlib.suppress(RuntimeError):  # the board changed under our eyes: next time
            look(feed.board)
