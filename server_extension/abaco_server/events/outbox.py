"""The outbox: events that are on record and have not been told yet, in order.

Whatever wrote an event in its own transaction calls `wake`; a restart begins with what is left.
An event is told at least once: it leaves the outbox after the tellers have heard it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from abaco_server.model.event import Event
from abaco_server.store import Connection, Store, outbox

log = logging.getLogger(__name__)

Teller = Callable[[Event], Awaitable[None]]
BATCH = 200


class Outbox:
    """One task that delivers. `start` it, `wake` it, `stop` it."""

    def __init__(self, store: Store, tellers: list[Teller]) -> None:
        self._store = store
        self._tellers = tellers
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._wake.set()
        self._task = asyncio.create_task(self._run(), name="abaco-outbox")

    def wake(self) -> None:
        self._wake.set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def deliver(self) -> int:
        """Tell what is waiting. The number of events told."""
        told = 0
        while events := await self._store.read(lambda conn: outbox.pending(conn, BATCH)):
            for event in events:
                for tell in self._tellers:
                    await tell(event)
            await self._store.write(partial(_forget, seqs=[event.seq for event in events]))
            told += len(events)
        return told

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.deliver()
            except Exception:
                # What was not told stays in the outbox: the next event or start tries again.
                log.exception("events could not be told")


def _forget(conn: Connection, seqs: list[int]) -> None:
    outbox.delivered(conn, seqs)
