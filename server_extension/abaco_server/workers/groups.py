"""Executions that one worker runs one after the other, in a container that they share.

What `runs` does for one execution is done here for many at once: one look at the actor, one
transaction for all ends that are told together.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server.model.actor import Actor
from abaco_server.model.execution import Finished
from abaco_server.model.log import LogBuffer
from abaco_server.model.message import Lease
from abaco_server.model.task import Ended, FailureKind, Outcome, ResultBody, RunFailed
from abaco_server.outcomes.ledger import Ledger
from abaco_server.outcomes.record import End
from abaco_server.workers.insisting import Insist
from abaco_server.workers.live import Tell

log = logging.getLogger(__name__)


class LiveGroup:
    """The runner's GroupWatch. Whatever it cannot record ends the group, so it insists."""

    def __init__(
        self,
        actor: Actor,
        leases: Sequence[Lease],
        ledger: Ledger,
        tell: Tell,
        insist: Insist,
        ended: Callable[[str], None],
        slow: Callable[[Sequence[str]], None],
    ) -> None:
        """`ended` is told the id of each execution that is not live any more, `slow` which stand
        behind one that takes long."""
        self._actor = actor
        self._leases = {lease.message.execution_id: lease for lease in leases}
        self._ledger = ledger
        self._tell = tell
        self._insist = insist
        self._ended = ended
        self._slow = slow
        self._logs: dict[str, LogBuffer] = {}
        self._known: set[str] = set()
        """Of which it was told that they run."""
        self._answered: set[str] = set()
        """That have a result on record."""
        self._left = dict.fromkeys(self._leases)
        self._took = timedelta(0)
        self._longest = timedelta(0)
        self.withdrawals: set[asyncio.Future[None]] = set()
        """While the runner is asked to withdraw some, nobody knows of which it still will tell."""
        self.ran: list[str] = []
        """Whose outcome is on record."""
        self.rests = False
        """It is on record as well that the worker has nothing more to run."""
        self.broken: list[tuple[Lease, RunFailed, LogBuffer]] = []

    def log_so_far(self, execution_id: str) -> str:
        buffer = self._logs.get(execution_id)
        return "" if buffer is None else buffer.text

    @property
    def pace(self) -> timedelta | None:
        """How long one takes: the mean, but a slow one among many quick ones counts."""
        if not self.ran:
            return None
        return max(self._took / len(self.ran), self._longest / 16)

    # ---- what the runner says ------------------------------------------------------------------

    async def started(self, execution_id: str, at: datetime) -> None:
        lease = self._leases[execution_id]
        self._known.add(execution_id)
        await self._insist(execution_id, lambda: self._ledger.started(lease, at))
        self._tell.status(execution_id, ExecutionStatus.RUNNING)
        if behind := [one for one in self._left if one != execution_id]:
            self._slow(behind)

    async def log(self, execution_id: str, chunk: bytes) -> None:
        buffer = self._logs.setdefault(execution_id, LogBuffer())
        offset = buffer.length
        if added := buffer.append(chunk):
            self._tell.log(execution_id, offset, added)

    async def result(self, execution_id: str, key: str, body: ResultBody) -> None:
        self._answered.add(execution_id)
        await self._insist(execution_id, lambda: self._ledger.result(execution_id, key, body))
        self._tell.result(execution_id)

    async def ended(self, ended: Sequence[Ended]) -> None:
        ends = []
        for one in ended:
            self._left.pop(one.execution_id)
            buffer = self._logs.pop(one.execution_id, None)
            if buffer is None and (one.log or isinstance(one.end, RunFailed)):
                buffer = LogBuffer()
            if buffer is not None:
                buffer.append(one.log, final=True)
            if isinstance(one.end, RunFailed):
                assert buffer is not None
                self.broken.append((self._leases[one.execution_id], one.end, buffer))
                self._ended(one.execution_id)
            else:
                ends.append(_end(one, one.end, "" if buffer is None else buffer.text))
        if ends:
            await self._record(ends)

    def withdrawn(self, execution_id: str) -> None:
        """It is not of this group any more."""
        self._left.pop(execution_id, None)
        self._ended(execution_id)

    def lost(self, reason: str) -> None:
        """The runner says no more. What it did not tell about may have begun."""
        for execution_id in list(self._left):
            failure = RunFailed(FailureKind.INTERNAL, reason, started=True)
            buffer = self._logs.pop(execution_id, None) or LogBuffer()
            self.broken.append((self._leases[execution_id], failure, buffer))
            self._ended(execution_id)
        self._left.clear()

    async def _record(self, ends: list[End]) -> None:
        worker_id = None if self._left else self._leases[ends[0].execution_id].worker_id
        await self._insist(
            ends[0].execution_id,
            lambda: self._ledger.finish_some(
                self._leases, ends, self._actor, known=self._known, rests=worker_id
            ),
        )
        self.rests = worker_id is not None
        for one in ends:
            took = one.outcome.finish_time - one.outcome.start_time
            self._took += took
            self._longest = max(self._longest, took)
            self.ran.append(one.execution_id)
            self._ended(one.execution_id)
        self._tell.finished(self._actor.id, [self._finished(one) for one in ends])

    def _finished(self, one: End) -> Finished:
        elsewhere = one.execution_id in self._answered
        return Finished(
            id=one.execution_id,
            status=ExecutionStatus.COMPLETE,
            exit_code=one.outcome.exit_code,
            results=None if elsewhere else tuple(body for _, body in one.results),
        )


def _end(one: Ended, outcome: Outcome, log: str) -> End:
    return End(
        execution_id=one.execution_id,
        outcome=outcome,
        log=log,
        results=one.results,
        state=one.state,
    )
