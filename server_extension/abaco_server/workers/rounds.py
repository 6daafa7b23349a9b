"""What is done again and again, each round in its own period."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

log = logging.getLogger(__name__)

Round = tuple[str, timedelta, Callable[[], Awaitable[None]]]
"""Name, period, what is done."""


class Rounds:
    """`start` them, `stop` them. A round that fails is done again in its next turn."""

    def __init__(self, *rounds: Round) -> None:
        self._rounds = rounds
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for name, period, work in self._rounds:
            task = asyncio.create_task(_repeat(name, period, work), name=f"abaco-{name}")
            self._tasks.append(task)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _repeat(name: str, period: timedelta, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(period.total_seconds())
        try:
            await work()
        except Exception:
            log.exception("the round %r failed; the next one is in %s", name, period)
