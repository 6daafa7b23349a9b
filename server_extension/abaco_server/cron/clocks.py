"""The actors' clocks: one task that sends a message when an hour has come.

A clock is due in the hour of its `cronNextEx` and after it. Sending and moving its hands are one
transaction that holds only if the clock is still as it was seen, so each hour is sent once, also
with two servers on one store, and whenever one dies. Hours that were missed are made up one a
pass, as Abaco does.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from abaco_jupyter.wire.codes import ContentType, ExecutionStatus
from abaco_jupyter.wire.ids import IdSource
from abaco_server.cron import steps
from abaco_server.model.clock import Clock
from abaco_server.model.execution import Execution
from abaco_server.model.message import Message
from abaco_server.store import Connection, Store, clocks
from abaco_server.store.clocks import ActorClock

log = logging.getLogger(__name__)

TEXT = "This is your cron execution"
EXECUTOR = "cron"

PASS = timedelta(seconds=50)
"""Between two runs of one actor that make up for missed hours."""

LONGEST_SLEEP = timedelta(seconds=60)
"""A machine that was suspended wakes with its timers late: the time is compared this often."""

Submit = Callable[[Connection, list[tuple[Execution, Message]]], list[bool]]
"""Execution and queue rows; which of the messages were taken."""


class Clocks:
    """`start` it, `wake` it when an actor's clock was set, `stop` it."""

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
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._rests: dict[str, datetime] = {}
        """Actors with more hours to make up, and when the next of them is sent."""

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="abaco-cron")

    def wake(self) -> None:
        self._wake.set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

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
        return all(self._submit(conn, [self._message(seen, now)]))

    def _message(self, seen: ActorClock, now: datetime) -> tuple[Execution, Message]:
        execution = Execution(
            id=self._new_id(),
            actor_id=seen.actor_id,
            tenant=seen.tenant,
            api_server=seen.api_server,
            executor=EXECUTOR,
            status=ExecutionStatus.SUBMITTED,
            message_received_time=now,
        )
        message = Message(
            execution_id=execution.id,
            actor_id=seen.actor_id,
            content_type=ContentType.TEXT,
            body=TEXT.encode(),
            # Nobody sends it, from nowhere: both are absent in the container (section 10).
            environment={
                "Time_msg_queued": now.timestamp(),
                "_abaco_username": None,
                "_abaco_api_server": None,
            },
            executor=EXECUTOR,
        )
        return execution, message

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                again = await self.look()
            except Exception:
                log.exception("the actors' clocks could not be read; trying again in %s", PASS)
                again = self._clock.now() + PASS
            await self._sleep(again)

    async def _sleep(self, until: datetime) -> None:
        """Until then, or until somebody wakes us."""
        while (left := until - self._clock.now()) > timedelta(0) and not self._wake.is_set():
            try:
                async with asyncio.timeout(min(left, LONGEST_SLEEP).total_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                continue
