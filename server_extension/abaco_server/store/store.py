"""The store as one object: an engine, a writer thread, a few readers, payload files."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from abaco_server.model.clock import Clock
from abaco_server.store.machinery.payloads import Payloads, StoredBody

I = TypeVar("I")  # noqa: E741
T = TypeVar("T")


class Store:
    """Everything durable goes through `write` or `write_each`; both return after COMMIT.

    A work is a sync function of a connection. It runs on the writer thread, together with what
    gathered while the last commit ran. When one work of a group raises, the group is rolled back
    and each work is run again alone, so a work must depend on its connection and arguments only.
    """

    payloads: Payloads

    @classmethod
    def open(
        cls, url: str, *, payload_dir: Path, clock: Clock, synchronous: str = "NORMAL"
    ) -> "Store":
        """Open the database, bring its schema up to date, start the writer."""
        raise NotImplementedError

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in the next group; its result, once it is durable."""
        raise NotImplementedError

    async def write_each(self, work: Callable[[Connection, list[I]], list[T]], item: I) -> T:
        """As `write`, but neighbours in a group that name the same `work` become one call."""
        raise NotImplementedError

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a read-only connection, in one snapshot."""
        raise NotImplementedError

    @asynccontextmanager
    async def keeping(self, body: bytes) -> AsyncIterator[StoredBody]:
        """A body as a row may hold it: small ones as they are, large ones as a payload file.

        Commit the row that owns it inside the block: until the block ends the file is safe.
        """
        raise NotImplementedError
        yield body

    async def sweep(self) -> int:
        """Remove payload files that no row names and that are over an hour old; how many."""
        raise NotImplementedError

    async def close(self) -> None:
        """Finish what was handed in, refuse the rest, close every connection."""
        raise NotImplementedError
