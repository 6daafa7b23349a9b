"""Containers that stay: what they may use, what is too large for a frame, and images in which no
interpreter comes up."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from abaco_jupyter.wire.limits import MIB
from abaco_server.model.task import Group, Isolation
from abaco_server.runners.docker.resident.policy import ReusePolicy
from runnerkit.groups import CALLS, answers, calls, run, texts
from runnerkit.images import BASE, JOB, built, runtime_image
from runnerkit.kits import GroupRecorder, ResidentKit

pytestmark = [pytest.mark.docker, pytest.mark.asyncio]

ACTOR = """
import os
kept = []

def act(message):
    if message.startswith("take "):
        kept.append(bytearray(os.urandom(1 << 20) * int(message.split()[1])))
    return len(message)
"""
BROKEN = "raise ImportError('this runtime is broken')"


@pytest.fixture(scope="module")
def actor_image() -> Iterator[str]:
    with runtime_image(ACTOR, "act") as name:
        yield name


@pytest.fixture(scope="module")
def calls_image() -> Iterator[str]:
    with runtime_image(CALLS, "answer") as name:
        yield name


@pytest.fixture(scope="module")
def image_without_interpreter() -> Iterator[str]:
    """As its labels say it has one; but its runtime cannot be imported."""
    dockerfile = f"""
        FROM {BASE}
        LABEL abaco.runtime=test abaco.resident=1
        ENV PYTHONPATH=/broken
        COPY broken.py /broken/abaco_runtime/__init__.py
        COPY job.py /job.py
        CMD ["python3", "/job.py"]
    """
    with built(dockerfile, {"broken.py": BROKEN.encode(), "job.py": JOB}) as name:
        yield name


@pytest_asyncio.fixture
async def kit(tmp_path: Path) -> AsyncIterator[ResidentKit]:
    made = ResidentKit(tmp_path)
    yield made
    await made.close()


def with_memory(group: Group, memory: int) -> Group:
    return replace(group, place=replace(group.place, memory=memory))


def check_killed_for_memory(recorder: GroupRecorder, group: Group) -> None:
    """The second of three was."""
    assert recorder.codes(group) == [0, 137, 0]
    oom = [recorder.outcome(one).final_state["OOMKilled"] for one in group.members]
    assert oom == [False, True, False]


# ---- memory ----------------------------------------------------------------------------------


@pytest.mark.parametrize("isolation", [Isolation.PROCESS, Isolation.NONE])
async def test_a_call_that_uses_up_the_memory_is_told_so_and_the_next_one_runs(
    kit: ResidentKit, calls_image: str, isolation: Isolation
) -> None:
    kit.image, kit.isolation = calls_image, isolation
    group = calls(kit, lambda: 1, lambda: len(b"x" * (1 << 30)), lambda: 3)
    recorder = await run(kit.runner(), with_memory(group, 64 * MIB))
    check_killed_for_memory(recorder, group)
    assert answers(recorder, group) == [1, None, 3]


@pytest.mark.parametrize("isolation", [Isolation.PROCESS, Isolation.NONE])
async def test_an_actor_that_uses_up_the_memory_is_told_so_and_the_next_one_runs(
    kit: ResidentKit, actor_image: str, isolation: Isolation
) -> None:
    kit.image, kit.isolation = actor_image, isolation
    group = texts(kit, "one", "take 1024", "three")
    recorder = await run(kit.runner(), with_memory(group, 64 * MIB))
    check_killed_for_memory(recorder, group)


async def test_an_interpreter_that_has_grown_gives_way(kit: ResidentKit, actor_image: str) -> None:
    kit.image, kit.isolation = actor_image, Isolation.NONE
    kit.reuse = ReusePolicy(memory=32 * MIB, ahead=False)
    runner = kit.runner()
    await run(runner, texts(kit, "one"))
    first = await asyncio.to_thread(kit.containers)
    await run(runner, texts(kit, "take 48"))  # seen when the next group comes
    assert await asyncio.to_thread(kit.containers) == first
    await run(runner, texts(kit, "three"))
    async with asyncio.timeout(60):
        while await asyncio.to_thread(kit.containers):
            await asyncio.sleep(0.1)
    group = texts(kit, "four")
    assert (await run(runner, group)).codes(group) == [0]


# ---- large messages --------------------------------------------------------------------------


async def test_calls_that_come_as_files_are_each_read_from_its_own(
    kit: ResidentKit, calls_image: str, tmp_path: Path
) -> None:
    """And their answers, which are as large, go back as files."""
    kit.image = calls_image

    def doubled(body: bytes) -> bytes:
        return body * 2

    bodies = [bytes([number]) * MIB for number in range(3)]
    group = calls(kit, *[lambda body=body: doubled(body) for body in bodies])
    members = []
    for member in group.members:
        path = tmp_path / member.execution_id
        assert isinstance(member.binary, bytes)
        path.write_bytes(member.binary)
        members.append(replace(member, binary=path))
    group = replace(group, members=tuple(members))
    recorder = await run(kit.runner(), group)
    assert answers(recorder, group) == [body * 2 for body in bodies]


async def test_long_texts_reach_an_actor_whole(kit: ResidentKit, actor_image: str) -> None:
    kit.image = actor_image
    group = texts(kit, "a" * 100_000, "b" * 200_000)
    recorder = await run(kit.runner(), group)
    results = [[*recorder.results[one.execution_id].values()] for one in group.members]
    assert results == [[b"100000"], [b"200000"]]


# ---- no interpreter --------------------------------------------------------------------------


async def test_an_image_whose_interpreter_does_not_come_up_is_run_in_the_plain_way(
    kit: ResidentKit, image_without_interpreter: str, caplog: pytest.LogCaptureFixture
) -> None:
    kit.image = image_without_interpreter
    runner = kit.runner()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            group = kit.group([["say", "one"]], [["say", "two"], ["exit", 3]])
            recorder = await run(runner, group)
            assert recorder.texts(group) == ["one\n", "two\n"]
            assert recorder.codes(group) == [0, 3]
    told = [one for one in caplog.messages if "no interpreter stays" in one]
    assert len(told) == 1, "it is tried once"
    assert "this runtime is broken" in told[0]
    assert await asyncio.to_thread(kit.containers) == []
