"""Containers that serve one execution after another, on a real engine."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from abaco_server.model.task import Outcome, RunFailed, Task
from abaco_server.runners.docker import DockerRunner, connect
from abaco_server.runners.docker.warm.demand import WarmPolicy
from abaco_server.runners.docker.warm.spare import Spare
from runnerkit.images import job_image
from runnerkit.kits import Recorder, ReuseKit, abandon

pytestmark = [pytest.mark.docker, pytest.mark.asyncio]


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    with job_image() as name:
        yield name


@pytest_asyncio.fixture
async def kit(image: str, tmp_path: Path) -> AsyncIterator[ReuseKit]:
    made = ReuseKit(tmp_path)
    made.image = image
    yield made
    await made.close()


def containers(kit: ReuseKit) -> set[str]:
    engine = connect()
    try:
        filters = {"label": [f"abaco.service={kit.service_id}"]}
        return {one["Id"] for one in engine.client.containers(all=True, filters=filters)}
    finally:
        engine.close()


async def run(runner: Any, task: Task) -> tuple[Outcome, str]:
    recorder = Recorder()
    async with asyncio.timeout(60):
        outcome = await DockerRunner.run(runner, task, recorder)
        await runner.clear(task.execution_id)
    return outcome, recorder.text


async def test_one_container_serves_many_and_nothing_is_left_between(kit: ReuseKit) -> None:
    runner = kit.runner()
    look = (
        "import os;print(sorted(os.listdir('/_abaco')),os.listdir('/_abaco/out'),"
        "[p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1,os.getpid())])"
    )
    seen, used = [], set()
    for number in range(3):
        steps = [["python", look], ["variable", f"V{number - 1}"], ["leave_behind", 600]]
        task = kit.task(*steps, environment={f"V{number}": "mine"}, text=None, binary=b"b" * number)
        outcome, text = await run(runner, task)
        seen.append(text.splitlines()[:2])
        used |= containers(kit)
        assert outcome.exit_code == 0
    files = "['claim.json', 'message', 'out', 'poke.sock', 'results.sock', 'starter']"
    first = files.replace("'starter'", "'start.sock', 'starter'")
    assert [lines[0] for lines in seen] == [f"{found} [] []" for found in (first, files, files)]
    assert {lines[1] for lines in seen} == {"unset"}
    assert len(used) == 1


async def test_an_execution_that_is_killed_leaves_the_container_to_the_next(kit: ReuseKit) -> None:
    runner, recorder = kit.runner(), Recorder()
    await run(runner, kit.task(["say", "first"]))
    before = containers(kit)
    task = kit.task(["term", "ignore"], ["say", "ready"], ["sleep", 600])
    running = asyncio.create_task(runner.run(task, recorder))
    await recorder.until(lambda seen: "ready" in seen.text)
    await runner.halt(task.execution_id, timedelta(seconds=0.2))
    outcome = await running
    assert (outcome.exit_code, outcome.final_state["ExitCode"]) == (137, 137)
    await runner.clear(task.execution_id)
    assert (await run(runner, kit.task(["exit", 5])))[0].exit_code == 5
    assert containers(kit) & before


async def test_processor_and_memory_are_each_executions_own(kit: ReuseKit) -> None:
    runner = kit.runner()
    work = "x = b'x' * 100_000_000; sum(range(5_000_000))"
    large, _ = await run(runner, kit.task(["python", work]))
    small, _ = await run(runner, kit.task(["say", "done"]))
    assert large.peak_memory > 100_000_000 > 2 * small.peak_memory > 2**20
    assert 0 < small.cpu < large.cpu


async def test_who_kills_itself_takes_the_container_with_it(kit: ReuseKit) -> None:
    runner = kit.runner()
    outcome, _ = await run(runner, kit.task(["python", "import os;os.kill(os.getpid(), 9)"]))
    assert outcome.exit_code == 137
    outcome, text = await run(runner, kit.task(["say", "next"]))
    assert (outcome.exit_code, text) == (0, "next\n")


async def test_a_container_is_replaced_after_so_many_executions(kit: ReuseKit) -> None:
    runner = DockerRunner(
        connect(), service_id=kit.service_id, run_dir=kit.run_dir, warm=WarmPolicy(uses=2)
    )
    kit.runners.append(runner)
    used = []
    for _ in range(4):
        task = kit.task(["python", "import os;print(os.uname().nodename)"])
        used.append((await run(runner, task))[1])
    assert used[0] == used[1] != used[2] == used[3]


async def test_an_heir_takes_no_earlier_end_for_that_of_a_run_that_never_began(
    kit: ReuseKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, task = kit.runner(), kit.task(["say", "later"])
    await run(runner, kit.task(["say", "earlier"], ["exit", 3]))
    told = asyncio.Event()

    async def hang(self: Spare, environment: dict[str, str]) -> None:
        told.set()
        await asyncio.Event().wait()

    left = []

    async def killed(_: object, task: Task, spare: Spare, *__: object) -> None:
        """A server that is gone takes nothing back."""
        left.append(spare)

    with monkeypatch.context() as patched:
        patched.setattr(Spare, "start", hang)
        patched.setattr(type(runner._in_waiting), "_take_back", killed)
        running = asyncio.create_task(DockerRunner.run(runner, task, Recorder()))
        await told.wait()
        await abandon(running)
    (spare,) = left
    assert (spare.uses, spare.container_id in containers(kit)) == (1, True)
    heir, recorder = kit.runner(), Recorder()
    (handle,) = await heir.remains()
    resumed = asyncio.create_task(heir.resume(handle, recorder))
    spare.close()
    with pytest.raises(RunFailed, match="before it began") as caught:
        await resumed
    assert (caught.value.started, recorder.text) == (False, "")
