"""The executions that run now: each from its lease to its record.

`run` and `resume` see one execution through and return the event that the machine has to hear.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server.model.actor import Actor
from abaco_server.model.message import Lease
from abaco_server.model.task import FailureKind, Handle, Outcome, Place, RunFailed
from abaco_server.outcomes.ledger import ActorOfRun, Ledger
from abaco_server.outcomes.roster import Roster
from abaco_server.runners.protocol import GroupRunner, Runner
from abaco_server.workers.context import TalkBack, group_for, place_for, task_for
from abaco_server.workers.events import Broke, Ran
from abaco_server.workers.groups import LiveGroup
from abaco_server.workers.insisting import insisting
from abaco_server.workers.live import LiveRun, Tell
from abaco_server.workers.policy import Policy

log = logging.getLogger(__name__)


class AnyRunner(Runner, GroupRunner, Protocol):
    """Of single executions and of groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """What holds for an execution whose actor says nothing. None: no limit."""

    timeout: timedelta | None = None
    memory: int | None = None
    nano_cpus: int | None = None


class Runs:
    """What runs now, by execution id."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        roster: Roster,
        runner: AnyRunner,
        tell: Tell,
        limits: RunLimits,
        policy: Policy,
        talk_back: TalkBack | None = None,
    ) -> None:
        self._ledger = ledger
        self._roster = roster
        self._runner = runner
        self._tell = tell
        self._limits = limits
        self._insist = insisting(policy)
        self._talk_back = talk_back
        self._live: dict[str, LiveRun] = {}
        self._grouped: dict[str, LiveGroup] = {}

    def __len__(self) -> int:
        return len(self._live) + len(self._grouped)

    def live_log(self, execution_id: str) -> str | None:
        live = self._live.get(execution_id)
        if live is not None:
            return live.log_so_far.text
        group = self._grouped.get(execution_id)
        return None if group is None else group.log_so_far(execution_id)

    def place(self, actor: Actor) -> Place:
        """Where its executions run, each with limits of its own or these."""
        limits = self._limits
        return place_for(actor, default_memory=limits.memory, default_nano_cpus=limits.nano_cpus)

    async def run(self, lease: Lease) -> Ran | Broke:
        live = self._watch(lease)
        try:
            found = await self._roster.actor_with_configs(lease.message.actor_id)
            body = await self._ledger.body(lease.message)
        except FileNotFoundError as error:
            # The message is gone for good: there is nothing to try again with.
            return _broke(lease, RunFailed(FailureKind.INTERNAL, str(error), started=True))
        except Exception as error:
            log.exception("actor or message of %s cannot be read", lease.message.execution_id)
            return _broke(lease, RunFailed(FailureKind.INTERNAL, repr(error)))
        if found is None:
            gone = RunFailed(FailureKind.INTERNAL, "its actor was deleted", started=True)
            return _broke(lease, gone)
        actor, configs = found
        try:
            task = task_for(
                actor,
                lease,
                body,
                configs=configs,
                talk_back=self._talk_back,
                default_memory=self._limits.memory,
                default_nano_cpus=self._limits.nano_cpus,
                timeout=self._limits.timeout,
            )
        except Exception as error:
            # A message that cannot be turned into a task never can be: say so, do not retry.
            log.exception("execution %s has no task", lease.message.execution_id)
            return _broke(lease, RunFailed(FailureKind.INTERNAL, repr(error), started=True))
        return await self._see_through(live, actor, self._runner.run(task, live))

    async def run_group(
        self,
        leases: Sequence[Lease],
        found: ActorOfRun | None,
        slow: Callable[[Sequence[str]], None],
    ) -> list[Ran | Broke]:
        """Messages of one actor that one worker took; what the machine has to hear of them.

        `found` is what was read of the actor when they were taken, if it was; `slow` is told
        which stand behind one that takes long.
        """
        try:
            if found is None:
                found = await self._roster.actor_with_configs(leases[0].message.actor_id)
            bodies = [(lease, await self._ledger.body(lease.message)) for lease in leases]
            if found is None:
                raise FileNotFoundError("its actor was deleted")
            actor, configs = found
            group = group_for(
                actor,
                bodies,
                configs=configs,
                talk_back=self._talk_back,
                default_memory=self._limits.memory,
                default_nano_cpus=self._limits.nano_cpus,
                timeout=self._limits.timeout,
            )
        except Exception:
            # One of them, or their actor: each on its own tells which, and why.
            log.info("%d executions are no group", len(leases), exc_info=True)
            return [await self.run(lease) for lease in leases]
        live = LiveGroup(
            actor, leases, self._ledger, self._tell, self._insist, self._no_longer_grouped, slow
        )
        self._grouped.update((member.execution_id, live) for member in group.members)
        reason = "the runner did not tell how it ended"
        try:
            await self._runner.run_group(group, live)
        except Exception as error:
            log.exception("a group of %d executions broke", len(leases))
            reason = repr(error)
        while live.withdrawals:
            await asyncio.wait(live.withdrawals)
        live.lost(reason)
        return await self._after(live, leases[0])

    async def withdraw(self, execution_ids: Sequence[str]) -> list[str]:
        """Those of a group that have not begun: nobody here will run them."""
        known = {one: self._grouped[one] for one in execution_ids if one in self._grouped}
        over = asyncio.get_running_loop().create_future()
        for live in known.values():
            live.withdrawals.add(over)
        try:
            found = await self._runner.withdraw([*known]) if known else []
            for execution_id in found:
                known[execution_id].withdrawn(execution_id)
        finally:
            for live in known.values():
                live.withdrawals.discard(over)
            over.set_result(None)
        return found

    async def resume(self, lease: Lease, handle: Handle, actor: Actor) -> Ran | Broke:
        live = self._watch(lease)
        live.has_started = True
        return await self._see_through(live, actor, self._runner.resume(handle, live))

    def lost(self, lease: Lease) -> Broke:
        """Nobody sees it through any more. Only what certainly never began may run again."""
        live = self._live.get(lease.message.execution_id)
        started = live is None or live.has_started
        if live is None:
            self._watch(lease)
        reason = "The service lost this execution while it ran."
        return _broke(lease, RunFailed(FailureKind.INTERNAL, reason, started=started))

    async def give_back(
        self, lease: Lease, not_before: datetime | None, *, counted: bool = False
    ) -> None:
        """It has not started: it will run later."""
        if self._live.pop(lease.message.execution_id, None) is not None:
            await self.clear(lease.message.execution_id)
        await self._ledger.give_back(lease, not_before, counted=counted)

    async def fail(self, execution_id: str, reason: str) -> None:
        live = self._live[execution_id]

        async def record() -> None:
            actor = await self._roster.actor(live.lease.message.actor_id)
            await self._ledger.fail(live.lease, reason, live.log_so_far, actor)

        await self._insist(execution_id, record)
        self._ended(live, ExecutionStatus.ERROR)
        await self.clear(execution_id)

    async def clear(self, execution_id: str) -> None:
        """What cannot be cleared away now is found by its labels at the next start."""
        try:
            await self._runner.clear(execution_id)
        except RunFailed as failure:
            log.warning("execution %s was not cleared away: %s", execution_id, failure.reason)

    async def _after(self, live: LiveGroup, first: Lease) -> list[Ran | Broke]:
        events: list[Ran | Broke] = []
        if live.ran:
            events.append(
                Ran(
                    actor_id=first.message.actor_id,
                    worker_id=first.worker_id,
                    execution_ids=tuple(live.ran),
                    pace=live.pace,
                )
            )
            if not live.rests:
                await self._rests(first.worker_id)
        for lease, failure, buffer in live.broken:
            # From here on as an execution that ran alone.
            self._watch(lease).log_so_far = buffer
            events.append(_broke(lease, failure))
        return events

    async def _rests(self, worker_id: str) -> None:
        """What it ran is on record, and must not be taken for lost if this never is."""
        try:
            await self._insist(worker_id, lambda: self._ledger.rests(worker_id))
        except Exception:
            log.exception("worker %s is shown as BUSY until it has run something more", worker_id)

    def _no_longer_grouped(self, execution_id: str) -> None:
        self._grouped.pop(execution_id, None)

    async def _see_through(
        self, live: LiveRun, actor: Actor, work: Awaitable[Outcome]
    ) -> Ran | Broke:
        """Await the run; then its record, in one transaction; then clear away what it left."""
        lease = live.lease
        try:
            outcome = await work
            await self._insist(
                lease.message.execution_id,
                lambda: self._ledger.finish(lease, outcome, live.log_so_far, actor),
            )
        except RunFailed as failure:
            return _broke(lease, failure)
        except Exception as error:
            log.exception("execution %s broke", lease.message.execution_id)
            started = live.has_started
            return _broke(lease, RunFailed(FailureKind.INTERNAL, repr(error), started=started))
        self._ended(live, ExecutionStatus.COMPLETE, outcome.exit_code)
        await self.clear(lease.message.execution_id)
        message = lease.message
        return Ran(
            actor_id=message.actor_id,
            worker_id=lease.worker_id,
            execution_ids=(message.execution_id,),
        )

    def _watch(self, lease: Lease) -> LiveRun:
        live = LiveRun(lease, self._ledger, self._tell, self._insist)
        self._live[lease.message.execution_id] = live
        return live

    def _ended(
        self, live: LiveRun, status: ExecutionStatus, exit_code: int | str | None = None
    ) -> None:
        self._live.pop(live.lease.message.execution_id, None)
        live.end(status, exit_code)


def _broke(lease: Lease, failure: RunFailed) -> Broke:
    message = lease.message
    log.warning("execution %s did not run to its end: %s", message.execution_id, failure.reason)
    return Broke(
        actor_id=message.actor_id,
        worker_id=lease.worker_id,
        execution_id=message.execution_id,
        kind=failure.kind,
        reason=failure.reason,
        started=failure.started,
        attempt=lease.attempt,
    )
