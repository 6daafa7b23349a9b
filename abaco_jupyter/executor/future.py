"""One call of an executor."""

import asyncio
from collections.abc import Generator
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from abaco_jupyter.client.execution import Execution

if TYPE_CHECKING:
    from abaco_jupyter.executor.line import Line


class AbacoFuture(Future[Any]):
    """A `concurrent.futures.Future` of a call in a container, as `AbacoExecutor.submit` returns it.

    `concurrent.futures.wait`, `as_completed`, `asyncio.wrap_future` and `await` take it. Its
    `result` raises what the function raised, with the traceback in the container as its cause;
    `RemoteError`, `ExecutionFailed` or `ExecutionError` when it ended in another way.
    """

    def __init__(self, line: "Line") -> None:
        super().__init__()
        self._line = line
        self._sent_as: Execution | None = None
        self._told_of_cancel = False
        self.unwanted = False
        """To be stopped as soon as it runs. For the line only."""

    @property
    def execution(self) -> Execution | None:
        """The execution that this call is; None while it waits here to be sent."""
        return self._sent_as

    @property
    def execution_id(self) -> str | None:
        return None if self._sent_as is None else self._sent_as.id

    @property
    def status(self) -> str:
        """The execution's, as the server has it now; before and without one, WAITING or
        CANCELLED."""
        if self._sent_as is not None:
            return str(self._sent_as.status)
        return "CANCELLED" if self.cancelled() else "WAITING"

    @property
    def logs(self) -> str:
        """What the call printed so far."""
        return "" if self._sent_as is None else self._sent_as.logs

    @property
    def started_at(self) -> str | None:
        """When its container started, as the record has it; None: not yet."""
        found: str | None = self._fact("startTime")
        return found

    @property
    def runtime(self) -> int | None:
        """How long it ran, in milliseconds; None before its end."""
        found: int | None = self._fact("runtime")
        return found

    def cancel(self, force: bool = False) -> bool:
        """Whether it will not run, or no further.

        Parameters
        ----------
        force : bool
            Stop it although it runs. It then ends in `ExecutionFailed`.
        """
        return self._line.cancel([self], force=force)

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.wrap_future(self).__await__()

    def _fact(self, name: str) -> Any:
        return None if self._sent_as is None else self._sent_as.record.get(name)

    def sent_as(self, execution: Execution) -> None:
        """It is on the server. For the line only."""
        self._sent_as = execution

    def begin(self) -> None:
        """It runs. For the line only."""
        with self._condition:
            if self._state == "PENDING":
                self.set_running_or_notify_cancel()

    def drop(self) -> bool:
        """It will not run. For the line only. Whether it had not begun."""
        if not super().cancel():
            return False
        with self._condition:
            first, self._told_of_cancel = not self._told_of_cancel, True
        if first:
            self.set_running_or_notify_cancel()  # tells those in `wait` and `as_completed`
        return True


def succeed(future: AbacoFuture, value: Any) -> None:
    """A call that was dropped in the meantime stays so."""
    with suppress(InvalidStateError):
        future.set_result(value)


def fail(future: AbacoFuture, error: BaseException) -> None:
    """A call that was dropped in the meantime stays so."""
    with suppress(InvalidStateError):
        future.set_exception(error)


def drop(future: AbacoFuture) -> None:
    """The server took it back. One that had begun, and was to be run again, fails."""
    if not future.drop():
        fail(future, CancelledError("It was cancelled while it waited to be run again."))
