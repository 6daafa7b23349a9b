"""What an earlier life of the service left: go on with what runs, run again what never began."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from abaco_server.model.actor import Actor
from abaco_server.model.message import Lease
from abaco_server.model.task import Handle, RunFailed
from abaco_server.outcomes.ledger import Ledger
from abaco_server.outcomes.roster import Roster
from abaco_server.runners.protocol import Runner
from abaco_server.workers.insisting import RECORD_TRIES
from abaco_server.workers.policy import Policy
from abaco_server.workers.runs import Runs

log = logging.getLogger(__name__)


class Heir:
    """`leases` is what is on loan here: what is given back or ended is taken out of it."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        roster: Roster,
        runner: Runner,
        runs: Runs,
        policy: Policy,
        leases: dict[str, Lease],
    ) -> None:
        self._ledger = ledger
        self._roster = roster
        self._runner = runner
        self._runs = runs
        self._policy = policy
        self._leases = leases

    async def take_up(
        self,
        left: dict[str, Lease],
        adopt: Callable[[Lease, Handle, Actor], None],
        orphaned: Callable[[str], None],
    ) -> None:
        """`adopt` is called with what still runs or has ended unrecorded, `orphaned` with the
        ids of runs of which nobody wants to know any more."""
        for handle in await self._remains():
            await self._insist(
                handle.execution_id, partial(self._take_one, handle, left, adopt, orphaned)
            )
            # Not settled below, where nothing is left of it: if it could not be taken up, it
            # stays on loan for the next life.
            left.pop(handle.execution_id, None)
        for execution_id, lease in left.items():
            await self._insist(execution_id, partial(self._settle, lease))

    async def _take_one(
        self,
        handle: Handle,
        left: dict[str, Lease],
        adopt: Callable[[Lease, Handle, Actor], None],
        orphaned: Callable[[str], None],
    ) -> None:
        lease = left.get(handle.execution_id)
        actor = None if lease is None else await self._roster.actor(handle.actor_id)
        if lease is not None and actor is None:
            await self._settle(lease)
        if lease is None or actor is None:
            orphaned(handle.execution_id)
        elif handle.started:
            await self._record_worker(actor, lease)
            adopt(lease, handle, actor)
        else:
            await self._runs.clear(handle.execution_id)
            await self._ledger.give_back(lease, None)
            self._leases.pop(handle.execution_id, None)

    async def _record_worker(self, actor: Actor, lease: Lease) -> None:
        """A worker that no list shows is better than a run that nobody sees through."""
        try:
            await self._roster.begin_worker(actor.id, lease.worker_id, actor.image)
            await self._roster.worker_ready(lease.worker_id)
        except Exception:
            log.exception("worker %s of an earlier life is not on record", lease.worker_id)

    async def _settle(self, lease: Lease) -> None:
        """Nothing is left of its run."""
        actor = await self._roster.actor(lease.message.actor_id)
        await self._ledger.settle_lost(lease, actor)
        self._leases.pop(lease.message.execution_id, None)

    async def _insist(self, execution_id: str, work: Callable[[], Awaitable[None]]) -> None:
        """A store that fails for a moment, or one bad record, must not cost the others."""
        for failures in range(1, RECORD_TRIES + 1):
            try:
                return await work()
            except Exception:
                log.exception("what is left of %s could not be taken up", execution_id)
            if failures < RECORD_TRIES:
                await asyncio.sleep(self._policy.backoff(failures).total_seconds())

    async def _remains(self) -> list[Handle]:
        """While the engine is down nobody can tell what still runs: wait for it."""
        failures = 0
        while True:
            try:
                return await self._runner.remains()
            except RunFailed as failure:
                failures += 1
                delay = self._policy.backoff(failures)
                log.warning("cannot look for running executions: %s", failure.reason)
                await asyncio.sleep(delay.total_seconds())
