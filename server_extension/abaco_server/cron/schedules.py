"""Schedules of ours: sends what is due, and says when to look again.

As with the actors' clocks, sending and moving on are one transaction that holds only if the
schedule is still as it was seen.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from abaco_jupyter.wire.ids import IdSource
from abaco_server.cron import sending
from abaco_server.cron.five_fields import next_time
from abaco_server.cron.sending import Submit
from abaco_server.model.clock import Clock
from abaco_server.model.schedule import Schedule
from abaco_server.store import Connection, Store, schedules

log = logging.getLogger(__name__)

LONGEST = timedelta(hours=1)
"""Another server on the same store may have made a schedule and died."""

MOST_AT_ONCE = 100
"""Missed runs of one schedule that are sent; those after them are left out."""


class Schedules:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        submit: Submit,
        woken: Callable[[str], None],
        new_id: IdSource,
    ) -> None:
        self._store = store
        self._clock = clock
        self._submit = submit
        self._woken = woken
        self._new_id = new_id

    async def look(self) -> datetime:
        """One pass: send what is due. When to look again."""
        now = self._clock.now()
        for seen in await self._store.read(lambda conn: schedules.due(conn, now)):
            runs, after = _runs(seen, now)
            if not runs:
                log.warning("schedule %s of actor %s missed its time", seen.id, seen.actor_id)
            ring = partial(self._ring, seen=seen, runs=runs, after=after, now=now)
            if await self._store.write(ring):
                self._woken(seen.actor_id)
        upcoming = await self._store.read(schedules.next_due)
        return min(now + LONGEST, upcoming or now + LONGEST)

    def _ring(
        self, conn: Connection, seen: Schedule, runs: int, after: datetime | None, now: datetime
    ) -> bool:
        """Whether messages were sent."""
        last_time = now if runs else seen.last_time
        if not schedules.advance(conn, seen, after, last_time) or not runs:
            return False
        messages = [
            sending.rows(seen, self._new_id(), now, content_type=seen.content_type, body=seen.body)
            for _ in range(runs)
        ]
        return all(self._submit(conn, messages))


def _runs(seen: Schedule, now: datetime) -> tuple[int, datetime | None]:
    """How often to send, and the first time that is still to come."""
    at = seen.next_time
    earliest = None if seen.misfire_grace is None else now - seen.misfire_grace
    if at is not None and earliest is not None and at < earliest:
        # What is too late is left out, however many times there were.
        at = next_time(seen.cron, seen.time_zone, earliest - timedelta(microseconds=1))
    runs, most = 0, 1 if seen.coalesce else MOST_AT_ONCE
    while at is not None and at <= now and runs < most:
        runs += 1
        at = next_time(seen.cron, seen.time_zone, at)
    if at is not None and at <= now:
        at = next_time(seen.cron, seen.time_zone, now)
    return runs, at
