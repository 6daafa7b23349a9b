"""How an execution ended, as the exception that its caller sees."""

import base64
import logging
import os
import re
from typing import Any

from abaco_jupyter.client.errors import (
    ExecutionError,
    ExecutionFailed,
    ExecutionLost,
    RemoteError,
    RemoteTraceback,
)
from abaco_jupyter.wire.call import decode_result
from abaco_jupyter.wire.codes import ExecutionStatus

_log = logging.getLogger(__name__)
_KILLED, _TERMINATED = 137, 143
_SOURCE = re.compile(r'File "[^"\n]*/actor\.py"')
_CALLER = re.compile(
    r'^  File "[^"\n]*(?:abaco_jupyter/functions/calls|abaco_runtime/\w+)\.py", .*\n(?:    .*\n)*',
    re.MULTILINE,
)
"""Frames of ours between the container's start and the actor's function."""


def failure(record: dict[str, Any], *, title: str, tail: str, halted: bool) -> Exception | None:
    """The exception to raise for an ended execution; None when it ended well.

    Parameters
    ----------
    record : dict
        The stream's last record: the execution's, with `reason` and `exception`.
    title : str
        How to name the execution in a sentence.
    tail : str
        The end of its log.
    halted : bool
        Whether this process asked for its end.
    """
    if record.get("status") == ExecutionStatus.ERROR:
        reason = record.get("reason") or "the server gives no reason"
        if record.get("startTime"):
            return ExecutionLost(
                f"{title} began, and was lost: {reason}{_log_part(tail)}", record=record, log=tail
            )
        return ExecutionError(
            f"{title} could not be run: {reason}{_log_part(tail)}", record=record, log=tail
        )
    code = record.get("exitCode")
    if code == 0:
        return None
    raised = record.get("exception")
    if raised and not halted:
        return _raised(raised, record, title, tail)
    kind = ExecutionLost if _is_lost(code, record, halted) else ExecutionFailed
    return kind(f"{title} {_ended(code, record, halted)}{_log_part(tail)}", record=record, log=tail)


def _is_lost(code: Any, record: dict[str, Any], halted: bool) -> bool:
    state = record.get("finalState") or {}
    known = halted or state.get("OOMKilled") or state.get("TimedOut")
    return code == _KILLED and not known


def _ended(code: Any, record: dict[str, Any], halted: bool) -> str:
    state = record.get("finalState") or {}
    if halted:
        return f"was halted (exit code {code})."
    if state.get("OOMKilled"):
        return (
            f"ran out of memory and was killed (exit code {code}). Give the actor more with "
            "`--memory`, or let one message be less work."
        )
    if state.get("TimedOut"):
        return (
            f"was stopped after {record.get('runtime')} s, its time limit (exit code {code}). Give "
            "it more time, or let one message be less work."
        )
    if code in (_KILLED, _TERMINATED):
        return f"was stopped from outside (exit code {code}): it was halted, or killed."
    return f"ended with exit code {code} and without an exception."


def _log_part(tail: str) -> str:
    return f"\nThe end of its log:\n{tail.rstrip()}" if tail.strip() else ""


def _raised(raised: dict[str, Any], record: dict[str, Any], title: str, tail: str) -> Exception:
    error = _rebuilt(raised.get("pickle"), title)
    if error is None:
        module, name = raised.get("module") or "", raised.get("type") or "Exception"
        full = name if module in ("", "builtins", "__main__") else f"{module}.{name}"
        message = raised.get("message") or ""
        error = RemoteError(
            f"{title} raised {full}{': ' + message if message else ''}",
            type_name=full,
            record=record,
            log=tail,
        )
    error.__cause__ = RemoteTraceback(_own_lines(raised.get("traceback"), title))
    return error


def _own_lines(text: str | None, title: str) -> str:
    """The traceback in the container with the frames of the actor's own code, whose file has the
    actor's name: line numbers are those of its cell. `ABACO_TRACEBACK=1` leaves all as it is."""
    if not text:
        return "(no traceback)"
    if os.environ.get("ABACO_TRACEBACK", "") not in ("", "0"):
        return text
    own = f'File "<{title.rpartition(" of ")[2]}>"'
    return _SOURCE.sub(lambda _: own, _CALLER.sub("", text))


def _rebuilt(pickled: str | None, title: str) -> Exception | None:
    """The exception itself, if its type can be had here.

    Unpickling runs code that the container chose, as reading a result does: an actor is as much
    trusted as the notebook that made it.
    """
    if not pickled:
        return None
    try:
        error = decode_result(base64.b64decode(pickled))
    except Exception:  # noqa: BLE001  a pickle may raise anything; the text is shown instead
        _log.debug("the exception of %s cannot be rebuilt here", title, exc_info=True)
        return None
    return error if isinstance(error, Exception) else None
