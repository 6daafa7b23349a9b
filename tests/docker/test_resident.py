"""Containers that stay: what only they do, and what becomes of them when something dies."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from abaco_server.model.task import FailureKind, Group, Isolation, Outcome, RunFailed
from abaco_server.runners.docker.resident.policy import ReusePolicy
from abaco_server.runners.resident import stay
from runnerkit.groups import CALLS, answers, calls, run, texts
from runnerkit.images import JOB, runtime_image
from runnerkit.kits import GroupRecorder, Recorder, ResidentKit, abandon

pytestmark = [pytest.mark.docker, pytest.mark.asyncio]

ACTOR = """
import os, socket, abaco_runtime
print("loaded")
if os.environ.get("BROKEN"):
    raise ValueError("not today")
count = 0

def act(message):
    global count
    count += 1
    print("pid", os.getpid() > 1, "count", count)
    if message == "leave":
        abaco_runtime.send_result("kept")
        os._exit(9)
    if message == "leave results":
        if os.fork() == 0:
            abaco_runtime.send_result("of a child")
            os._exit(0)
        os.wait()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"of a datagram", "/_abaco_results.sock")
        os._exit(9)
    if message == "state":
        abaco_runtime.update_state({"n": (abaco_runtime.get_state() or {}).get("n", 0) + 1})
    return abaco_runtime.get_context().raw_message
