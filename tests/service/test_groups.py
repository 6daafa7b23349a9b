"""Executions that share a container, on a real store with a fake runner."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pool_bench import CLOCK, Bench, echo, opened, running, until

from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server import queue
from abaco_server.model.task import Ended, FailureKind, Group, Outcome, RunFailed
from abaco_server.runners.fake import FakeRun, FakeRunner
from abaco_server.runners.protocol import GroupWatch
from abaco_server.service.actors import end_waiting
from abaco_server.store import logs, results

pytestmark = pytest.mark.asyncio
SHARES = ("isolation:process",)


class Groups(FakeRunner):
    """Runs groups at once, and remembers how large they were."""

    def __init__(self, *ends: RunFailed) -> None:
        super().__init__(echo)
        self.sizes: list[int] = []
        self.seen: list[str] = []
        self._ends = list(ends)
        self.gate = asyncio.Event()
        self.gate.set()
        self.silent = False

    async def run_group(self, group: Group, watch: GroupWatch) -> None:
        self.sizes.append(len(group.members))
        await self.gate.wait()
        if self.silent:
            raise RuntimeError("out of order")
        ended = []
        for member in group.members:
            self.seen.append(group.task(member).text or "")
            now = CLOCK.now()
            end: Outcome | RunFailed = Outcome(
                exit_code=0, start_time=now, finish_time=now, final_state={}
            )
            if self._ends:
                end = self._ends.pop()
            log = f"ran {member.text}".encode()
            answer = ("a", (member.text or "").encode())
            one = Ended(execution_id=member.execution_id, end=end, log=log, results=(answer,))
            ended.append(one)
        await watch.ended(ended)


async def send_many(bench: Bench, actor, texts: Sequence[str]) -> list[str]:
    """In one transaction: nobody sees some of them without the others."""
    items = [bench.message(actor, text) for text in texts]
    assert all(await bench.store.write(lambda conn: queue.submit_many(conn, items)))
    bench.pool.wake(actor.id)
    return [execution.id for execution, _ in items]


async def test_one_worker_takes_several_in_order(tmp_path: Path) -> None:
    runner = Groups()
    async with opened(tmp_path) as store, running(store, runner, max_workers=1) as bench:
        actor = await bench.actor(hints=SHARES)
        texts = [str(number) for number in range(100)]
        sent = await send_many(bench, actor, texts)
        records = await bench.ended(actor, *sent)
        assert {(one.status, one.exit_code) for one in records} == {(ExecutionStatus.COMPLETE, 0)}
        assert runner.seen == texts
        # The first alone, as nobody knows how long it takes; then more and more fairly shared.
        assert runner.sizes[0] == 1
        assert max(runner.sizes) > 20
        text = await store.read(lambda conn: logs.get(conn, sent[7], CLOCK.now()))
        assert text == "ran 7"
        assert await store.write(lambda c: results.pop(c, sent[7], CLOCK.now())) == ("a", b"7")
        assert await store.read(queue.leased) == []
        told = await until(bench.told_so_far, lambda items: len(items) == 100)
        assert told == [("ended", one, "COMPLETE") for one in sent]
        (worker,) = await until(
            lambda: bench.workers(actor), lambda found: found and found[0].status == "READY"
        )
        assert worker.last_execution_time is not None


async def test_what_did_not_begin_runs_again_and_what_began_does_not(tmp_path: Path) -> None:
    lost = RunFailed(FailureKind.INTERNAL, "the container was killed", started=True)
    early = RunFailed(FailureKind.INTERNAL, "the container was killed")
    runner = Groups(early, lost)
    async with opened(tmp_path) as store, running(store, runner, max_workers=1) as bench:
        actor = await bench.actor(hints=SHARES)
        sent = await send_many(bench, actor, ["a", "b", "c"])
        first, second, third = await bench.ended(actor, *sent)
        assert (first.status, first.reason) == (ExecutionStatus.ERROR, "the container was killed")
        assert {second.status, third.status} == {ExecutionStatus.COMPLETE}
        assert sorted(runner.seen) == ["a", "b", "b", "c"]
        text = await store.read(lambda conn: logs.get(conn, sent[0], CLOCK.now()))
        assert text == "ran a"


async def test_a_runner_that_breaks_ends_what_it_did_not_tell_of(tmp_path: Path) -> None:
    runner = Groups()
    runner.silent = True
    async with opened(tmp_path) as store, running(store, runner) as bench:
        actor = await bench.actor(hints=SHARES)
        (sent,) = await send_many(bench, actor, ["a"])
        (record,) = await bench.ended(actor, sent)
        assert record.status is ExecutionStatus.ERROR
        assert "out of order" in (record.reason or "")
        runner.silent = False
        (again,) = await bench.ended(actor, *await send_many(bench, actor, ["b"]))
        assert again.status is ExecutionStatus.COMPLETE


async def test_a_stateful_actor_takes_one_at_a_time(tmp_path: Path) -> None:
    runner = Groups()
    async with opened(tmp_path) as store, running(store, runner) as bench:
        actor = await bench.actor(hints=SHARES, stateless=False)
        sent = await send_many(bench, actor, list("abcdef"))
        await bench.ended(actor, *sent)
        assert runner.sizes == [1] * 6
        assert "".join(runner.seen) == "abcdef"


async def test_others_get_their_share(tmp_path: Path) -> None:
    """No worker takes so much that another has nothing to do."""
    runner = Groups()
    async with opened(tmp_path) as store, running(store, runner, max_workers=4) as bench:
        actor = await bench.actor(hints=SHARES)
        await bench.ended(actor, *await send_many(bench, actor, ["first"]))
        runner.gate.clear()
        sent = await send_many(bench, actor, [str(number) for number in range(40)])
        await until(lambda: _sizes(runner), lambda sizes: len(sizes) == 5)
        runner.gate.set()
        await bench.ended(actor, *sent)
        assert max(runner.sizes) <= 5


async def _sizes(runner: Groups) -> list[int]:
    return runner.sizes


async def test_what_stands_behind_a_slow_one_is_run_by_others(tmp_path: Path) -> None:
    """And the slow one ends as it would have."""
    gate = asyncio.Event()

    async def act(run: FakeRun) -> int:
        if run.task.text == "slow":
            await gate.wait()
        return 0

    async with opened(tmp_path) as store, running(store, FakeRunner(act), max_workers=2) as bench:
        actor = await bench.actor(hints=SHARES)
        await bench.ended(actor, *await send_many(bench, actor, ["first", "second"]))
        slow, *others = await send_many(bench, actor, ["slow", *map(str, range(20))])
        records = await bench.ended(actor, *others)
        assert {one.exit_code for one in records} == {0}
        assert (await bench.record(actor, slow)).status is ExecutionStatus.RUNNING
        gate.set()
        (record,) = await bench.ended(actor, slow)
        assert record.exit_code == 0
        # Both workers have nothing to do now: neither waits for what was taken from it.
        await bench.ended(actor, *await send_many(bench, actor, ["a", "b", "c"]))


async def test_what_a_worker_took_is_cancelled_if_it_has_not_begun(tmp_path: Path) -> None:
    gate = asyncio.Event()
    ran: list[str] = []

    async def act(run: FakeRun) -> int:
        ran.append(run.task.text or "")
        if run.task.text == "first":
            return 0
        await gate.wait()
        return 0

    async with opened(tmp_path) as store, running(store, FakeRunner(act), max_workers=1) as bench:
        actor = await bench.actor(hints=SHARES)
        await bench.ended(actor, *await send_many(bench, actor, ["first"]))
        sent = await send_many(bench, actor, list("abcdef"))
        await until(lambda: _ran(ran), lambda seen: "a" in seen)
        hold = timedelta(seconds=60)
        assert await bench.pool.withdraw([sent[0]], hold) == []
        # Some may be on their way back by themselves, as they stand behind a slow one.
        await bench.pool.withdraw(sent[1:], hold)
        await until(lambda: store.read(queue.leased), lambda leases: len(leases) == 1)
        waiting = await store.read(lambda conn: queue.waiting(conn, actor.id))
        assert waiting == 5
        ended = await store.write(
            lambda conn: end_waiting(conn, actor.id, "cancelled", CLOCK.now(), sent)
        )
        assert ended == sent[1:]
        gate.set()
        (first,) = await bench.ended(actor, sent[0])
        assert first.status is ExecutionStatus.COMPLETE
        assert ran == ["first", "a"]


async def _ran(ran: list[str]) -> list[str]:
    return ran


async def test_what_is_withdrawn_waits_again_though_whoever_asked_is_gone(tmp_path: Path) -> None:
    gate, runner = asyncio.Event(), Groups()
    asked = asyncio.Event()

    async def withdraw(execution_ids: Sequence[str]) -> list[str]:
        asked.set()
        await gate.wait()
        return [*execution_ids]

    async with opened(tmp_path) as store, running(store, runner, max_workers=1) as bench:
        actor = await bench.actor(hints=SHARES)
        await bench.ended(actor, *await send_many(bench, actor, ["first"]))
        runner.withdraw = withdraw  # type: ignore[method-assign]
        runner.gate.clear()
        (sent,) = await send_many(bench, actor, ["a"])
        await until(lambda: _sizes(runner), lambda sizes: len(sizes) == 2)
        asking = asyncio.create_task(bench.pool.withdraw([sent], timedelta(hours=1)))
        await asked.wait()
        asking.cancel()
        await asyncio.wait([asking])
        gate.set()
        await until(lambda: store.read(queue.leased), lambda leases: leases == [])
        assert await store.read(lambda conn: queue.waiting(conn, actor.id)) == 1
        runner.silent = True
        runner.gate.set()


async def test_what_had_not_begun_when_its_actor_was_deleted_never_runs(tmp_path: Path) -> None:
    runner = Groups()
    withdrawn: list[str] = []

    async def withdraw(execution_ids: Sequence[str]) -> list[str]:
        withdrawn.extend(execution_ids)
        return [*execution_ids]

    async with opened(tmp_path) as store, running(store, runner, max_workers=1) as bench:
        actor = await bench.actor(hints=SHARES)
        await bench.ended(actor, *await send_many(bench, actor, ["first"]))
        runner.withdraw = withdraw  # type: ignore[method-assign]
        runner.gate.clear()
        (sent,) = await send_many(bench, actor, ["a"])
        await until(lambda: _sizes(runner), lambda sizes: len(sizes) == 2)
        assert await bench.pool.retire(actor.id, timedelta(seconds=30))
        assert withdrawn == [sent]
        runner.silent = True
        runner.gate.set()


class Breaking(Groups):
    """Tells of the first of several, and no more."""

    async def run_group(self, group: Group, watch: GroupWatch) -> None:
        await super().run_group(replace(group, members=group.members[:1]), watch)
        if len(group.members) > 1:
            raise RuntimeError("out of order")


async def test_a_worker_that_cannot_be_shown_to_rest_costs_no_execution(tmp_path: Path) -> None:
    failed: list[str] = []

    async def fail(worker_id: str) -> None:
        failed.append(worker_id)
        raise OSError("the disk is full")

    async with opened(tmp_path) as store, running(store, Breaking(), max_workers=1) as bench:
        actor = await bench.actor(hints=SHARES)
        await bench.ended(actor, *await send_many(bench, actor, ["first"]))
        bench.runs._ledger.rests = fail  # type: ignore[method-assign]
        records = await bench.ended(actor, *await send_many(bench, actor, ["a", "b", "c"]))
        complete, lost = ExecutionStatus.COMPLETE, ExecutionStatus.ERROR
        assert [one.status for one in records] == [complete, lost, complete]
        assert failed


async def test_a_stop_leaves_a_group_to_the_next_life(tmp_path: Path) -> None:
    runner = Groups()
    async with opened(tmp_path) as store:
        async with running(store, runner) as bench:
            actor = await bench.actor(hints=SHARES)
            await bench.ended(actor, *await send_many(bench, actor, ["first"]))
            runner.gate.clear()
            sent = await send_many(bench, actor, ["a", "b"])
            await until(lambda: _sizes(runner), lambda sizes: len(sizes) >= 2)
            await bench.pool.stop(timedelta(0))
        on_loan = await store.read(queue.leased)
        assert {lease.message.execution_id for lease in on_loan} <= set(sent)
        assert on_loan
        # Nothing of them is left anywhere, and they never began: they run again.
        async with running(store, Groups()) as heir:
            records = await heir.ended(actor, *sent)
            assert {one.status for one in records} == {ExecutionStatus.COMPLETE}
