"""Timers by name: the earliest time that was asked for wins."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from abaco_server.model.clock import Clock


class Timers:
    """`ring` is called with a name when its time has come."""

    def __init__(self, clock: Clock, ring: Callable[[str | None], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._set: dict[str | None, tuple[datetime, asyncio.TimerHandle]] = {}
        self._closed = False

    def set(self, name: str | None, at: datetime) -> None:
        if self._closed:
            return
        if name in self._set:
            earlier, timer = self._set[name]
            if earlier <= at:
                return
            timer.cancel()
        delay = max((at - self._clock.now()).total_seconds(), 0)
        timer = asyncio.get_running_loop().call_later(delay, self._rung, name)
        self._set[name] = (at, timer)

    def close(self) -> None:
        """None rings any more."""
        self._closed = True
        for _, timer in self._set.values():
            timer.cancel()
        self._set.clear()

    def _rung(self, name: str | None) -> None:
        self._set.pop(name, None)
        self._ring(name)
