"""The autoscaler, health checks and workers by request, on a real store with a fake runner."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from pool_bench import CLOCK, Bench, echo, opened, running, until

from abaco_jupyter.wire.codes import ActorStatus, ExecutionStatus, WorkerStatus
from abaco_jupyter.wire.ids import new_id
from abaco_server.model.decision import Action, Decision, Rule
from abaco_server.model.task import FailureKind, RunFailed
from abaco_server.model.worker import Worker
from abaco_server.runners.fake import FakeRunner
from abaco_server.store import actors, workers
from abaco_server.workers.decisions import ACTORS, KEPT, Decisions

pytestmark = pytest.mark.asyncio

TICK = {"autoscaler": timedelta(seconds=0.05)}
LONG = timedelta(hours=1)


def told(bench: Bench) -> list[tuple[Action, Rule]]:
    return [(one.action, one.rule) for one in bench.decisions]


# ---- what no event has told ----------------------------------------------------------------------


async def test_a_message_of_which_nobody_was_told_is_found_by_the_autoscaler(
    tmp_path: Path,
) -> None:
    """As one that another server put, or one whose wake-up was lost with a failing store."""
    async with opened(tmp_path) as store, running(store, FakeRunner(echo), **TICK) as bench:
        actor = await bench.actor()
        sent = [await bench.send(actor, wake=False) for _ in range(3)]
        records = await bench.ended(actor, *sent)
        assert {record.status for record in records} == {ExecutionStatus.COMPLETE}
        assert (Action.START, Rule.QUEUE_LENGTH) in told(bench)


async def test_an_actor_in_error_is_not_tried_again_by_the_autoscaler(tmp_path: Path) -> None:
    tries = 0

    class Registry(FakeRunner):
        async def prepare(self, image: str) -> str:
            nonlocal tries
            tries += 1
            raise RunFailed(FailureKind.IMAGE, "none of this name")

    async with opened(tmp_path) as store, running(store, Registry(echo), **TICK) as bench:
        actor = await bench.actor()
        await bench.send(actor)
        await until(lambda: bench.status(actor), lambda found: found.status is ActorStatus.ERROR)
        async with asyncio.timeout(60):
            asked = 0
            while tries > asked:  # one may be under way that began before
                asked = tries
                await asyncio.sleep(0.5)
        assert told(bench)[:2] == [
            (Action.START, Rule.QUEUE_LENGTH),
            (Action.REMOVE, Rule.START_FAILED),
        ]


async def test_load_brings_workers_up_to_the_maximum_and_idleness_takes_them_away(
    tmp_path: Path,
) -> None:
    runner = FakeRunner()
    async with opened(tmp_path) as store, running(store, runner, **TICK) as bench:
        actor = await bench.actor(max_workers=3)
        sent = [await bench.send(actor) for _ in range(6)]
        for execution_id in sent[:3]:
            await runner.begun(execution_id)
        assert len(await bench.workers(actor)) == 3
        await until(_told(bench), lambda seen: (Action.HOLD, Rule.MAX_WORKERS) in seen)
        for execution_id in sent:
            (await runner.begun(execution_id)).end()
        await bench.ended(actor, *sent)
        await until(lambda: bench.workers(actor), lambda found: not found)
        assert sum(len(one.worker_ids) for one in bench.decisions if one.rule is Rule.IDLE) == 3


def _told(bench: Bench):  # type: ignore[no-untyped-def]
    async def look() -> list[tuple[Action, Rule]]:
        return told(bench)

    return look


async def test_the_sync_hint_keeps_one_worker_ready(tmp_path: Path) -> None:
    settings = TICK | {"sync_idle": timedelta(seconds=2)}
    async with opened(tmp_path) as store, running(store, FakeRunner(echo), **settings) as bench:
        actor = await bench.actor(hints=("fast", "sync"), max_workers=3)
        await bench.pool.ensure(actor, 3)
        await until(lambda: bench.workers(actor), lambda found: len(found) == 1)
        (kept,) = await bench.workers(actor)
        assert kept.status is WorkerStatus.READY
        await until(_told(bench), lambda seen: (Action.KEEP, Rule.SYNC) in seen)
        await until(lambda: bench.workers(actor), lambda found: not found)
        assert told(bench)[-1] == (Action.REMOVE, Rule.SYNC)


async def test_the_worker_of_a_stateful_actor_leaves_after_its_time_to_live(
    tmp_path: Path,
) -> None:
    settings = {"worker_ttl": timedelta(seconds=0.5)}
    async with opened(tmp_path) as store, running(store, FakeRunner(echo), **settings) as bench:
        actor = await bench.actor(stateless=False)
        await bench.ended(actor, await bench.send(actor))
        await until(lambda: bench.workers(actor), lambda found: not found)
        assert told(bench)[-1] == (Action.REMOVE, Rule.WORKER_TTL)
        # The next message gets a new one at once.
        await bench.ended(actor, await bench.send(actor))


async def test_a_queues_capacity_bounds_its_executions_and_no_others(tmp_path: Path) -> None:
    runner = FakeRunner()
    settings = {"queue_capacity": {"special": 1}}
    async with opened(tmp_path) as store, running(store, runner, **settings) as bench:
        special, plain = await bench.actor(queue="special"), await bench.actor()
        first = await bench.send(special)
        await runner.begun(first)
        second = await bench.send(special)
        free = await bench.send(plain)
        (await runner.begun(free)).end()
        await bench.ended(plain, free)
        assert runner.engine.begins == [first, free]
        (await runner.begun(first)).end()
        (await runner.begun(second)).end()
        await bench.ended(special, first, second)


# ---- by request ----------------------------------------------------------------------------------


async def test_workers_by_request_are_on_record_at_once_and_counted(tmp_path: Path) -> None:
    async with opened(tmp_path) as store, running(store, FakeRunner(echo), idle=LONG) as bench:
        actor = await bench.actor(max_workers=5)
        assert await bench.pool.ensure(actor, 2) == 0
        assert len(await bench.workers(actor)) == 2
        assert await bench.pool.ensure(actor, 5) == 2
        assert await bench.pool.ensure(actor, 3) == 5
        found = await until(
            lambda: bench.workers(actor),
            lambda found: {one.status for one in found} == {WorkerStatus.READY},
        )
        assert len(found) == 5
        assert (await bench.status(actor)).status is ActorStatus.READY


async def test_a_busy_worker_that_is_removed_finishes_its_execution(tmp_path: Path) -> None:
    runner = FakeRunner()
    async with opened(tmp_path) as store, running(store, runner) as bench:
        actor = await bench.actor(max_workers=1)
        first = await bench.send(actor)
        run = await runner.begun(first)
        (worker,) = await bench.workers(actor)
        status = WorkerStatus.SHUTDOWN_REQUESTED
        await store.write(lambda conn: workers.set_status(conn, worker.id, status))
        bench.pool.remove(actor.id, worker.id)
        second = await bench.send(actor)
        other = await runner.begun(second)
        left = {one.id: one.status for one in await bench.workers(actor)}
        assert left[worker.id] is status
        assert len(left) == 2
        assert not run.terminated.is_set()
        run.end(3)
        (record,) = await bench.ended(actor, first)
        assert (record.exit_code, record.worker_id) == (3, worker.id)
        await until(lambda: bench.workers(actor), lambda found: len(found) == 1)
        other.end()
        (record,) = await bench.ended(actor, second)
        assert record.worker_id != worker.id
        assert runner.engine.begins == [first, second]


# ---- health --------------------------------------------------------------------------------------


async def test_a_check_is_one_write_for_all_workers(tmp_path: Path) -> None:
    async with opened(tmp_path) as store, running(store, FakeRunner(echo), idle=LONG) as bench:
        actor = await bench.actor(max_workers=4)
        await bench.pool.ensure(actor, 4)
        await until(
            lambda: bench.workers(actor),
            lambda found: all(one.status is WorkerStatus.READY for one in found),
        )
        before = CLOCK.now()
        writes = 0
        write = store.write

        async def counted(work):  # type: ignore[no-untyped-def]
            nonlocal writes
            writes += 1
            return await write(work)

        store.write = counted  # type: ignore[method-assign, assignment]
        await bench.pool.check_up()
        found = await bench.workers(actor)
        assert writes == 1
        assert bench.checks == 1
        assert {one.last_health_check_time for one in found} == {found[0].last_health_check_time}
        assert found[0].last_health_check_time > before


@pytest.mark.parametrize("status", [WorkerStatus.REQUESTED, WorkerStatus.SHUTTING_DOWN])
async def test_a_record_of_a_worker_that_nobody_knows_goes_after_five_minutes(
    tmp_path: Path, status: WorkerStatus
) -> None:
    async with opened(tmp_path) as store, running(store, FakeRunner(echo), idle=LONG) as bench:
        actor = await bench.actor()
        await bench.pool.ensure(actor, 1)
        for minutes in (4, 6):
            stray = Worker(
                id=f"of {minutes} minutes",
                actor_id=actor.id,
                tenant="T",
                status=status,
                create_time=CLOCK.now() - timedelta(minutes=minutes),
            )
            await store.write(lambda conn, w=stray: workers.insert(conn, w))
        await bench.pool.check_up()
        left = [one.id for one in await bench.workers(actor)]
        assert len(left) == 2
        assert "of 4 minutes" in left


async def test_a_busy_worker_whose_run_nobody_sees_through_is_freed(tmp_path: Path) -> None:
    runner = FakeRunner()
    async with opened(tmp_path) as store, running(store, runner) as bench:
        actor = await bench.actor(max_workers=1)
        first = await bench.send(actor)
        await runner.begun(first)
        bench.pool._running[first].cancel()
        second = await bench.send(actor)
        await asyncio.sleep(0)
        await bench.pool.check_up()
        (record,) = await bench.ended(actor, first)
        # User code had begun, so it is not run again.
        assert record.status is ExecutionStatus.ERROR
        assert record.reason == "The service lost this execution while it ran."
        (await runner.begun(second)).end()
        (record,) = await bench.ended(actor, second)
        assert record.status is ExecutionStatus.COMPLETE
        assert first in runner.cleared


async def test_a_start_that_hangs_is_given_up_and_the_message_runs(tmp_path: Path) -> None:
    hang = True

    class Slow(FakeRunner):
        async def prepare(self, image: str) -> str:
            if hang:
                await asyncio.Event().wait()
            return await super().prepare(image)

    settings = {"longest_start": timedelta(0), "health_check": timedelta(seconds=0.05)}
    async with opened(tmp_path) as store, running(store, Slow(echo), **settings) as bench:
        actor = await bench.actor(max_workers=1)
        execution_id = await bench.send(actor)
        await until(_told(bench), lambda seen: (Action.REMOVE, Rule.STUCK) in seen)
        hang = False
        (record,) = await bench.ended(actor, execution_id)
        assert record.status is ExecutionStatus.COMPLETE


async def test_a_runner_that_cannot_be_checked_does_not_stop_the_check(tmp_path: Path) -> None:
    async with opened(tmp_path) as store, running(store, FakeRunner(echo), idle=LONG) as bench:
        actor = await bench.actor()
        await bench.pool.ensure(actor, 1)

        async def fails() -> None:
            raise RunFailed(FailureKind.INTERNAL, "engine gone")

        bench.pool._check_runs = fails
        before = CLOCK.now()
        await bench.pool.check_up()
        (worker,) = await bench.workers(actor)
        assert worker.last_health_check_time > before


async def test_an_end_that_the_store_does_not_take_at_first_is_on_record_in_the_end(
    tmp_path: Path,
) -> None:
    """It was lost, and what user code had begun was run again when the lease ran out."""

    class Vanishing(FakeRunner):
        async def run(self, task, watch):  # type: ignore[no-untyped-def]
            await watch.started(CLOCK.now())
            raise RunFailed(FailureKind.INTERNAL, "somebody removed it", started=True)

    async with opened(tmp_path) as store, running(store, Vanishing(echo)) as bench:
        ledger = bench.runs._ledger
        fail, tries = ledger.fail, 0

        async def flaky(*args: object) -> None:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise OSError("no space left on device")
            await fail(*args)  # type: ignore[arg-type]

        ledger.fail = flaky  # type: ignore[method-assign]
        actor = await bench.actor()
        (record,) = await bench.ended(actor, await bench.send(actor))
        assert (record.status, record.reason, tries) == (
            ExecutionStatus.ERROR,
            "somebody removed it",
            3,
        )


# ---- decisions -----------------------------------------------------------------------------------


def decision(actor_id: str, workers: int = 1) -> Decision:
    return Decision(
        actor_id=actor_id,
        at=CLOCK.now(),
        rule=Rule.IDLE,
        action=Action.REMOVE,
        workers=workers,
        waiting=0,
    )


async def test_the_last_decisions_of_an_actor_are_kept_newest_first() -> None:
    heard: list[Decision] = []
    kept = Decisions(heard.append)
    assert kept.of("a") == []
    for number in range(KEPT + 5):
        kept.note(decision("a", number))
    assert [one.workers for one in kept.of("a")] == [*reversed(range(5, KEPT + 5))]
    assert len(heard) == KEPT + 5


async def test_decisions_are_kept_of_so_many_actors_and_no_more() -> None:
    kept = Decisions(lambda _: None)
    for number in range(ACTORS):
        kept.note(decision(str(number)))
    kept.note(decision("0"))
    kept.note(decision("one more"))
    assert kept.of("1") == []
    assert len(kept.of("0")) == 2


async def test_actors_with_waiting_messages_are_found_each_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        bench = Bench(store, FakeRunner())
        assert await bench.pool._roster.who_has_waiting() == []
        made = [await bench.actor() for _ in range(4)]
        for actor in (*made[:3], made[0]):
            await bench.send(actor, wake=False)
        deleted = new_id()
        assert deleted not in await bench.pool._roster.who_has_waiting()
        expected = sorted(actor.id for actor in made[:3])
        assert await bench.pool._roster.who_has_waiting() == expected
        await store.write(lambda conn: actors.set_status(conn, made[1].id, ActorStatus.ERROR, ""))
        found = await bench.pool._roster.look(expected, in_error=False)
        assert {actor.id: count for actor, count in found} == {made[0].id: 2, made[2].id: 1}
