"""One task that looks when it is time: a wake-up event and a deadline."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from abaco_server.model.clock import Clock

log = logging.getLogger(__name__)

LONGEST_SLEEP = timedelta(seconds=60)
"""A machine that was suspended wakes with its timers late: the time is compared this often."""

RETRY = timedelta(seconds=50)

Look = Callable[[], Awaitable[datetime]]
"""Does what is due, and says when to look again."""


class Ticker:
    """`start` it, `wake` it when a schedule was made, `stop` it."""

    def __init__(self, clock: Clock, looks: Sequence[Look]) -> None:
        self._clock = clock
        self._looks = looks
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="abaco-cron")

    def wake(self) -> None:
        self._wake.set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            await self._sleep(min([await self._once(look) for look in self._looks]))

    async def _once(self, look: Look) -> datetime:
        try:
            return await look()
        except Exception:
            log.exception("schedules could not be looked at; trying again in %s", RETRY)
            return self._clock.now() + RETRY

    async def _sleep(self, until: datetime) -> None:
        """Until then, or until somebody wakes us."""
        while (left := until - self._clock.now()) > timedelta(0) and not self._wake.is_set():
            try:
                async with asyncio.timeout(min(left, LONGEST_SLEEP).total_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                continue
