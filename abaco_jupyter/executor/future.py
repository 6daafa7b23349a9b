"""One call of an executor."""

import asyncio
from collections.abc import Generator
from concurrent.futures import CancelledError, Future, InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from abaco_jupyter.client.errors import RemoteTraceback
from abaco_jupyter.client.execution import Execution
from abaco_jupyter.executor import again
from abaco_jupyter.show.tracebacks import hide_ours_in

if TYPE_CHECKING:
    from abaco_jupyter.executor.line import Call, Line


class AbacoFuture(Future[Any]):
    """A `concurrent.futures.Future` of a call in a container, as `AbacoExecutor.submit` returns it.

    `concurrent.futures.wait`, `as_completed`, `asyncio.wrap_future` and `await` take it. Its
    `result` raises what the function raised, with the traceback in the container as its cause;
    `RemoteError`, `ExecutionFailed`, `ExecutionLost` or `ExecutionError` when it ended in another
    way. A kernel interrupt while `result` or `exception` waits stops the call.
    """

    def __init__(
        self, line: "Line | None", call: "Call | None" = None, *, retries: int = 0
    ) -> None:
        super().__init__()
        self._line = line
        self._sent_as: Execution | None = None
        self._told_of_cancel = False
        self.call = call
        """What is sent. For the line only."""
        self.retries_left = retries
        self.earlier: list[tuple[str, BaseException]] = []
        """Executions of this call that failed before: their ids, and why."""
        self.unwanted = False
        """To be stopped as soon as it runs. For the line only."""

    @property
    def execution(self) -> Execution | None:
        """The execution that this call is, the last of several; None while it waits here."""
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
        """How long it ran, in whole seconds, as Abaco counts them; None before its end."""
        found: int | None = self._fact("runtime")
        return found

    def result(self, timeout: float | None = None) -> Any:
        """As `concurrent.futures.Future.result`; `timeout` is in seconds."""
        __tracebackhide__ = True
        try:
            value = super().result(timeout)
        except KeyboardInterrupt as interrupt:
            self._stop()
            hide_ours_in(interrupt)
            raise
        except Exception as error:
            if isinstance(error.__cause__, RemoteTraceback):  # others say here what went wrong
                hide_ours_in(error)
            raise
        if self._exception is not None:  # Python 3.11 overlooks one that is false
            raise self._exception
        return value

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """As `concurrent.futures.Future.exception`; `timeout` is in seconds."""
        __tracebackhide__ = True
        try:
            return super().exception(timeout)
        except KeyboardInterrupt as interrupt:
            self._stop()
            hide_ours_in(interrupt)
            raise

    def cancel(self, force: bool = False) -> bool:
        """Whether it will not run, or no further.

        Parameters
        ----------
        force : bool
            Stop it although it runs. It then ends in `ExecutionFailed`.
        """
        if self._line is None or self.done():
            return self.cancelled()
        self.retries_left = 0
        return self._line.cancel([self], force=force)

    def retry(self) -> "AbacoFuture":
        """Send the same call once more: a new execution, and a new future of it.

        Raises
        ------
        concurrent.futures.InvalidStateError
            It has not ended yet.
        InvalidRequest
            The call is not here (any more): it was never sent, comes from `reattach`, or was large
            and returned.
        """
        return again.sent_again(self)

    def wait_interactive(self, timeout: float | None = None) -> Self:
        """Show its status and log, in the cell or the terminal, until it has ended.

        An interrupt stops the call. What the call raised is not raised here: ask for its `result`.

        Raises
        ------
        TimeoutError
            It has not ended after `timeout` seconds. It goes on.
        """
        from abaco_jupyter.show.calls import watch

        watch(self, timeout)
        return self

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.wrap_future(self).__await__()

    def _fact(self, name: str) -> Any:
        return None if self._sent_as is None else self._sent_as.record.get(name)

    def _stop(self) -> None:
        """After an interrupt, which must be seen whatever becomes of this."""
        with suppress(Exception):
            self.cancel(force=True)

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

    def send_once_more(self, call: "Call") -> None:
        """For `again` only."""
        assert self._line is not None
        self._line.again(self, call)

    @property
    def line(self) -> "Line | None":
        return self._line


def succeed(future: AbacoFuture, value: Any) -> None:
    """A call that was dropped in the meantime stays so."""
    again.forget_large(future)
    with suppress(InvalidStateError):
        future.set_result(value)


def fail(future: AbacoFuture, error: BaseException) -> None:
    """A call that was dropped in the meantime stays so."""
    with suppress(InvalidStateError):
        future.set_exception(error)


def ended_badly(future: AbacoFuture, error: BaseException) -> None:
    """Its execution did: it is tried again, if it may be, or fails."""
    if not again.tried_again(future, error):
        fail(future, again.with_notes(future, error))


def drop(future: AbacoFuture) -> None:
    """The server took it back. One that had begun, and was to be run again, fails."""
    if not future.drop():
        fail(future, CancelledError("It was cancelled while it waited to be run again."))
