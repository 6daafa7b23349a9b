"""One suite for every runner: what `GroupRunner` promises."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from abaco_server.model.task import Group
from runnerkit.images import JOB, runtime_image
from runnerkit.kits import FakeKit, GroupRecorder, Kit, NoneKit, ProcessKit, ResidentKit

KITS = {"fake": FakeKit, "process": ProcessKit, "resident": ResidentKit, "none": NoneKit}


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with runtime_image(JOB.decode()) as name:
        yield name


@pytest_asyncio.fixture(
    params=[
        "fake",
        "process",
        pytest.param("resident", marks=pytest.mark.docker),
        pytest.param("none", marks=pytest.mark.docker),
    ]
)
async def kit(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kit]:
    made = KITS[request.param](tmp_path)
    if request.param in ("resident", "none"):
        made.image = request.getfixturevalue("image")
    yield made
    await made.close()


async def run(kit: Kit, group: Group) -> GroupRecorder:
    recorder = GroupRecorder()
    async with asyncio.timeout(60):
        await kit.runner().run_group(group, recorder)
    return recorder


@pytest.mark.asyncio
async def test_each_has_its_own_log_code_result_and_exception_in_order(kit: Kit) -> None:
    exception = {"type": "ValueError", "message": "no", "traceback": "...", "pickle": None}
    group = kit.group(
        [["say", "one"], ["spool", 1, 5]],
        [["say", "two"], ["exit", 3]],
        [["throw", exception], ["exit", 1]],
        [["datagram", "sent"], ["say", "four"]],
    )
    recorder = await run(kit, group)
    assert recorder.order == [member.execution_id for member in group.members]
    assert recorder.texts(group) == ["one\n", "two\n", "", "four\n"]
    assert recorder.codes(group) == [0, 3, 1, 0]
    results = [list(recorder.results[one.execution_id].values()) for one in group.members]
    assert results == [[b"rrrrr"], [], [], [b"sent"]]
    outcomes = [recorder.outcome(member) for member in group.members]
    assert [outcome.exception for outcome in outcomes] == [None, None, exception, None]
    assert outcomes[1].final_state["ExitCode"] == 3
    for before, after in itertools.pairwise(outcomes):
        assert before.finish_time <= after.start_time + timedelta(milliseconds=5)


@pytest.mark.asyncio
async def test_environment_of_the_group_and_of_each(kit: Kit) -> None:
    steps = [["variable", "SHARED_BY"], ["variable", "COLOUR"]]
    group = kit.group(steps, steps, environment={"SHARED_BY": "all", "COLOUR": "none"})
    first = group.members[0]
    own = {**first.environment, "COLOUR": "red"}
    members = (type(first)(execution_id=first.execution_id, environment=own), group.members[1])
    group = type(group)(
        place=group.place,
        worker_id=group.worker_id,
        tenant=group.tenant,
        environment=group.environment,
        members=members,
    )
    assert (await run(kit, group)).texts(group) == ["all\nred\n", "all\nnone\n"]


@pytest.mark.asyncio
async def test_halt_of_the_current_one_and_of_one_to_come(kit: Kit) -> None:
    runner, recorder = kit.runner(), GroupRecorder()
    group = kit.group([["say", "ready"], ["sleep", 60]], [["say", "runs"]], [["wait", "go"]])
    running = asyncio.create_task(runner.run_group(group, recorder))
    first, second, third = (member.execution_id for member in group.members)
    await recorder.until(lambda seen: b"ready" in seen.logs[first])
    await runner.halt(first, timedelta(seconds=20))
    await recorder.until(lambda seen: second in seen.ends and third in seen.starts)
    kit.go(group.members[2])
    await running
    assert recorder.codes(group) in ([143, 0, 0], [-15, 0, 0])


@pytest.mark.asyncio
async def test_the_time_out_is_of_each(kit: Kit) -> None:
    group = kit.group(
        [["say", "quick"]],
        [["term", "ignore"], ["sleep", 60]],
        [["say", "after"]],
        timeout=timedelta(seconds=1),
    )
    recorder = await run(kit, group)
    outcomes = [recorder.outcome(member) for member in group.members]
    assert [outcome.timed_out for outcome in outcomes] == [False, True, False]
    assert outcomes[1].exit_code == 137
    assert recorder.texts(group) == ["quick\n", "", "after\n"]


@pytest.mark.asyncio
async def test_large_logs_and_results_arrive_whole(kit: Kit) -> None:
    group = kit.group([["lines", 1000, 999], ["spool", 1, 1_000_000]], [["say", "after"]])
    recorder = await run(kit, group)
    assert recorder.texts(group) == [("x" * 999 + "\n") * 1000, "after\n"]
    (body,) = recorder.results[group.members[0].execution_id].values()
    assert body == b"r" * 1_000_000


@pytest.mark.asyncio
async def test_one_that_runs_for_a_while_is_told_with_its_log(kit: Kit) -> None:
    runner, recorder = kit.runner(), GroupRecorder()
    group = kit.group([["say", "first"], ["wait", "go"], ["say", "last"]])
    (member,) = group.members
    running = asyncio.create_task(runner.run_group(group, recorder))
    await recorder.until(lambda seen: seen.logs[member.execution_id] == b"first\n")
    assert recorder.starts == [member.execution_id]
    assert not running.done()
    kit.go(member)
    await running
    assert recorder.texts(group) == ["first\nlast\n"]


@pytest.mark.asyncio
async def test_what_has_not_begun_can_be_withdrawn(kit: Kit) -> None:
    runner, recorder = kit.runner(), GroupRecorder()
    group = kit.group([["wait", "go"]], [["say", "never"]], [["say", "runs"]], [["say", "never"]])
    first, second, third, fourth = (member.execution_id for member in group.members)
    running = asyncio.create_task(runner.run_group(group, recorder))
    await recorder.until(lambda seen: first in seen.starts)
    withdrawn = await runner.withdraw([fourth, first, second, "nobody"])
    assert sorted(withdrawn) == sorted([second, fourth])
    kit.go(group.members[0])
    await running
    assert recorder.order == [first, third]
    assert await runner.withdraw([first, third]) == []
