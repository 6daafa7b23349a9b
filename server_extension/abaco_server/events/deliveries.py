"""Webhook deliveries: one POST a time and in order for each actor, several actors side by side.

An answer ends a delivery whatever its status, as in Abaco; only 429, 502, 503 and 504 say that
nobody has read it yet, and are tried again like a POST that got no answer. A delivery that is
tried again holds up those behind it; the limits of `Patience` say for how long.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from abaco_jupyter.wire.codes import DeliveryStatus
from abaco_server.events.webhooks import Refused, Unreachable
from abaco_server.model.clock import Clock
from abaco_server.model.delivery import Delivery
from abaco_server.store import Store, deliveries

log = logging.getLogger(__name__)

Post = Callable[[Delivery], Awaitable[int]]
"""`Webhooks.post`: the answer's status, or Refused or Unreachable."""

UNREAD = frozenset({429, 502, 503, 504})
"""Answers of somebody who stands before the receiver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    first: timedelta = timedelta(seconds=2)
    """Before the second attempt; each further wait is twice as long."""
    longest: timedelta = timedelta(minutes=10)
    attempts: int = 8
    give_up: timedelta = timedelta(hours=1)
    """What is older is not tried again: a dead receiver holds up no backlog for days."""
    claim: timedelta = timedelta(seconds=60)
    """An attempt of which nothing was heard for so long was that of a server that died."""
    at_once: int = 16
    """Actors whose webhooks are posted to at the same time."""

    def next_time(self, made: int, since: datetime, now: datetime) -> datetime | None:
        """After so many attempts, of which none got an answer; None: they were enough."""
        if made >= self.attempts or now - since >= self.give_up:
            return None
        wait: timedelta = self.first * 2 ** (made - 1)
        return now + min(wait, self.longest)


class Deliveries:
    """One task that looks what is due, and one for each POST. `start`, `wake`, `stop` it."""

    def __init__(
        self, store: Store, clock: Clock, post: Post, patience: Patience | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._post = post
        self._patience = patience or Patience()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._posting: dict[str, asyncio.Task[None]] = {}
        """By actor."""

    def start(self) -> None:
        self._wake.set()
        self._task = asyncio.create_task(self._run(), name="abaco-deliveries")

    def wake(self) -> None:
        """There is a new delivery."""
        self._wake.set()

    async def stop(self) -> None:
        """A POST that is under way is cut off, and is made again after the next start."""
        left = [*self._posting.values(), *([self._task] if self._task else [])]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                wait = await self._begin_due()
            except Exception:
                log.exception("webhook deliveries could not be looked up; trying again")
                wait = self._patience.first
            try:
                async with asyncio.timeout(None if wait is None else wait.total_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _begin_due(self) -> timedelta | None:
        """Begin what is due. How long until the next one is; None: until somebody wakes us."""
        now = self._clock.now()
        waits: list[timedelta] = []
        for head in await self._store.read(deliveries.heads):
            if head.actor_id in self._posting:
                continue
            if head.next_time is not None and head.next_time > now:
                waits.append(head.next_time - now)
            elif len(self._posting) < self._patience.at_once:
                self._begin(head)
        return min(waits, default=None)

    def _begin(self, head: Delivery) -> None:
        task = asyncio.create_task(self._attempt(head), name=f"abaco-delivery {head.id}")
        self._posting[head.actor_id] = task

        def done(task: asyncio.Task[None]) -> None:
            del self._posting[head.actor_id]
            if task.cancelled():
                return
            if (error := task.exception()) is None:
                self._wake.set()
                return
            # The store refused: leave it alone for a moment.
            log.error("delivery %s went wrong", head.id, exc_info=error)
            task.get_loop().call_later(self._patience.first.total_seconds(), self._wake.set)

        task.add_done_callback(done)

    async def _attempt(self, seen: Delivery) -> None:
        now = self._clock.now()
        until = now + self._patience.claim
        if not await self._store.write(lambda conn: deliveries.claim(conn, seen, now, until)):
            return
        try:
            answer = await self._post(seen)
        except Refused as refused:
            await self._end(seen, DeliveryStatus.REFUSED, None, str(refused))
        except Unreachable as unreachable:
            await self._again(seen, None, str(unreachable))
        else:
            if answer in UNREAD:
                await self._again(seen, answer, f"answered {answer}")
            else:
                await self._end(seen, DeliveryStatus.DELIVERED, answer, None)

    async def _again(self, seen: Delivery, answer: int | None, error: str) -> None:
        now = self._clock.now()
        at = self._patience.next_time(seen.attempts + 1, seen.create_time, now)
        if at is None:
            await self._end(seen, DeliveryStatus.FAILED, answer, error)
            return
        await self._store.write(lambda conn: deliveries.postpone(conn, seen.id, at, answer, error))

    async def _end(
        self, seen: Delivery, status: DeliveryStatus, answer: int | None, error: str | None
    ) -> None:
        if status is not DeliveryStatus.DELIVERED:
            log.warning("webhook of actor %s: %s, %s", seen.actor_id, status.value, error)
        await self._store.write(
            lambda conn: deliveries.end(conn, seen.id, status, answer=answer, error=error)
        )
