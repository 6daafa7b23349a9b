"""Calls that are tried again: by `retries=`, after a failure, and by `AbacoFuture.retry`."""

from concurrent.futures import InvalidStateError
from dataclasses import replace
from typing import TYPE_CHECKING

from abaco_jupyter.wire.errors import InvalidRequest
from abaco_jupyter.wire.limits import KIB

if TYPE_CHECKING:
    from abaco_jupyter.executor.future import AbacoFuture
    from abaco_jupyter.executor.line import Call

KEPT = 64 * KIB
"""Bytes of a call that is kept after it returned, in case that somebody wants it once more."""


def tried_again(future: "AbacoFuture", error: BaseException) -> bool:
    """Send a failed call once more, if it has a try left and nobody wants it stopped."""
    if future.retries_left < 1 or future.call is None or future.unwanted or future.done():
        return False
    future.retries_left -= 1
    assert future.execution_id is not None
    future.earlier.append((future.execution_id, error))
    future.send_once_more(_as_retry(future, future.call))
    return True


def with_notes(future: "AbacoFuture", error: BaseException) -> BaseException:
    """The last error, which says what went wrong before."""
    for number, (execution_id, before) in enumerate(future.earlier, 1):
        what = type(before).__name__
        error.add_note(f"Try {number} (execution {execution_id}) ended in {what}: {before}")
    return error


def sent_again(future: "AbacoFuture") -> "AbacoFuture":
    """What `AbacoFuture.retry` says."""
    from abaco_jupyter.executor.future import AbacoFuture

    if not future.done():
        raise InvalidStateError(
            "This call has not ended yet: wait for it, or stop it with cancel(force=True)."
        )
    if future.call is None or future.line is None:
        raise InvalidRequest(
            "This call is not here (any more): it could not be sent, comes from reattach, or had "
            f"over {KEPT // KIB} KiB and returned. Submit it anew."
        )
    call = _as_retry(future, future.call)
    fresh = AbacoFuture(future.line, call)
    future.line.add([(fresh, call)])
    return fresh


def forget_large(future: "AbacoFuture") -> None:
    """It returned: its arguments need no more room."""
    if future.call is not None and future.call.size > KEPT:
        future.call = None


def _as_retry(future: "AbacoFuture", call: "Call") -> "Call":
    """The first execution of the call is what the others name."""
    first = call.options.retry_of or future.execution_id
    return replace(call, options=replace(call.options, retry_of=first))