"""


@pytest.fixture(scope="module")
def job_image() -> Iterator[str]:
    with runtime_image(JOB.decode()) as name:
        yield name


@pytest.fixture(scope="module")
def actor_image() -> Iterator[str]:
    with runtime_image(ACTOR, "act") as name:
        yield name


@pytest.fixture(scope="module")
def calls_image() -> Iterator[str]:
    with runtime_image(CALLS, "answer") as name:
        yield name


@pytest_asyncio.fixture
async def kit(tmp_path: Path) -> AsyncIterator[ResidentKit]:
    made = ResidentKit(tmp_path)
    yield made
    await made.close()


# ---- the actor's code ------------------------------------------------------------------------


async def test_a_module_is_loaded_once_and_each_execution_is_a_process(
    kit: ResidentKit, actor_image: str
) -> None:
    kit.image = actor_image
    runner = kit.runner()
    group = texts(kit, "one", "leave", "three")
    recorder = await run(runner, group)
    said = "pid True count 1\n"
    assert recorder.texts(group) == ["loaded\n" + said, said, said]
    assert recorder.codes(group) == [0, 9, 0]
    results = [list(recorder.results[one.execution_id].values()) for one in group.members]
    assert results == [[b'"one"'], [b'"kept"'], [b'"three"']]
    later = texts(kit, "four")
    assert (await run(runner, later)).texts(later) == [said]
    assert len(kit.containers()) == 1


async def test_a_module_that_cannot_be_loaded_is_the_fault_of_its_execution(
    kit: ResidentKit, actor_image: str
) -> None:
    kit.image = actor_image
    runner = kit.runner()
    broken = texts(kit, "one", BROKEN="yes")
    recorder = await run(runner, broken)
    assert recorder.codes(broken) == [1]
    exception = recorder.outcome(broken.members[0]).exception
    assert exception is not None
    assert exception["message"] == "not today"
    mended = texts(kit, "two")
    assert (await run(runner, mended)).codes(mended) == [0]


async def test_without_isolation_all_share_one_interpreter(
    kit: ResidentKit, actor_image: str
) -> None:
    kit.image, kit.isolation = actor_image, Isolation.NONE
    group = texts(kit, "one", "two", "leave", "four")
    recorder = await run(kit.runner(), group)
    counts = [text.split()[-1] for text in recorder.texts(group)]
    # Who leaves takes the interpreter along, and nobody else.
    assert counts == ["1", "2", "3", "1"]
    assert recorder.codes(group) == [0, 0, 9, 0]


async def test_what_an_execution_sent_before_it_died_is_not_the_next_ones(
    kit: ResidentKit, actor_image: str
) -> None:
    kit.image, kit.isolation = actor_image, Isolation.NONE
    group = texts(kit, "leave results", "b")
    recorder = await run(kit.runner(), group)
    sent = [sorted(recorder.results[one.execution_id].values()) for one in group.members]
    assert sent == [[b'"of a child"', b"of a datagram"], [b'"b"']]
    assert recorder.codes(group) == [9, 0]


async def test_the_next_of_a_group_is_told_the_state_that_the_last_one_left(
    kit: ResidentKit, actor_image: str
) -> None:
    kit.image = actor_image
    group = replace(texts(kit, "state", "state"), keeps_state=True)
    recorder = await run(kit.runner(), group)
    states = [recorder.ends[one.execution_id].state for one in group.members]
    assert states == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("isolation", [Isolation.PROCESS, Isolation.NONE])
async def test_a_call_that_kills_its_process_ends_alone(
    kit: ResidentKit, calls_image: str, isolation: Isolation
) -> None:
    kit.image, kit.isolation = calls_image, isolation

    def quit_at_once() -> None:
        import os

        os._exit(7)

    def fork_and_come_back() -> str:
        import os

        return "child" if os.fork() == 0 else "parent"

    def kill() -> None:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)

    group = calls(kit, lambda: 1, quit_at_once, fork_and_come_back, kill)
    recorder = await run(kit.runner(), group)
    assert recorder.codes(group) == [0, 7, 0, 137]
    assert answers(recorder, group) == [1, None, "parent", None]


async def test_a_call_that_dies_ends_though_a_process_that_it_forked_lives(
    kit: ResidentKit, calls_image: str
) -> None:
    import os

    def die_with_a_child() -> None:
        if os.fork() == 0:
            os.setsid()
            import signal

            signal.pause()
        os._exit(9)

    kit.image = calls_image
    group = calls(kit, die_with_a_child, lambda: "next")
    recorder = await run(kit.runner(), group)
    assert answers(recorder, group) == [None, "next"]
    assert recorder.codes(group) == [9, 0]


async def test_many_calls_of_one_group(kit: ResidentKit, calls_image: str) -> None:
    kit.image = calls_image
    group = calls(kit, *[lambda number=number: number for number in range(300)])
    recorder = await run(kit.runner(), group)
    assert answers(recorder, group) == list(range(300))
    assert set(recorder.codes(group)) == {0}


# ---- containers ------------------------------------------------------------------------------


async def test_a_container_that_was_killed_costs_the_execution_that_had_begun(
    kit: ResidentKit, job_image: str
) -> None:
    kit.image = job_image
    group = kit.group([["say", "one"]], [["say", "two"], ["sleep", 60]], [["say", "three"]])
    recorder = GroupRecorder()
    running = asyncio.create_task(kit.runner().run_group(group, recorder))
    second = group.members[1]
    await recorder.until(lambda seen: b"two" in seen.logs[second.execution_id])
    await asyncio.to_thread(kit.kill)
    async with asyncio.timeout(60):
        await running
    assert recorder.texts(group) == ["one\n", "two\n", "three\n"]
    failure = recorder.failure(second)
    assert failure.kind is FailureKind.INTERNAL
    assert failure.started
    assert "ended from outside" in failure.reason


async def test_what_had_begun_when_its_container_was_killed_is_told_as_begun(
    kit: ResidentKit, job_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However short: by its start the notebook knows that it was lost, and not refused."""
    monkeypatch.setattr(stay, "_SOON", 600.0)
    kit.image = job_image
    group = kit.group([["say", "one"], ["sleep", 600]])
    recorder = GroupRecorder()
    running = asyncio.create_task(kit.runner().run_group(group, recorder))
    async with asyncio.timeout(60):
        while not any(b"one" in log.read_bytes() for log in kit.run_dir.glob("stays-*/out/log")):
            await asyncio.sleep(0.05)
    await asyncio.to_thread(kit.kill)
    async with asyncio.timeout(60):
        await running
    assert recorder.starts == [group.members[0].execution_id]
    assert recorder.failure(group.members[0]).started
    assert recorder.texts(group) == ["one\n"]


