"""The store as one object: an engine, a writer thread, a few readers, payload files."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from sqlalchemy import Connection, Engine

from abaco_jupyter.wire.errors import NotReady
from abaco_server.model.clock import Clock
from abaco_server.store.machinery import connect, schema
from abaco_server.store.machinery.claim import claim
from abaco_server.store.machinery.incoming import hold_file
from abaco_server.store.machinery.payloads import MAX_INLINE, Payloads, StoredBody
from abaco_server.store.machinery.references import referenced
from abaco_server.store.machinery.writer import Writer, uncounted

I = TypeVar("I")  # noqa: E741
T = TypeVar("T")


class Store:
    """Everything durable goes through `write` or `write_each`; both return after COMMIT.

    A work is a sync function of a connection. It runs on the writer thread, together with what
    gathered while the last commit ran. When one work of a group raises, the group is rolled back
    and each work is run again alone, so a work must depend on its connection and arguments only.
    """

    def __init__(
        self,
        writer: Engine,
        readers: Engine,
        payloads: Payloads,
        committed: Callable[[int], None],
    ) -> None:
        self.payloads = payloads
        self._writer_engine = writer
        self._reader_engine = readers
        self._writer = Writer(writer, committed)
        self._readers = ThreadPoolExecutor(connect.READERS, thread_name_prefix="abaco-store-reader")
        self._claim: Connection | None = None
        self._closed = False

    @classmethod
    def open(
        cls,
        url: str,
        *,
        payload_dir: Path,
        clock: Clock,
        synchronous: str = "NORMAL",
        committed: Callable[[int], None] = uncounted,
    ) -> "Store":
        """Open the database, bring its schema up to date, start the writer.

        `synchronous` is SQLite's. With NORMAL a COMMIT survives the death of this process; with
        FULL it also survives a power cut, at about half the speed for a client that is alone.
        `committed` is told, on the writer's thread, how many writes each commit made durable.
        Raises DatabaseIsNewer for a database of a later release.
        """
        payloads = Payloads(payload_dir, clock, shared=not connect.is_sqlite(url))
        writer, readers = connect.engines(url, payloads, synchronous)
        try:
            schema.bring_up_to_date(writer)
        except BaseException:
            writer.dispose()
            raise
        return cls(writer, readers, payloads, committed)

    async def claim(self) -> None:
        """Be the one service that works on this database. Raises NotReady when there is one."""
        self._claim = await self.aside(partial(claim, self._reader_engine))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in the next group; its result, once it is durable."""
        result: T = await self._writer.submit(work, None, each=False)
        return result

    async def write_each(self, work: Callable[[Connection, list[I]], list[T]], item: I) -> T:
        """As `write`, but neighbours in a group that name the same `work` become one call."""
        result: T = await self._writer.submit(work, item, each=True)
        return result

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a read-only connection, in one snapshot."""
        return await self.aside(partial(self._read, work))

    async def aside(self, work: Callable[[], T]) -> T:
        """Run blocking work, such as on payload files, in the readers' pool."""
        if self._closed:
            raise NotReady("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    @asynccontextmanager
    async def keeping(self, body: bytes | BinaryIO) -> AsyncIterator[StoredBody]:
        """A body as a row may hold it: small ones as they are, large ones, and open files, as a
        payload file.

        Commit the row that owns it inside the block: until the block ends the file is safe.
        """
        if not isinstance(body, bytes):
            digest = await self.aside(partial(hold_file, self.payloads, body))
        elif len(body) <= MAX_INLINE:
            yield body
            return
        else:
            digest = await self.aside(partial(self.payloads.hold, body))
        try:
            yield self.payloads.path(digest)
        finally:
            self.payloads.release(digest)

    async def sweep(self) -> int:
        """Remove payload files that no row names and that are over an hour old; how many."""
        return await self.aside(lambda: self.payloads.sweep(self._read(referenced)))

    async def close(self) -> None:
        """Finish what was handed in, refuse the rest, close every connection."""
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(None, self._shut)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._reader_engine.begin() as conn:
            return work(conn)

    def _shut(self) -> None:
        self._writer.close()
        self._readers.shutdown()
        if self._claim is not None:
            # Ended, not given back to the pool: with the session the lock goes.
            self._claim.invalidate()
            self._claim.close()
            self._claim = None
        self._reader_engine.dispose()
        self._writer_engine.dispose()
