"""What of a group can be taken back, when some of it has ended."""

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from abaco_server.model.task import Member
from abaco_server.runners.docker.resident.policy import ReusePolicy
from abaco_server.runners.docker.resident.resident import Resident, _Batch
from abaco_server.runners.resident.stay import Stay
from abaco_server.runners.resident.turn import Turn
from abaco_server.runners.threads import Threads

pytestmark = pytest.mark.asyncio


class Answers(Stay):
    """Gives back whatever it is asked for."""

    async def withdraw(self, execution_ids: Collection[str]) -> list[str]:
        return sorted(execution_ids)


async def test_what_has_ended_is_not_withdrawn_while_its_end_is_recorded(tmp_path: Path) -> None:
    nothing: Any = None
    threads = Threads(1)
    resident = Resident(_Engine(threads), nothing, tmp_path, timedelta(0), ReusePolicy())
    stay = Answers(tmp_path, threads, timedelta(0))
    stay.turn = Turn(1, ["ended", "running", "coming"])
    stay.turn.current = 1
    batch = _Batch([Member(execution_id=one, environment={}) for one in (*stay.turn.members, "on")])
    resident._running.add(stay)
    resident._batches.append(batch)
    found = await resident.withdraw(["ended", "coming", "on", "unknown"])
    assert found == ["coming", "on"]
    assert [one.execution_id for one in batch.rest] == ["ended", "running", "coming"]


class _Engine:
    def __init__(self, threads: Threads) -> None:
        self.threads = threads
