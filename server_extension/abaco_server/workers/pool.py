"""Performs what the machine decides, and tells it what came of it.

Everything here runs on the event loop. Each instruction that takes time is a task which the
pool owns; `stop` awaits them all.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from abaco_server.model.actor import Actor
from abaco_server.model.clock import Clock
from abaco_server.model.message import Lease
from abaco_server.model.task import FailureKind, Handle, RunFailed
from abaco_server.outcomes.ledger import Ledger
from abaco_server.outcomes.roster import Roster
from abaco_server.runners.protocol import Runner
from abaco_server.workers import events as e
from abaco_server.workers.lanes import State, is_full
from abaco_server.workers.machine import step
from abaco_server.workers.policy import Policy
from abaco_server.workers.runs import Runs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolConfig:
    max_workers: int
    """Of an actor that sets no maxWorkers."""
    lease: timedelta = timedelta(seconds=60)
    grace: timedelta = timedelta(seconds=10)
    """Between TERM and KILL of a halted execution (section 8)."""
    policy: Policy = field(default_factory=Policy)


class Pool:
    """The workers of this service."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        roster: Roster,
        runner: Runner,
        runs: Runs,
        clock: Clock,
        new_id: Callable[[], str],
        config: PoolConfig,
    ) -> None:
        self._ledger = ledger
        self._roster = roster
        self._runner = runner
        self._runs = runs
        self._clock = clock
        self._config = config
        self._state = State(policy=config.policy, new_id=new_id)
        self._leases: dict[str, Lease] = {}
        """On loan here, until the machine is done with them."""
        self._woken: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[str | None, tuple[datetime, asyncio.TimerHandle]] = {}
        self._retired: dict[str, asyncio.Event] = {}
        self._taken_up = asyncio.Event()
        """What an earlier life left is known: until then nobody can tell who has room."""
        self._pulse: asyncio.Task[None] | None = None
        self._stopped = False

    # ---- what others ask for -------------------------------------------------------------

    def wake(self, actor_id: str) -> None:
        """A message came. Many calls in a row are one look at the queue, and none is needed
        while all that may work for this actor are at work."""
        if is_full(self._state, actor_id):
            self._feed(e.More(actor_id=actor_id))
        else:
            self._review(actor_id)

    def changed(self, actor_id: str) -> None:
        """The actor may have more or fewer workers than before. One without any stays so."""
        if actor_id in self._state.lanes:
            self._review(actor_id)

    def _review(self, actor_id: str) -> None:
        """Look at the actor and its queue."""
        if not self._woken and not self._stopped:
            self._own(self._look(), "wake")
        self._woken.add(actor_id)

    def halt(self, execution_id: str) -> None:
        self._own(self._runner.halt(execution_id, self._config.grace), f"halt {execution_id}")

    def refresh(self, actor_id: str) -> None:
        """The actor's image changed: busy workers finish what they have, new ones take over."""
        self._own(self._refresh(actor_id), f"refresh {actor_id}")

    async def retire(self, actor_id: str, patience: timedelta) -> bool:
        """Stop what runs of this actor. Whether all of it was gone in time."""
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self._taken_up.wait()
                gone = self._retired.setdefault(actor_id, asyncio.Event())
                self._feed(e.Retire(actor_id=actor_id))
                await gone.wait()
        except TimeoutError:
            return False
        return True

    @property
    def running(self) -> int:
        return len(self._runs)

    # ---- life ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up what an earlier life left, then what waits."""
        await self._roster.forget_workers()
        left = await self._ledger.on_loan()
        self._leases.update(left)
        self._pulse = asyncio.create_task(self._keep_leases(), name="abaco-leases")
        self._own(self._take_up(left), "adopt")

    async def stop(self, drain: timedelta) -> None:
        """Begin nothing new, let what runs end for a while, leave the rest to the next life.

        What still runs then keeps its lease and is adopted by its labels after the next start.
        """
        self._feed(e.Stop())
        self._stopped = True
        for _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + drain.total_seconds()
        while self._tasks and (room := deadline - loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=room)
        left = [*self._tasks, *([self._pulse] if self._pulse else [])]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    # ---- the machine ---------------------------------------------------------------------

    def _feed(self, event: e.Event) -> None:
        for instruction in step(self._state, event, self._clock.now()):
            self._perform(instruction)

    def _perform(self, instruction: e.Instruction) -> None:
        match instruction:
            case e.Start(worker_id=worker_id):
                self._own(self._start_worker(instruction), f"worker {worker_id}")
            case e.Lease(worker_id=worker_id):
                self._own(self._lease(instruction), f"lease {worker_id}")
            case e.Run(execution_id=execution_id):
                self._own(self._run(execution_id), f"run {execution_id}")
            case e.GiveBack(execution_id=execution_id):
                self._own(self._give_back(instruction), f"give back {execution_id}")
            case e.Fail(execution_id=execution_id, reason=reason):
                self._leases.pop(execution_id)
                self._own(self._runs.fail(execution_id, reason), f"fail {execution_id}")
            case e.Halt(execution_id=execution_id):
                self.halt(execution_id)
            case e.Dismiss(worker_id=worker_id):
                self._own(self._roster.end_worker(worker_id), f"dismiss {worker_id}")
            case e.ActorReady(actor_id=actor_id):
                self._own(self._roster.actor_ready(actor_id), f"ready {actor_id}")
            case e.ActorError(actor_id=actor_id, message=message):
                self._own(self._roster.actor_error(actor_id, message), f"error {actor_id}")
            case e.Retired(actor_id=actor_id):
                if actor_id in self._retired:
                    self._retired.pop(actor_id).set()
            case e.WakeAt(actor_id=actor_id, at=at):
                self._set_timer(actor_id, at)

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=f"abaco-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s went wrong", task.get_name(), exc_info=error)

    def _set_timer(self, actor_id: str | None, at: datetime) -> None:
        """One timer an actor, and one for all idle workers: the earliest time wins."""
        if self._stopped:
            return
        if actor_id in self._timers:
            earlier, timer = self._timers[actor_id]
            if earlier <= at:
                return
            timer.cancel()
        delay = max((at - self._clock.now()).total_seconds(), 0)
        timer = asyncio.get_running_loop().call_later(delay, self._ring, actor_id)
        self._timers[actor_id] = (at, timer)

    def _ring(self, actor_id: str | None) -> None:
        self._timers.pop(actor_id, None)
        if actor_id is None:
            self._feed(e.Tick())
        else:
            self._review(actor_id)

    def _facts(self, actor: Actor) -> e.LaneFacts:
        return e.LaneFacts(
            actor_id=actor.id,
            image=actor.image,
            exclusive=not actor.stateless,
            max_workers=actor.max_workers or self._config.max_workers,
        )

    # ---- instructions that take time -----------------------------------------------------

    async def _look(self) -> None:
        # Let the requests of this turn of the loop come together first.
        await asyncio.sleep(0)
        await self._taken_up.wait()
        woken, self._woken = self._woken, set()
        for actor, waiting in await self._roster.look(woken):
            self._feed(e.Wake(facts=self._facts(actor), waiting=waiting))

    async def _refresh(self, actor_id: str) -> None:
        await self._taken_up.wait()
        for actor, _ in await self._roster.look({actor_id}):
            self._feed(e.Refresh(facts=self._facts(actor)))

    async def _wake_all(self) -> None:
        for actor_id in await self._roster.actors_with_waiting():
            self._review(actor_id)

    async def _start_worker(self, order: e.Start) -> None:
        actor_id, worker_id = order.actor_id, order.worker_id
        try:
            await self._roster.begin_worker(actor_id, worker_id, order.image)
            await self._runner.prepare(order.image)
            await self._roster.worker_ready(worker_id)
        except RunFailed as failure:
            log.warning("image %s: %s", order.image, failure.reason)
            kind, reason = failure.kind, failure.reason
        except Exception as error:
            log.exception("worker %s did not start", worker_id)
            kind, reason = FailureKind.INTERNAL, repr(error)
        else:
            self._feed(e.Prepared(actor_id=actor_id, worker_id=worker_id))
            return
        self._feed(
            e.PrepareFailed(actor_id=actor_id, worker_id=worker_id, kind=kind, reason=reason)
        )

    async def _lease(self, order: e.Lease) -> None:
        actor_id, worker_id = order.actor_id, order.worker_id
        lease: Lease | None = None
        try:
            lease, due = await self._ledger.lease(
                actor_id, worker_id, self._config.lease, exclusive=order.exclusive
            )
        except Exception:
            log.exception("worker %s could not ask the queue", worker_id)
            due = self._clock.now() + self._config.policy.first_backoff
        if lease is None:
            self._feed(e.NothingToLease(actor_id=actor_id, worker_id=worker_id, due=due))
            return
        execution_id = lease.message.execution_id
        self._leases[execution_id] = lease
        self._feed(e.Leased(actor_id=actor_id, worker_id=worker_id, execution_id=execution_id))

    async def _give_back(self, order: e.GiveBack) -> None:
        lease = self._leases.pop(order.execution_id)
        await self._runs.give_back(lease, order.not_before, counted=order.counted)

    async def _run(self, execution_id: str) -> None:
        self._feed_ended(execution_id, await self._runs.run(self._leases[execution_id]))

    def _feed_ended(self, execution_id: str, event: e.Ran | e.Broke) -> None:
        if isinstance(event, e.Ran):
            del self._leases[execution_id]
        self._feed(event)

    # ---- what an earlier life left -------------------------------------------------------

    async def _take_up(self, left: dict[str, Lease]) -> None:
        """First those that are at work already, then whoever has room for what waits."""
        try:
            await self._adopt(left)
        finally:
            self._taken_up.set()
        await self._wake_all()

    async def _adopt(self, left: dict[str, Lease]) -> None:
        """Go on with what runs or has ended; run again what never began."""
        for handle in await self._remains():
            lease = left.get(handle.execution_id)
            actor = None if lease is None else await self._roster.actor(handle.actor_id)
            if lease is None or actor is None:
                # Without an actor its record is ended below, as one of which nothing is left.
                self._own(self._runs.clear(handle.execution_id), "clear")
                continue
            del left[handle.execution_id]
            if handle.started:
                await self._roster.begin_worker(actor.id, lease.worker_id, actor.image)
                await self._roster.worker_ready(lease.worker_id)
                self._feed(
                    e.Adopted(
                        facts=self._facts(actor),
                        worker_id=lease.worker_id,
                        execution_id=handle.execution_id,
                    )
                )
                self._own(self._resume(lease, handle, actor), f"resume {handle.execution_id}")
            else:
                await self._runs.clear(handle.execution_id)
                await self._ledger.give_back(self._leases.pop(handle.execution_id), None)
        for execution_id, lease in left.items():
            actor = await self._roster.actor(lease.message.actor_id)
            await self._ledger.settle_lost(lease, actor)
            self._leases.pop(execution_id, None)

    async def _resume(self, lease: Lease, handle: Handle, actor: Actor) -> None:
        self._feed_ended(handle.execution_id, await self._runs.resume(lease, handle, actor))

    async def _remains(self) -> list[Handle]:
        """While the engine is down nobody can tell what still runs: wait for it."""
        failures = 0
        while True:
            try:
                return await self._runner.remains()
            except RunFailed as failure:
                failures += 1
                delay = self._config.policy.backoff(failures)
                log.warning("cannot look for running executions: %s", failure.reason)
                await asyncio.sleep(delay.total_seconds())

    async def _keep_leases(self) -> None:
        """Extend what is on loan here; a lease that ran out all the same waits again."""
        while True:
            await asyncio.sleep(self._config.lease.total_seconds() / 3)
            try:
                ran_out = await self._ledger.keep_leases([*self._leases], self._config.lease)
            except Exception:
                log.exception("leases could not be extended; trying again")
                continue
            if ran_out:
                await self._wake_all()
