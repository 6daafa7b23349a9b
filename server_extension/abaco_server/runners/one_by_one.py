"""A group on a runner that knows single executions only."""

from datetime import datetime
from typing import Any

from abaco_server.model.task import NO_STATE, Ended, Group, Outcome, RunFailed
from abaco_server.runners.protocol import GroupWatch, Runner


async def run_one_by_one(runner: Runner, group: Group, watch: GroupWatch) -> None:
    for member in group.members:
        single = _Single(watch, member.execution_id)
        end: Outcome | RunFailed
        try:
            end = await runner.run(group.task(member), single)
        except RunFailed as failure:
            end = failure
        ended = Ended(execution_id=member.execution_id, end=end, state=single.new_state)
        await watch.ended([ended])
        await runner.clear(member.execution_id)


class _Single:
    """The Watch of one of them."""

    def __init__(self, watch: GroupWatch, execution_id: str) -> None:
        self._watch = watch
        self._execution_id = execution_id
        self.new_state = NO_STATE

    async def started(self, at: datetime) -> None:
        await self._watch.started(self._execution_id, at)

    async def log(self, chunk: bytes) -> None:
        await self._watch.log(self._execution_id, chunk)

    async def result(self, key: str, body: bytes) -> None:
        await self._watch.result(self._execution_id, key, body)

    async def state(self, value: Any) -> None:
        self.new_state = value
