"""Groups on a runner that knows single executions only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from abaco_server.model.task import NO_STATE, Ended, Group, Outcome, ResultBody, RunFailed, Task
from abaco_server.runners.protocol import GroupWatch, Runner


class OneByOne:
    """The GroupRunner of such a runner."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._coming: set[str] = set()
        """Executions of groups that run, whose turn has not come."""

    async def run_group(self, group: Group, watch: GroupWatch) -> None:
        ids = [member.execution_id for member in group.members]
        self._coming.update(ids)
        try:
            for member in group.members:
                if member.execution_id in self._coming:
                    self._coming.discard(member.execution_id)
                    await self._run(group.task(member), watch)
        finally:
            self._coming.difference_update(ids)

    async def withdraw(self, execution_ids: Sequence[str]) -> list[str]:
        found = [one for one in execution_ids if one in self._coming]
        self._coming.difference_update(found)
        return found

    async def _run(self, task: Task, watch: GroupWatch) -> None:
        single = _Single(watch, task.execution_id)
        end: Outcome | RunFailed
        try:
            end = await self._runner.run(task, single)
        except RunFailed as failure:
            end = failure
        await watch.ended([Ended(execution_id=task.execution_id, end=end, state=single.new_state)])
        await self._runner.clear(task.execution_id)


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

    async def result(self, key: str, body: ResultBody) -> None:
        await self._watch.result(self._execution_id, key, body)

    async def state(self, value: Any) -> None:
        self.new_state = value
