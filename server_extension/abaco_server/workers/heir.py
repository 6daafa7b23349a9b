"""What an earlier life of the service left: go on with what runs, run again what never began."""

import asyncio
import logging
from collections.abc import Callable

from abaco_server.model.actor import Actor
from abaco_server.model.message import Lease
from abaco_server.model.task import Handle, RunFailed
from abaco_server.outcomes.ledger import Ledger
from abaco_server.outcomes.roster import Roster
from abaco_server.runners.protocol import Runner
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
            lease = left.get(handle.execution_id)
            actor = None if lease is None else await self._roster.actor(handle.actor_id)
            if lease is None or actor is None:
                # Without an actor its record is ended below, as one of which nothing is left.
                orphaned(handle.execution_id)
                continue
            del left[handle.execution_id]
            if handle.started:
                await self._roster.begin_worker(actor.id, lease.worker_id, actor.image)
                await self._roster.worker_ready(lease.worker_id)
                adopt(lease, handle, actor)
            else:
                await self._runs.clear(handle.execution_id)
                await self._ledger.give_back(self._leases.pop(handle.execution_id), None)
        for execution_id, lease in left.items():
            actor = await self._roster.actor(lease.message.actor_id)
            await self._ledger.settle_lost(lease, actor)
            self._leases.pop(execution_id, None)

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
