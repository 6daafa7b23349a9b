"""The writer thread: commits whatever gathered while its last commit ran.

There is no timer. One client alone waits for one commit; many clients share one.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from abaco_jupyter.wire.errors import NotReady
from abaco_server.store.machinery import payloads
from abaco_server.store.machinery.references import unreferenced

_LARGEST_GROUP = 1024

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Entry:
    """One call of `write` or `write_each`, and how it ended."""

    work: Callable[..., Any]
    item: Any
    each: bool
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class _WorkFailed(Exception):
    """A work raised; begin and commit did not."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error
        self.lost = isinstance(error, DBAPIError) and error.connection_invalidated


def uncounted(_: int) -> None:
    """Nobody counts."""


class Writer:
    """Owns the one connection that writes. `submit` is called on event loops."""

    def __init__(self, engine: Engine, committed: Callable[[int], None] = uncounted) -> None:
        """`committed` is told, on this thread, how many writes a commit made durable."""
        self._committed = committed
        self._entries: SimpleQueue[Entry | None] = SimpleQueue()
        self._closed = False
        self._lock = Lock()
        self._engine = engine
        self._thread = Thread(target=self._run, name="abaco-store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[..., Any], item: Any, *, each: bool) -> asyncio.Future[Any]:
        future = asyncio.get_running_loop().create_future()
        # Locked, so that no entry comes after the None that ends the thread.
        with self._lock:
            if self._closed:
                raise NotReady("the store is closed")
            self._entries.put(Entry(work, item, each, future))
        return future

    def close(self) -> None:
        """Blocks until everything that was submitted is committed."""
        with self._lock:
            self._closed = True
            self._entries.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            with self._engine.connect() as conn:
                open_ = True
                while open_:
                    group, open_ = self._gather()
                    if group:
                        _commit(conn, group)
                        self._committed(len(group))
        finally:
            self._refuse_the_rest()

    def _refuse_the_rest(self) -> None:
        """Nobody waits for ever, should this thread die of a mistake of ours."""
        with self._lock:
            self._closed = True
        left: list[Entry] = []
        while not self._entries.empty():
            entry = self._entries.get()
            if entry is not None:
                entry.error = NotReady("the store's writer has ended")
                left.append(entry)
        _resolve(left)

    def _gather(self) -> tuple[list[Entry], bool]:
        """Wait for one, take what is there; False once the writer is to end."""
        group: list[Entry] = []
        entry = self._entries.get()
        while entry is not None:
            group.append(entry)
            if len(group) == _LARGEST_GROUP or self._entries.empty():
                return group, True
            # This thread is the only one that takes, so there is one to be had.
            entry = self._entries.get()
        return group, False


def _commit(conn: Connection, group: list[Entry], *, again: bool = False) -> None:
    try:
        _transact(conn, group)
    except _WorkFailed as failed:
        if len(group) > 1:
            for entry in group:
                _commit(conn, [entry])
            return
        if failed.lost and not again:
            # PostgreSQL went away while we were idle; the next transaction connects anew.
            _commit(conn, group, again=True)
            return
        group[0].error = failed.error
    except Exception as error:
        # Nobody's work: the disk is full, the database is gone. All who wait are told.
        log.exception("a group of %d could not be committed", len(group))
        for entry in group:
            entry.error = error
    _resolve(group)
    _remove_dropped(conn)


def _transact(conn: Connection, group: list[Entry]) -> None:
    payloads.dropped(conn).clear()
    with conn.begin() as transaction:
        try:
            _perform(conn, group)
        except BaseException as error:
            transaction.rollback()
            payloads.dropped(conn).clear()
            raise _WorkFailed(error) from error


def _perform(conn: Connection, group: list[Entry]) -> None:
    """Run the works in order; neighbours that name the same work become one call."""
    start = 0
    while start < len(group):
        first = group[start]
        if not first.each:
            first.result = first.work(conn)
            start += 1
            continue
        end = start + 1
        while end < len(group) and group[end].each and group[end].work == first.work:
            end += 1
        run = group[start:end]
        results = first.work(conn, [entry.item for entry in run])
        for entry, result in zip(run, results, strict=True):
            entry.result = result
        start = end


def _resolve(group: list[Entry]) -> None:
    """Tell each event loop once about all of its entries."""
    loops: dict[asyncio.AbstractEventLoop, list[Entry]] = {}
    for entry in group:
        loops.setdefault(entry.future.get_loop(), []).append(entry)
    for loop, entries in loops.items():
        try:
            loop.call_soon_threadsafe(_tell, entries)
        except RuntimeError:
            log.warning("%d writes ended after their event loop was closed", len(entries))


def _tell(entries: list[Entry]) -> None:
    for entry in entries:
        if entry.future.done():
            continue
        if entry.error is None:
            entry.future.set_result(entry.result)
        else:
            entry.future.set_exception(entry.error)


def _remove_dropped(conn: Connection) -> None:
    """The rows are gone for good: now their files may go."""
    digests = payloads.dropped(conn)
    if not digests:
        return
    try:
        with conn.begin():
            free = unreferenced(conn, digests)
        for digest in free:
            payloads.payloads_of(conn).remove(digest)
    except Exception:
        log.exception("payload files were not removed; the next sweep does it")
    finally:
        digests.clear()
