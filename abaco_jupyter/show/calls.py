"""A call of an executor that somebody waits for and looks at."""

import time
from concurrent.futures import CancelledError
from typing import Any, Protocol

from abaco_jupyter.client.execution import Execution
from abaco_jupyter.show.progress import View, open_view

_LOOK = 0.1
"""Seconds after which it looks whether a call has an execution, or another one."""


class Call(Protocol):
    """`executor.future.AbacoFuture`."""

    @property
    def execution(self) -> Execution | None: ...
    def exception(self, timeout: float | None = None) -> BaseException | None: ...
    def cancel(self, force: bool = False) -> bool: ...


def watch(call: Call, timeout: float | None) -> None:
    """Raises TimeoutError after so many seconds; a KeyboardInterrupt stops the call."""
    until = None if timeout is None else time.monotonic() + timeout
    view = open_view("call")
    try:
        state, failed = _watch(call, view, until)
    except TimeoutError:
        view.close("goes on")
        raise
    except KeyboardInterrupt:
        view.close("stopped", failed=True)
        call.cancel(force=True)
        raise
    view.close(state, failed=failed)


def _watch(call: Call, view: View, until: float | None) -> tuple[str, bool]:
    seen: set[str] = set()
    while True:
        execution = call.execution
        view.tick()
        if execution is not None and execution.id not in seen:
            # A call that is tried again has another execution after this one.
            seen.add(execution.id)
            execution.wait(_left(until), listener=view, halts=False)
        try:
            error = call.exception(_left(until, _LOOK))
        except CancelledError:
            return "CANCELLED", True
        except TimeoutError:
            if until is not None and time.monotonic() >= until:
                raise TimeoutError("The call has not ended yet. It goes on.") from None
            continue
        if call.execution is not None and call.execution.id not in seen:
            continue  # it was quicker than the look: its log is still to be shown
        return ("COMPLETE", False) if error is None else (type(error).__name__, True)


def _left(until: float | None, most: float | None = None) -> Any:
    if until is None:
        return most
    left = max(until - time.monotonic(), 0.001)
    return left if most is None else min(left, most)
