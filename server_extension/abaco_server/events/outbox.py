"""The outbox: events that are on record and have not been told yet, in order.

Whatever wrote an event in its own transaction calls `wake`; a restart begins with what is left.
An event leaves the outbox in the transaction that makes its rows for links and webhooks.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from abaco_server.events.relay import Relay, Relayed
from abaco_server.store import Connection, Store, outbox

log = logging.getLogger(__name__)

BATCH = 200
RETRY = timedelta(seconds=5)
"""When the store refused: until then it is left alone."""


def _nothing() -> None:
    """Nobody posts webhooks."""


class Outbox:
    """One task that delivers. `start` it, `wake` it, `stop` it.

    `woken` hears of every actor that has got a message, `posting` of new webhook deliveries.
    """

    def __init__(
        self,
        store: Store,
        relay: Relay,
        *,
        woken: Callable[[str], None],
        posting: Callable[[], None] = _nothing,
    ) -> None:
        self._store = store
        self._relay = relay
        self._woken = woken
        self._posting = posting
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
        while True:
            relayed = await self._store.write(self._take)
            told += relayed.events
            for actor_id in relayed.receivers:
                self._woken(actor_id)
            if relayed.deliveries:
                self._posting()
            if relayed.events < BATCH:
                return told

    def _take(self, conn: Connection) -> Relayed:
        return self._relay(conn, outbox.take(conn, BATCH))

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.deliver()
            except Exception:
                # What was not told stays in the outbox.
                log.exception("events could not be told; trying again in %s", RETRY)
                asyncio.get_running_loop().call_later(RETRY.total_seconds(), self._wake.set)
