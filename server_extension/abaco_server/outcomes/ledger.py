"""What the workers have to say about executions, written down.

The pool sees nothing of the store but this and `roster`: one method for each thing that can
happen to an execution, each one transaction.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from abaco_jupyter.wire.codes import ContentType, ExecutionStatus, WorkerStatus
from abaco_server import queue
from abaco_server.model.actor import Actor
from abaco_server.model.clock import Clock
from abaco_server.model.log import LogBuffer
from abaco_server.model.message import Lease, Message
from abaco_server.model.task import Outcome, ResultBody
from abaco_server.outcomes import record
from abaco_server.store import Connection, Store, actors, executions, logs, workers

LOST = "The service stopped while this execution ran, and nothing is left that tells how it ended."


ActorOfRun = tuple[Actor, dict[str, str]]
"""An actor and the values of its configs, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the queue gave a worker, or why it gave nothing."""

    leases: list[Lease]
    left: int | None = None
    """That wait still; there may be more than so many. None: nobody counted."""
    due: datetime | None = None
    """When the next one that is being held back may be asked for."""
    actor: ActorOfRun | None = None
    """What a run has to know of it, so that nobody has to look twice."""


def _no_container(_: str) -> None:
    """Of a runner that has none."""


def _unmeasured(_: timedelta) -> None:
    """Nobody measures."""


class Ledger:
    """Executions from lease to record. `noted` is called after an event went into the outbox."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        noted: Callable[[], None],
        *,
        log_lifetime: record.LogLifetime = logs.lifetime,
        container_of: Callable[[str], str | None] = _no_container,
        waited: Callable[[timedelta], None] = _unmeasured,
        ran: Callable[[timedelta], None] = _unmeasured,
    ) -> None:
        """`container_of` names the container of an execution: its worker's `cid` while it runs.

        `waited` and `ran` are told how long a message waited and how long user code ran.
        """
        self._store = store
        self._container_of = container_of
        self._clock = clock
        self._noted = noted
        self._log_lifetime = log_lifetime
        self._waited = waited
        self._ran = ran

    async def lease(
        self, actor_id: str, worker_id: str, duration: timedelta, *, exclusive: bool
    ) -> Taken:
        """One message at most."""
        now = self._clock.now()

        def work(conn: Connection) -> Taken:
            lease = queue.lease(conn, actor_id, worker_id, now, duration, exclusive=exclusive)
            if lease is None:
                return Taken(leases=[], due=queue.next_due(conn, actor_id, now))
            # Abaco shows the worker before the execution runs (section 8).
            executions.set_worker(conn, lease.message.execution_id, worker_id, now)
            return Taken(leases=[lease])

        return await self._store.write(work)

    async def lease_some(
        self,
        actor_id: str,
        worker_id: str,
        duration: timedelta,
        *,
        at_most: int,
        among: int,
        actor_of_run: Callable[[Connection, str], ActorOfRun | None],
    ) -> Taken:
        """As `lease` of a stateless actor, for several messages, oldest first; but never so many
        that others among so many workers have nothing to do."""
        now = self._clock.now()
        parts = 2 * among

        def work(conn: Connection) -> Taken:
            waiting = queue.waiting(conn, actor_id, up_to=at_most * parts)
            share = max(1, min(at_most, -(-waiting // parts)))
            found = queue.lease_some(conn, actor_id, worker_id, now, duration, at_most=share)
            if not found:
                return Taken(leases=[], due=queue.next_due(conn, actor_id, now))
            ids = [one.message.execution_id for one in found]
            executions.set_worker_many(conn, ids, worker_id, now)
            left, actor = waiting - len(found), actor_of_run(conn, actor_id)
            return Taken(leases=found, left=left, actor=actor)

        return await self._store.write(work)

    async def body(self, message: Message) -> bytes | Path:
        """The message's bytes. A binary message that is large stays in its file."""
        if isinstance(message.body, bytes) or message.content_type is ContentType.BINARY:
            return message.body
        return await self._store.read(lambda _: message.read())

    async def started(self, lease: Lease, at: datetime) -> None:
        """User code is about to run."""

        def work(conn: Connection) -> None:
            executions.start(conn, lease.message.execution_id, at)
            cid = self._container_of(lease.message.execution_id)
            workers.set_status(conn, lease.worker_id, WorkerStatus.BUSY, cid=cid)

        await self._store.write(work)
        if lease.put_time is not None:
            self._waited(at - lease.put_time)

    async def result(self, execution_id: str, key: str, body: ResultBody) -> None:
        await record.add_result(self._store, execution_id, key, body, self._clock.now())

    async def state(self, actor_id: str, value: Any) -> None:
        """What a stateful actor left for its next execution."""
        await self._store.write(lambda conn: actors.set_state(conn, actor_id, value))

    async def finish(self, lease: Lease, outcome: Outcome, log: LogBuffer, actor: Actor) -> None:
        """User code ran, however it ended."""
        now = self._clock.now()
        lifetime = self._log_lifetime
        await record.finish(
            self._store, lease, outcome, log, actor=actor, now=now, log_lifetime=lifetime
        )
        await self._worker_rests(lease.worker_id, now)
        self._ran(outcome.finish_time - outcome.start_time)
        self._noted()

    async def finish_some(
        self,
        leases: Mapping[str, Lease],
        ended: Sequence[record.End],
        actor: Actor,
        *,
        known: Container[str] = (),
        rests: str | None = None,
    ) -> None:
        """User code of these ran. `leases` by execution id; `started` was told of those that are
        `known`. `rests`: the worker that ran them, if it has nothing more to run."""
        now, lifetime = self._clock.now(), self._log_lifetime
        if await record.finish_some(
            self._store, actor, ended, now=now, rests=rests, log_lifetime=lifetime
        ):
            self._noted()
        for one in ended:
            began, put = one.outcome.start_time, leases[one.execution_id].put_time
            if put is not None and one.execution_id not in known:
                self._waited(began - put)
            self._ran(one.outcome.finish_time - began)

    async def rests(self, worker_id: str) -> None:
        """It has ended all that it took."""
        await self._worker_rests(worker_id, self._clock.now())

    async def fail(self, lease: Lease, reason: str, log: LogBuffer, actor: Actor | None) -> None:
        """User code did not run, or nobody knows how it ended."""
        now = self._clock.now()
        lifetime = self._log_lifetime
        await record.fail(
            self._store, lease, reason, log, actor=actor, now=now, log_lifetime=lifetime
        )
        await self._worker_rests(lease.worker_id, now)
        self._noted()

    async def give_back(
        self, lease: Lease, not_before: datetime | None, *, counted: bool = False
    ) -> None:
        """The message waits again, at the front. `counted`: as one more attempt."""
        execution_id = lease.message.execution_id
        await self._store.write(
            lambda conn: queue.give_back(conn, execution_id, not_before, count_attempt=counted)
        )
        await self._worker_rests(lease.worker_id, self._clock.now())

    async def return_some(
        self, execution_ids: Sequence[str], not_before: datetime | None = None
    ) -> None:
        """Their messages wait again; the worker that had them is at work all the same."""

        def work(conn: Connection) -> None:
            for execution_id in execution_ids:
                queue.give_back(conn, execution_id, not_before, count_attempt=False)

        await self._store.write(work)

    async def on_loan(self) -> dict[str, Lease]:
        """What was on loan when an earlier life ended, by execution id."""
        leases = await self._store.read(queue.leased)
        return {lease.message.execution_id: lease for lease in leases}

    async def settle_lost(self, lease: Lease, actor: Actor | None) -> None:
        """An earlier life had it on loan and nothing of its run is left.

        If it had not started it runs again. If it had, user code may have done its work: to run
        it twice would be worse than to say that nobody knows.
        """
        message = lease.message
        found = await self._store.read(
            lambda conn: executions.get(conn, message.actor_id, message.execution_id)
        )
        if found is not None and found.status is ExecutionStatus.RUNNING:
            await self.fail(lease, LOST, LogBuffer(), actor)
        else:
            await self.give_back(lease, None)

    async def keep_leases(self, held: Sequence[str], duration: timedelta) -> int:
        """Extend what is held; how many other leases ran out and wait again."""
        now = self._clock.now()

        def work(conn: Connection) -> int:
            queue.extend(conn, held, now + duration)
            return len(queue.reap(conn, now))

        return await self._store.write(work)

    async def _worker_rests(self, worker_id: str, at: datetime) -> None:
        await self._store.write(lambda conn: workers.rests(conn, worker_id, at))
