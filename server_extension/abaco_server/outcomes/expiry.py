"""What has had its time (logs, results, deliveries, tokens), and files that no row names."""

import asyncio
import logging
from datetime import timedelta

from abaco_server.model.clock import Clock
from abaco_server.store import Connection, Store, deliveries, logs, oauth, results, tokens

log = logging.getLogger(__name__)

EVERY = timedelta(hours=1)
DELIVERIES = timedelta(days=7)
"""How long the log of an actor's webhook goes back."""


class Expiry:
    """One task that tidies the store at the start and then every hour."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="abaco-expiry")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def tidy(self) -> None:
        """Reading hides what has expired already; this frees its room."""
        now = self._clock.now()

        def work(conn: Connection) -> None:
            logs.delete_expired(conn, now)
            results.delete_expired(conn, now)
            deliveries.delete_ended(conn, now - DELIVERIES)
            tokens.delete_expired(conn, now)
            oauth.delete_expired(conn, now)

        await self._store.write(work)
        await self._store.sweep()

    async def _run(self) -> None:
        while True:
            try:
                await self.tidy()
            except Exception:
                log.exception("the store could not be tidied; trying again in an hour")
            await asyncio.sleep(EVERY.total_seconds())