async def test_a_container_gives_way_after_so_many_executions(
    kit: ResidentKit, actor_image: str
) -> None:
    kit.image, kit.reuse = actor_image, ReusePolicy(executions=2, ahead=False)
    runner = kit.runner()
    await run(runner, texts(kit, "one", "two"))
    # The newest is first: the one that takes its place may be there already.
    first = (await asyncio.to_thread(kit.containers))[-1]
    async with asyncio.timeout(60):
        while (found := await asyncio.to_thread(kit.containers)) == [first] or len(found) != 1:
            await asyncio.sleep(0.1)
    group = texts(kit, "three")
    assert (await run(runner, group)).codes(group) == [0]
    assert await asyncio.to_thread(kit.containers) == found


async def test_nothing_is_left_when_it_was_idle_or_the_runner_is_closed(
    kit: ResidentKit, actor_image: str
) -> None:
    kit.image, kit.reuse = actor_image, ReusePolicy(idle=timedelta(0), ahead=False)
    await run(kit.runner(), texts(kit, "one"))
    async with asyncio.timeout(60):
        while await asyncio.to_thread(kit.containers):
            await asyncio.sleep(0.1)
    kit.reuse = ReusePolicy()
    runner = kit.make(kit.service_id, kit.run_dir)
    group = texts(kit, "one")
    await runner.prepare(group.place)
    assert (await run(runner, group)).codes(group) == [0]
    await runner.close()
    assert await asyncio.to_thread(kit.containers) == []
    assert list(kit.run_dir.iterdir()) == []


# ---- a server that dies and comes back -------------------------------------------------------


async def begun(kit: ResidentKit) -> tuple[Group, "asyncio.Task[Any]"]:
    """Of a group of three the first has ended, the second runs, the third waits."""
    group = kit.group(
        [["say", "one"], ["exit", 3]],
        [["term", "exit"], ["say", "two"], ["wait", "go"]],
        [["say", "three"]],
    )
    recorder = GroupRecorder()
    running = asyncio.create_task(kit.runner().run_group(group, recorder))
    second = group.members[1].execution_id
    await recorder.until(lambda seen: b"two" in seen.logs[second])
    return group, running


async def resume(heir: Any, handle: Any) -> tuple[Outcome | RunFailed, str]:
    recorder = Recorder()
    try:
        async with asyncio.timeout(60):
            return await heir.resume(handle, recorder), recorder.text
    except RunFailed as failure:
        return failure, recorder.text


async def test_an_heir_takes_up_what_ended_what_runs_and_what_waits(
    kit: ResidentKit, job_image: str
) -> None:
    kit.image = job_image
    group, running = await begun(kit)
    await abandon(running)
    heir = kit.runner()
    handles = await heir.remains()
    assert [one.execution_id for one in handles] == [one.execution_id for one in group.members]
    resumed = [asyncio.create_task(resume(heir, handle)) for handle in handles]
    kit.go(group.members[1])
    ends = await asyncio.gather(*resumed)
    assert [text for _, text in ends] == ["one\n", "two\n", "three\n"]
    assert [end.exit_code for end, _ in ends if isinstance(end, Outcome)] == [3, 0, 0]
    for handle in handles:
        await heir.clear(handle.execution_id)
    assert await heir.remains() == []
    assert await asyncio.to_thread(kit.containers) == []


async def test_an_heir_of_a_dead_container_gives_back_what_never_began(
    kit: ResidentKit, job_image: str
) -> None:
    kit.image = job_image
    group, running = await begun(kit)
    await abandon(running)
    await asyncio.to_thread(kit.kill)
    heir = kit.runner()
    handles = await heir.remains()
    assert [one.execution_id for one in handles] == [one.execution_id for one in group.members[:2]]
    (first, one), (second, two) = [await resume(heir, handle) for handle in handles]
    assert isinstance(first, Outcome)
    assert isinstance(second, RunFailed)
    assert (one, two) == ("one\n", "two\n")
    assert second.started


async def test_an_heir_halts_what_runs_before_it_is_resumed(
    kit: ResidentKit, job_image: str
) -> None:
    kit.image = job_image
    group, running = await begun(kit)
    await abandon(running)
    heir = kit.runner()
    handles = await heir.remains()
    async with asyncio.timeout(60):
        await heir.halt(group.members[1].execution_id, timedelta(seconds=20))
    ends = [await resume(heir, handle) for handle in handles]
    codes = [end.exit_code for end, _ in ends if isinstance(end, Outcome)]
    assert codes == [3, 143, 0]
