"""Performs what the machine decides, and tells it what came of it.

Everything here runs on the event loop. Each instruction that takes time is a task which the
pool owns; `stop` awaits them all.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any

from abaco_server.model.actor import Actor
from abaco_server.model.clock import Clock
from abaco_server.model.decision import Decision
from abaco_server.model.message import Lease
from abaco_server.model.task import Handle, RunFailed
from abaco_server.outcomes.ledger import ActorOfRun, Ledger, Taken
from abaco_server.outcomes.roster import Roster
from abaco_server.runners.protocol import Runner
from abaco_server.workers import events as e
from abaco_server.workers.facts import facts
from abaco_server.workers.heir import Heir
from abaco_server.workers.lanes import State, has_rest, knows, may_have_missed, workers_of
from abaco_server.workers.machine import step
from abaco_server.workers.policy import PoolConfig
from abaco_server.workers.relief import Relief
from abaco_server.workers.rounds import Rounds
from abaco_server.workers.runs import Runs
from abaco_server.workers.starts import Starts
from abaco_server.workers.timers import Timers

log = logging.getLogger(__name__)

STRAY = timedelta(minutes=5)
"""A record of a worker that nobody knows is removed when it is older than this."""


def _untold(_: Decision) -> None:
    """Nobody wants to know what was decided."""


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
        decided: Callable[[Decision], None] = _untold,
        check_runs: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`check_runs` makes the runner look whether what it thinks is running still is; None: it
        hears of every end."""
        self._ledger = ledger
        self._roster = roster
        self._runner = runner
        self._runs = runs
        self._clock = clock
        self._config = config
        self._decided = decided
        self._check_runs = check_runs
        self._state = State(policy=config.policy, new_id=new_id)
        self._leases: dict[str, Lease] = {}
        """On loan here, until the machine is done with them."""
        self._actors: dict[str, ActorOfRun] = {}
        """By worker: of what it has taken and does not run yet."""
        self._heir = Heir(
            ledger=ledger,
            roster=roster,
            runner=runner,
            runs=runs,
            policy=config.policy,
            leases=self._leases,
        )
        self._woken: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._starts = Starts(roster, runner, runs.place)
        self._running: dict[str, asyncio.Task[None]] = {}
        """Execution id -> who sees it through."""
        self._relief = Relief(
            runs, ledger, clock, self._leases, self._running, self._feed, self._review
        )
        self._timers = Timers(clock, self._ring)
        self._retired: dict[str, asyncio.Event] = {}
        self._taken_up = asyncio.Event()
        """What an earlier life left is known: until then nobody can tell who has room."""
        self._rounds = Rounds(
            ("leases", config.lease / 3, self._keep_leases),
            ("autoscaler", config.autoscaler, self._scale),
            ("health", config.health_check, self.check_up),
        )
        self._stopped = False

    # ---- what others ask for -------------------------------------------------------------

    def wake(self, actor_id: str) -> None:
        """A message came. Many calls in a row are one look at the queue, for which nobody who
        rests waits."""
        known = knows(self._state, actor_id)
        if known or has_rest(self._state, actor_id):
            self._feed(e.More(actor_id=actor_id))
        if not known:
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

    async def withdraw(self, execution_ids: Sequence[str], hold: timedelta) -> list[str]:
        """Those of them that a worker took and that have not begun wait again; nobody takes them
        for as long as `hold`."""
        return await self._relief.withdraw(execution_ids, hold)

    def refresh(self, actor_id: str) -> None:
        """The actor's image changed: busy workers finish what they have, new ones take over."""
        self._own(self._refresh(actor_id), f"refresh {actor_id}")

    async def ensure(self, actor: Actor, at_least: int) -> int:
        """At least so many workers for this actor. How many there were; the new ones are on
        record when this returns, but for those that a limit holds back for now."""
        await self._taken_up.wait()
        lane = self._state.lanes.get(actor.id)
        before = 0 if lane is None else lane.staying
        known = self._starts.under_way
        self._feed(e.Ensure(facts=self._facts(actor), at_least=at_least))
        await self._starts.recorded(self._starts.under_way - known)
        return before

    def remove(self, actor_id: str, worker_id: str) -> None:
        """This worker goes; it finishes what it runs."""
        self._feed(e.Remove(actor_id=actor_id, worker_id=worker_id))

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
        self._rounds.start()
        self._own(self._take_up(left), "adopt")

    async def stop(self, drain: timedelta) -> None:
        """Begin nothing new, let what runs end for a while, leave the rest to the next life.

        What still runs then keeps its lease and is adopted by its labels after the next start.
        """
        self._feed(e.Stop())
        self._stopped = True
        self._timers.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + drain.total_seconds()
        while self._tasks and (room := deadline - loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=room)
        left = [*self._tasks]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._rounds.stop()

    # ---- the machine ---------------------------------------------------------------------

    def _feed(self, event: e.Event) -> None:
        for instruction in step(self._state, event, self._clock.now()):
            self._perform(instruction)

    def _perform(self, instruction: e.Instruction) -> None:
        match instruction:
            case e.Start(worker_id=worker_id):
                self._starts.expect(worker_id)
                self._own(self._start(instruction), f"worker {worker_id}")
            case e.Lease(worker_id=worker_id):
                self._own(self._lease(instruction), f"lease {worker_id}")
            case e.Run(execution_ids=ids, shares=shares):
                work = self._run_group(ids) if shares else self._run(ids[0])
                run = self._own(work, f"run {ids[0]}")
                self._running.update(dict.fromkeys(ids, run))
            case e.GiveBack(execution_id=execution_id):
                self._own(self._give_back(instruction), f"give back {execution_id}")
            case e.Fail(execution_id=execution_id, reason=reason):
                self._own(self._fail(execution_id, reason), f"fail {execution_id}")
            case e.Halt(execution_id=execution_id):
                self._own(self._relief.stop(execution_id, self.halt), f"stop {execution_id}")
            case e.Dismiss(worker_id=worker_id):
                self._own(self._roster.end_worker(worker_id), f"dismiss {worker_id}")
            case e.Abandon(worker_id=worker_id):
                self._starts.abandon(worker_id)
            case e.Tell(decision=decision):
                self._decided(decision)
            case e.ActorReady(actor_id=actor_id):
                self._own(self._roster.actor_ready(actor_id), f"ready {actor_id}")
            case e.ActorError(actor_id=actor_id, message=message):
                self._own(self._roster.actor_error(actor_id, message), f"error {actor_id}")
            case e.Retired(actor_id=actor_id):
                if actor_id in self._retired:
                    self._retired.pop(actor_id).set()
            case e.WakeAt(actor_id=actor_id, at=at):
                self._timers.set(actor_id, at)

    def _own(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"abaco-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s went wrong", task.get_name(), exc_info=error)

    def _ring(self, actor_id: str | None) -> None:
        if actor_id is None:
            self._feed(e.Tick())
        else:
            self._review(actor_id)

    def _facts(self, actor: Actor) -> e.LaneFacts:
        return facts(actor, max_workers=self._config.max_workers)

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

    async def _start(self, order: e.Start) -> None:
        self._feed(await self._starts.see_through(order))

    async def _lease(self, order: e.Lease) -> None:
        actor_id, worker_id = order.actor_id, order.worker_id
        try:
            taken = await self._ask(order)
        except Exception:
            log.exception("worker %s could not ask the queue", worker_id)
            again = self._clock.now() + self._config.policy.first_backoff
            taken = Taken(leases=[], due=again)
        if not taken.leases:
            self._feed(e.NothingToLease(actor_id=actor_id, worker_id=worker_id, due=taken.due))
            return
        if taken.actor is not None:
            self._actors[worker_id] = taken.actor
        ids = tuple(lease.message.execution_id for lease in taken.leases)
        self._leases.update(zip(ids, taken.leases, strict=True))
        self._feed(
            e.Leased(actor_id=actor_id, worker_id=worker_id, execution_ids=ids, left=taken.left)
        )

    async def _ask(self, order: e.Lease) -> Taken:
        lasts = self._config.lease
        if order.shares:
            return await self._ledger.lease_some(
                *(order.actor_id, order.worker_id, lasts),
                at_most=order.at_most,
                among=order.among,
                actor_of_run=self._roster.actor_of_run,
            )
        return await self._ledger.lease(
            order.actor_id, order.worker_id, lasts, exclusive=order.exclusive
        )

    async def _give_back(self, order: e.GiveBack) -> None:
        lease = self._leases.pop(order.execution_id)
        await self._runs.give_back(lease, order.not_before, counted=order.counted)

    async def _fail(self, execution_id: str, reason: str) -> None:
        await self._runs.fail(execution_id, reason)
        # Not before: a loan that ran out would have it run once more. What cannot be recorded
        # in this life is for the next.
        del self._leases[execution_id]

    async def _run(self, execution_id: str) -> None:
        self._feed_ended(await self._runs.run(self._leases[execution_id]))

    async def _run_group(self, execution_ids: Sequence[str]) -> None:
        leases = [self._leases[one] for one in execution_ids]
        found = self._actors.pop(leases[0].worker_id, None)
        for event in await self._runs.run_group(leases, found, self._relieve):
            self._feed_ended(event)

    def _relieve(self, execution_ids: Sequence[str]) -> None:
        """Let others run what stands behind a slow one."""
        self._own(self._relief.relieve(execution_ids), "relieve")

    def _feed_ended(self, event: e.Ran | e.Broke) -> None:
        if isinstance(event, e.Ran):
            for execution_id in event.execution_ids:
                del self._running[execution_id], self._leases[execution_id]
        else:
            del self._running[event.execution_id]
        self._feed(event)

    # ---- what an earlier life left -------------------------------------------------------

    async def _take_up(self, left: dict[str, Lease]) -> None:
        """First those that are at work already, then whoever has room for what waits."""
        try:
            await self._heir.take_up(left, self._adopt, self._clear)
        finally:
            self._taken_up.set()
        await self._wake_all()

    def _adopt(self, lease: Lease, handle: Handle, actor: Actor) -> None:
        execution_id = handle.execution_id
        self._feed(
            e.Adopted(
                facts=self._facts(actor), worker_id=lease.worker_id, execution_id=execution_id
            )
        )
        self._running[execution_id] = self._own(
            self._resume(lease, handle, actor), f"resume {execution_id}"
        )

    def _clear(self, execution_id: str) -> None:
        self._own(self._runs.clear(execution_id), f"clear {execution_id}")

    async def _resume(self, lease: Lease, handle: Handle, actor: Actor) -> None:
        self._feed_ended(await self._runs.resume(lease, handle, actor))

    # ---- rounds --------------------------------------------------------------------------

    async def _keep_leases(self) -> None:
        """Extend what is on loan here; a lease that ran out all the same waits again."""
        if await self._ledger.keep_leases([*self._leases], self._config.lease):
            await self._wake_all()

    async def _scale(self) -> None:
        """The autoscaler's turn: find messages of which no event told, serve what was held back.

        One query tells who has messages waiting; only of those about whom the machine may be
        wrong more is read, and of those in ERROR nobody tries again by himself (section 15).
        """
        await self._taken_up.wait()
        now = self._clock.now()
        waiting = await self._roster.who_has_waiting()
        missed = [one for one in waiting if may_have_missed(self._state, one, now)]
        for actor, count in await self._roster.look(missed, in_error=False):
            self._feed(e.Wake(facts=self._facts(actor), waiting=count))
        self._feed(e.Scale())

    async def check_up(self) -> None:
        """No worker stays in a state that it cannot leave by itself."""
        await self._taken_up.wait()
        try:
            if self._check_runs is not None:
                await self._check_runs()
        except RunFailed as failure:
            log.warning("running executions could not be checked: %s", failure.reason)
        for execution_id, run in [*self._running.items()]:
            if run.done():
                # Its worker is BUSY with an execution that nobody sees through.
                self._feed_ended(self._runs.lost(self._leases[execution_id]))
        self._feed(e.CheckUp())
        await self._roster.checked(workers_of(self._state), stray_after=STRAY)
