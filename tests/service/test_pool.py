"""The pool on a real store with a fake runner: what the machine decides comes true."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from pool_bench import CLOCK, Bench, echo, opened, running, until

from abaco_jupyter.wire.codes import ActorStatus, ExecutionStatus
from abaco_server import queue
from abaco_server.model.actor import Actor
from abaco_server.model.message import Message
from abaco_server.model.task import FailureKind, Place, RunFailed
from abaco_server.outcomes.ledger import LOST
from abaco_server.runners.fake import FakeEngine, FakeRun, FakeRunner
from abaco_server.store import actors, logs, outbox, results, workers
from abaco_server.workers.insisting import RECORD_TRIES


@pytest.mark.asyncio
async def test_a_message_becomes_a_complete_record(tmp_path: Path) -> None:
    async with opened(tmp_path) as store, running(store, FakeRunner(echo)) as bench:
        actor = await bench.actor()
        execution_id = await bench.send(actor)
        (record,) = await bench.ended(actor, execution_id)
        assert (record.status, record.exit_code) == (ExecutionStatus.COMPLETE, 0)
        assert record.worker_id
        assert record.start_time
        assert record.finish_time
        text = await store.read(lambda conn: logs.get(conn, execution_id, CLOCK.now()))
        assert text == "working on hello"
        assert (await bench.status(actor)).status is ActorStatus.READY
        assert (await bench.status(actor)).status_message == " "
        events = await store.read(lambda conn: outbox.pending(conn, 10))
        assert [event.type for event in events] == ["ACTOR_READY", "EXECUTION_COMPLETE"]
        # The record is there a moment before anybody is told.
        told = await until(bench.told_so_far, lambda items: len(items) == 4)
        assert told == [
            ("status", execution_id, "RUNNING"),
            ("log", execution_id, "working on hello"),
            ("result", execution_id),
            ("ended", execution_id, "COMPLETE"),
        ]
        assert await store.read(queue.leased) == []


@pytest.mark.asyncio
async def test_a_stateful_actors_messages_run_one_by_one_in_order(tmp_path: Path) -> None:
    seen: list[str] = []
    at_once = most = 0

    async def note(run: FakeRun) -> int:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.005)
        seen.append(run.task.text or "")
        at_once -= 1
        return 0

    async with opened(tmp_path) as store, running(store, FakeRunner(note)) as bench:
        actor = await bench.actor(stateless=False)
        sent = [await bench.send(actor, str(number)) for number in range(20)]
        await bench.ended(actor, *sent)
    assert seen == [str(number) for number in range(20)]
    assert most == 1


@pytest.mark.asyncio
async def test_stateless_messages_run_side_by_side_up_to_the_maximum(tmp_path: Path) -> None:
    at_once = most = 0

    async def note(run: FakeRun) -> int:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.05)
        at_once -= 1
        return 0

    async with opened(tmp_path) as store, running(store, FakeRunner(note)) as bench:
        actor = await bench.actor(max_workers=3)
        sent = [await bench.send(actor) for _ in range(12)]
        await bench.ended(actor, *sent)
    assert most == 3


@pytest.mark.asyncio
async def test_an_internal_failure_is_tried_again_and_the_actor_stays_ready(
    tmp_path: Path,
) -> None:
    tries = 0

    async def flaky(run: FakeRun) -> int:
        return 0

    class Flaky(FakeRunner):
        async def run(self, task, watch):  # type: ignore[no-untyped-def]
            nonlocal tries
            tries += 1
            if tries < 3:
                raise RunFailed(FailureKind.INTERNAL, "engine restarted")
            return await super().run(task, watch)

    async with opened(tmp_path) as store, running(store, Flaky(flaky)) as bench:
        actor = await bench.actor()
        (record,) = await bench.ended(actor, await bench.send(actor))
        assert (record.status, tries) == (ExecutionStatus.COMPLETE, 3)
        assert (await bench.status(actor)).status is ActorStatus.READY


@pytest.mark.asyncio
async def test_an_image_that_cannot_be_had_keeps_the_message_until_it_can(tmp_path: Path) -> None:
    there = False

    class Registry(FakeRunner):
        async def prepare(self, place: Place) -> str:
            if not there:
                raise RunFailed(
                    FailureKind.IMAGE, f"Error pulling image {place.image} - exception: no"
                )
            return place.image

    async with opened(tmp_path) as store, running(store, Registry(echo)) as bench:
        actor = await bench.actor()
        execution_id = await bench.send(actor)
        broken = await until(
            lambda: bench.status(actor), lambda found: found.status is ActorStatus.ERROR
        )
        assert broken.status_message == (
            "Spawner got an exception from call to start_worker. "
            "Exception:Error pulling image image - exception: no"
        )
        gone = await until(
            lambda: store.read(lambda conn: workers.of_actor(conn, actor.id)),
            lambda found: not found,
        )
        assert gone == []
        there = True
        bench.pool.refresh(actor.id)
        (record,) = await bench.ended(actor, execution_id)
        assert record.status is ExecutionStatus.COMPLETE
        assert (await bench.status(actor)).status is ActorStatus.READY


@pytest.mark.asyncio
async def test_six_failed_starts_end_the_execution_and_name_the_reason(tmp_path: Path) -> None:
    class Broken(FakeRunner):
        async def run(self, task, watch):  # type: ignore[no-untyped-def]
            raise RunFailed(FailureKind.START, "Could not start container c. Exception x")

    async with opened(tmp_path) as store, running(store, Broken(echo)) as bench:
        actor = await bench.actor()
        (record,) = await bench.ended(actor, await bench.send(actor))
        assert record.status is ExecutionStatus.ERROR
        assert record.reason == "Could not start container c. Exception x"
        broken = await until(
            lambda: bench.status(actor), lambda found: found.status is ActorStatus.ERROR
        )
        assert broken.status_message == (
            "Error executing container: Could not start container c. Exception x"
        )


@pytest.mark.asyncio
async def test_internal_failures_are_no_failed_starts(tmp_path: Path) -> None:
    kinds = [FailureKind.INTERNAL] * 4 + [FailureKind.START] * 3

    class Moody(FakeRunner):
        async def run(self, task, watch):  # type: ignore[no-untyped-def]
            if kinds:
                raise RunFailed(kinds.pop(0), "not now")
            return await super().run(task, watch)

    async with opened(tmp_path) as store, running(store, Moody(echo)) as bench:
        actor = await bench.actor()
        (record,) = await bench.ended(actor, await bench.send(actor))
        assert record.status is ExecutionStatus.COMPLETE


@pytest.mark.asyncio
async def test_what_still_runs_after_a_restart_is_adopted(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with opened(tmp_path) as store:
        first = FakeRunner(engine=engine)
        async with running(store, first, drain=0) as bench:
            actor = await bench.actor()
            execution_id = await bench.send(actor)
            run = await first.begun(execution_id)
            run.log(b"before ")
        run.log(b"between ")
        async with running(store, FakeRunner(engine=engine)) as heir:
            await until(lambda: _live(heir, execution_id), lambda text: text is not None)
            run.log(b"after")
            run.end(0)
            (record,) = await heir.ended(actor, execution_id)
        assert (record.status, record.exit_code) == (ExecutionStatus.COMPLETE, 0)
        text = await store.read(lambda conn: logs.get(conn, execution_id, CLOCK.now()))
        assert text == "before between after"


@pytest.mark.asyncio
async def test_adopted_runs_count_as_workers_of_their_actor(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with opened(tmp_path) as store:
        first = FakeRunner(engine=engine)
        async with running(store, first, drain=0) as bench:
            actor = await bench.actor(max_workers=2)
            sent = [await bench.send(actor) for _ in range(4)]
            runs = [await first.begun(execution_id) for execution_id in sent[:2]]
        async with running(store, FakeRunner(engine=engine)) as heir:
            await until(lambda: _live(heir, sent[1]), lambda text: text is not None)
            heir.pool.wake(actor.id)
            await asyncio.sleep(0.1)
            known = await store.read(lambda conn: workers.of_actor(conn, actor.id))
            assert len(known) == 2
            assert heir.pool.running == 2
            for run in runs:
                run.end(0)
            for execution_id in sent[2:]:
                (await heir.runner.begun(execution_id)).end(0)
            await heir.ended(actor, *sent)


@pytest.mark.asyncio
async def test_a_run_whose_actor_is_gone_gets_an_ending(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with opened(tmp_path) as store:
        first = FakeRunner(engine=engine)
        async with running(store, first, drain=0) as bench:
            actor = await bench.actor()
            execution_id = await bench.send(actor)
            await first.begun(execution_id)
            await until(
                lambda: bench.record(actor, execution_id),
                lambda found: found.status is ExecutionStatus.RUNNING,
            )
        await store.write(lambda conn: actors.delete(conn, actor.id))
        async with running(store, FakeRunner(engine=engine)) as heir:
            (record,) = await heir.ended(actor, execution_id)
        assert record.status is ExecutionStatus.ERROR


async def _live(bench: Bench, execution_id: str) -> str | None:
    return bench.runs.live_log(execution_id)


@pytest.mark.asyncio
async def test_a_run_of_which_nothing_is_left_is_not_run_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        first = FakeRunner()
        async with running(store, first, drain=0) as bench:
            actor = await bench.actor()
            execution_id = await bench.send(actor)
            await first.begun(execution_id)
            await until(
                lambda: bench.record(actor, execution_id),
                lambda found: found.status is ExecutionStatus.RUNNING,
            )
        # Another engine: nobody knows of it any more.
        async with running(store, FakeRunner(echo)) as heir:
            (record,) = await heir.ended(actor, execution_id)
        assert (record.status, record.reason) == (ExecutionStatus.ERROR, LOST)


@pytest.mark.asyncio
async def test_messages_that_wait_when_the_server_stops_run_after_the_start(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as store:
        async with running(store, FakeRunner(echo)) as bench:
            actor = await bench.actor()
            await bench.pool.stop(timedelta(0))
            sent = [await bench.send(actor) for _ in range(5)]
        async with running(store, FakeRunner(echo)) as heir:
            records = await heir.ended(actor, *sent)
    assert {record.status for record in records} == {ExecutionStatus.COMPLETE}


@pytest.mark.asyncio
async def test_deleting_an_actor_halts_what_runs(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        runner = FakeRunner()
        async with running(store, runner) as bench:
            actor = await bench.actor()
            execution_id = await bench.send(actor)
            await runner.begun(execution_id)
            assert await bench.pool.retire(actor.id, timedelta(seconds=5))
            (record,) = await bench.ended(actor, execution_id)
            assert record.exit_code == 143


@pytest.mark.asyncio
async def test_idle_workers_leave_the_list(tmp_path: Path) -> None:
    async with opened(tmp_path) as store, running(store, FakeRunner(echo)) as bench:
        actor = await bench.actor()
        await bench.ended(actor, await bench.send(actor))
        left = await until(
            lambda: store.read(lambda conn: workers.of_actor(conn, actor.id)),
            lambda found: not found,
        )
        assert left == []


@pytest.mark.asyncio
async def test_a_store_that_fails_for_a_moment_costs_no_outcome(tmp_path: Path) -> None:
    async with opened(tmp_path) as store, running(store, FakeRunner(echo)) as bench:
        ledger = bench.runs._ledger
        finish, tries = ledger.finish, 0

        async def flaky(*args: object) -> None:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise OSError("no space left on device")
            await finish(*args)  # type: ignore[arg-type]

        ledger.finish = flaky  # type: ignore[method-assign]
        actor = await bench.actor()
        (record,) = await bench.ended(actor, await bench.send(actor))
        assert (record.status, record.exit_code, tries) == (ExecutionStatus.COMPLETE, 0, 3)


@pytest.mark.asyncio
@pytest.mark.parametrize("what", ["started", "result"])
async def test_a_store_that_fails_for_a_moment_stops_nothing_that_runs(
    tmp_path: Path, what: str
) -> None:
    async with opened(tmp_path) as store, running(store, FakeRunner(echo)) as bench:
        ledger = bench.runs._ledger
        record, tries = getattr(ledger, what), 0

        async def flaky(*args: object) -> None:
            nonlocal tries
            tries += 1
            if tries < 3:
                raise OSError("the database restarts")
            await record(*args)

        setattr(ledger, what, flaky)
        actor = await bench.actor()
        execution_id = await bench.send(actor)
        (found,) = await bench.ended(actor, execution_id)
        assert (found.status, found.exit_code, tries) == (ExecutionStatus.COMPLETE, 0, 3)
        result = await store.write(lambda conn: results.pop(conn, execution_id, CLOCK.now()))
        assert result is not None
        assert result[1] == b"done"


@pytest.mark.asyncio
async def test_a_message_that_cannot_be_read_for_a_moment_runs_later(tmp_path: Path) -> None:
    async with opened(tmp_path) as store, running(store, FakeRunner(echo)) as bench:
        ledger = bench.runs._ledger
        body, tries = ledger.body, 0

        async def flaky(message: Message) -> bytes | Path:
            nonlocal tries
            tries += 1
            if tries < 2:
                raise OSError("stale file handle")
            return await body(message)

        ledger.body = flaky  # type: ignore[method-assign]
        actor = await bench.actor()
        (record,) = await bench.ended(actor, await bench.send(actor))
        assert (record.status, tries) == (ExecutionStatus.COMPLETE, 2)


@pytest.mark.asyncio
async def test_an_end_that_cannot_be_recorded_is_not_run_once_more(tmp_path: Path) -> None:
    tries = failed = 0

    class Broken(FakeRunner):
        async def run(self, task, watch):  # type: ignore[no-untyped-def]
            nonlocal tries
            tries += 1
            raise RunFailed(FailureKind.INTERNAL, "the engine lost it", started=True)

    async def full(*_: object) -> None:
        nonlocal failed
        failed += 1
        raise OSError("no space left on device")

    async def attempts() -> int:
        return failed

    lease = timedelta(seconds=0.15)
    async with (
        opened(tmp_path) as store,
        running(store, Broken(), drain=0, lease=lease) as bench,
    ):
        bench.runs._ledger.fail = full  # type: ignore[method-assign]
        actor = await bench.actor()
        execution_id = await bench.send(actor)
        await until(attempts, lambda count: count == RECORD_TRIES)
        await asyncio.sleep(3 * lease.total_seconds())
        assert (tries, bench.pool.running) == (1, 1)
        assert [one.message.execution_id for one in await store.read(queue.leased)] == [
            execution_id
        ]


@pytest.mark.asyncio
@pytest.mark.parametrize("failures", [1, 2])
async def test_a_store_that_fails_for_a_moment_leaves_no_run_of_an_earlier_life_alone(
    tmp_path: Path, failures: int
) -> None:
    engine = FakeEngine()
    async with opened(tmp_path) as store:
        first = FakeRunner(engine=engine)
        async with running(store, first, drain=0) as bench:
            actor = await bench.actor(max_workers=2)
            sent = [await bench.send(actor) for _ in range(2)]
            runs = [await first.begun(execution_id) for execution_id in sent]
        heir = Bench(store, FakeRunner(engine=engine))
        find, tried = heir.pool._roster.actor, 0

        async def flaky(actor_id: str) -> Actor | None:
            nonlocal tried
            tried += 1
            if tried <= failures:
                raise OSError("disk I/O error")
            return await find(actor_id)

        heir.pool._roster.actor = flaky  # type: ignore[method-assign]
        await heir.pool.start()
        for run in runs:
            run.end(0)
        records = await heir.ended(actor, *sent)
        await heir.pool.stop(timedelta(0))
    assert [record.status for record in records] == [ExecutionStatus.COMPLETE] * 2


@pytest.mark.asyncio
async def test_a_run_is_adopted_though_its_worker_cannot_be_recorded(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with opened(tmp_path) as store:
        first = FakeRunner(engine=engine)
        async with running(store, first, drain=0) as bench:
            actor = await bench.actor()
            execution_id = await bench.send(actor)
            run = await first.begun(execution_id)
        heir = Bench(store, FakeRunner(engine=engine))

        async def broken(*_: object) -> None:
            raise OSError("disk I/O error")

        heir.pool._roster.begin_worker = broken  # type: ignore[method-assign]
        await heir.pool.start()
        run.end(0)
        (record,) = await heir.ended(actor, execution_id)
        await heir.pool.stop(timedelta(0))
    assert record.status is ExecutionStatus.COMPLETE
