"""The actors' clocks: a message is sent when its hour has come.

A clock is due in the hour of its `cronNextEx` and after it. Sending and moving its hands are one
transaction that holds only if the clock is still as it was seen, so each hour is sent once, also
with two servers on one store, and whenever one dies. Hours that were missed are made up one a
pass, as Abaco does.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from abaco_jupyter.wire.codes import ContentType
from abaco_jupyter.wire.ids import IdSource
from abaco_server.cron import sending, steps
from abaco_server.cron.sending import Submit
from abaco_server.model.clock import Clock
from abaco_server.store import Connection, Store, clocks
from abaco_server.store.clocks import ActorClock

TEXT = "This is your cron execution"

PASS = timedelta(seconds=50)
"""Between two runs of one actor that make up for missed hours."""


class Clocks:
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
        self._rests: dict[str, datetime] = {}
        """Actors with more hours to make up, and when the next of them is sent."""

    async def look(self) -> datetime:
        """One pass: send what is due. When to look again."""
        now = self._clock.now()
        this_hour = steps.hour(now)
        again = this_hour + steps.HOUR
        self._rests = {actor: until for actor, until in self._rests.items() if until > now}
        for seen in await self._store.read(clocks.all):
            due = steps.read(seen.next_text)
            if due > this_hour or seen.actor_id in self._rests:
                continue
            after = steps.advance(due, seen.schedule)
            if await self._store.write(partial(self._ring, seen=seen, after=after, now=now)):
                self._woken(seen.actor_id)
            if after <= this_hour:
                self._rests[seen.actor_id] = now + PASS
        return min([again, *self._rests.values()])

    def _ring(self, conn: Connection, seen: ActorClock, after: datetime, now: datetime) -> bool:
        """Whether a message was sent. A clock that is off moves on in silence."""
        if not clocks.advance(conn, seen, steps.write(after)) or not seen.on:
            return False
        message = sending.rows(
            seen, self._new_id(), now, content_type=ContentType.TEXT, body=TEXT.encode()
        )
        return all(self._submit(conn, [message]))
