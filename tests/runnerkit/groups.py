"""Groups of executions for runners under test, and what they came to."""

import asyncio
import pickle
import sys
from dataclasses import replace
from typing import Any

import cloudpickle

from abaco_jupyter.wire.ids import new_id
from abaco_server.model.task import Group, Member
from runnerkit.kits import GroupRecorder, ResidentKit

CALLS = "from abaco_runtime.calls import answer\n"
"""The module of an actor of calls."""


def texts(kit: ResidentKit, *messages: str, **environment: str) -> Group:
    group = kit.group(*[[] for _ in messages])
    pairs = zip(group.members, messages, strict=True)
    return replace(
        group,
        members=tuple(replace(one, text=text, environment=environment) for one, text in pairs),
    )


def calls(kit: ResidentKit, *functions: Any) -> Group:
    version = "{}.{}".format(*sys.version_info[:2])
    bodies = [
        pickle.dumps((False, cloudpickle.dumps(one), cloudpickle.dumps(((), {}))))
        for one in functions
    ]
    members = tuple(
        Member(
            execution_id=new_id(),
            environment={},
            binary=f"ABACO-CALL {version}\n".encode() + body,
        )
        for body in bodies
    )
    return replace(kit.group(), members=members)


def answers(recorder: GroupRecorder, group: Group) -> list[Any]:
    found: list[Any] = []
    for member in group.members:
        bodies = list(recorder.results[member.execution_id].values())
        found += [pickle.loads(body.removeprefix(b"ABACO-RESULT\n")) for body in bodies] or [None]
    return found


async def run(runner: Any, group: Group) -> GroupRecorder:
    recorder = GroupRecorder()
    async with asyncio.timeout(120):
        await runner.run_group(group, recorder)
    return recorder
