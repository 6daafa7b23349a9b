"""What a worker took and has not begun goes back to the queue: for others, or to be cancelled."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import timedelta

from abaco_server.model.clock import Clock
from abaco_server.model.message import Lease
from abaco_server.outcomes.ledger import Ledger
from abaco_server.workers import events as e
from abaco_server.workers.runs import Runs

_ANSWER = 5.0
"""Seconds after which a runner that does not say whether it has begun is told to halt it."""


class Relief:
    """Loop thread only. `leases` and `running` are the pool's: what is withdrawn is taken out."""

    def __init__(
        self,
        runs: Runs,
        ledger: Ledger,
        clock: Clock,
        leases: dict[str, Lease],
        running: dict[str, "asyncio.Task[None]"],
        feed: Callable[[e.Event], None],
        review: Callable[[str], None],
    ) -> None:
        self._runs = runs
        self._ledger = ledger
        self._clock = clock
        self._leases = leases
        self._running = running
        self._feed = feed
        self._review = review
        self._under_way: set[asyncio.Future[list[str]]] = set()

    async def relieve(self, execution_ids: Sequence[str]) -> None:
        """They stand behind one that takes long: whoever has time runs them."""
        await self.withdraw(execution_ids, timedelta(0))

    async def stop(self, execution_id: str, halt: Callable[[str], None]) -> None:
        """One that has not begun cannot be halted, and would run later: it never does."""
        found: list[str] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER):
                found = await self.withdraw([execution_id], timedelta(0))
        if not found:
            halt(execution_id)

    async def withdraw(self, execution_ids: Sequence[str], hold: timedelta) -> list[str]:
        """As `Pool.withdraw`. Whoever asks may go: what is withdrawn goes back all the same."""
        work = asyncio.ensure_future(self._withdraw(execution_ids, hold))
        self._under_way.add(work)
        work.add_done_callback(self._under_way.discard)
        return await asyncio.shield(work)

    async def _withdraw(self, execution_ids: Sequence[str], hold: timedelta) -> list[str]:
        """Should the store fail now, their leases run out by themselves."""
        found = await self._runs.withdraw(execution_ids)
        leases = [self._leases.pop(one) for one in found]
        for lease in leases:
            execution_id = lease.message.execution_id
            self._running.pop(execution_id, None)
            self._feed(
                e.Withdrawn(
                    actor_id=lease.message.actor_id,
                    worker_id=lease.worker_id,
                    execution_id=execution_id,
                )
            )
        if found:
            await self._ledger.return_some(found, self._clock.now() + hold if hold else None)
        for actor_id in {lease.message.actor_id for lease in leases}:
            self._review(actor_id)
        return found
