"""One running execution, as the runner reports it: its log so far, its start, its results."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server.model.execution import Finished
from abaco_server.model.log import LogBuffer
from abaco_server.model.message import Lease
from abaco_server.model.task import ResultBody
from abaco_server.outcomes.ledger import Ledger
from abaco_server.workers.insisting import Insist


class Tell(Protocol):
    """Whoever shows executions as they happen; `assemble` joins it to the event streams."""

    def log(self, execution_id: str, offset: int, text: str) -> None: ...

    def status(self, execution_id: str, status: str) -> None: ...

    def result(self, execution_id: str) -> None: ...

    def finished(self, actor_id: str, finished: Sequence[Finished]) -> None:
        """Executions of one actor whose ends are on record."""
        ...


class LiveRun:
    """The runner's Watch for one execution. Whatever it cannot record ends the run, so it insists:
    user code that works must not be stopped because a database restarts."""

    def __init__(self, lease: Lease, ledger: Ledger, tell: Tell, insist: Insist) -> None:
        self.lease = lease
        self._ledger = ledger
        self._tell = tell
        self._insist = insist
        self._execution_id = lease.message.execution_id
        self.log_so_far = LogBuffer()
        self.has_started = False

    async def started(self, at: datetime) -> None:
        self.has_started = True
        await self._record(lambda: self._ledger.started(self.lease, at))
        self._tell.status(self._execution_id, ExecutionStatus.RUNNING)

    async def log(self, chunk: bytes) -> None:
        offset = self.log_so_far.length
        added = self.log_so_far.append(chunk)
        if added:
            self._tell.log(self._execution_id, offset, added)

    async def result(self, key: str, body: ResultBody) -> None:
        await self._record(lambda: self._ledger.result(self._execution_id, key, body))
        self._tell.result(self._execution_id)

    async def state(self, value: Any) -> None:
        await self._record(lambda: self._ledger.state(self.lease.message.actor_id, value))

    def end(self, status: ExecutionStatus, exit_code: int | str | None = None) -> None:
        """Its record is written: tell whoever looks at it."""
        ended = Finished(id=self._execution_id, status=status, exit_code=exit_code)
        self._tell.finished(self.lease.message.actor_id, [ended])

    async def _record(self, work: Callable[[], Awaitable[None]]) -> None:
        await self._insist(self._execution_id, work)
