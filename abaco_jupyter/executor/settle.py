"""The end of a call: its execution's record and results become its future's result."""

from collections.abc import Callable
from typing import Any

from abaco_jupyter.executor import ending
from abaco_jupyter.executor.future import AbacoFuture, drop, ended_badly, fail, succeed
from abaco_jupyter.wire.codes import CANCELLED


def settle(future: AbacoFuture, record: dict[str, Any], value: Callable[[], Any]) -> None:
    """`value` is asked for what the call returned, if it returned; it may raise anything."""
    if record.get("reason") == CANCELLED:
        drop(future)
        return
    execution = future.execution
    assert execution is not None
    error = ending.failure(execution, record)
    if error is not None:
        ended_badly(future, error)
        return
    try:
        result = value()
    except Exception as failed:  # noqa: BLE001  unpickling runs code of the user's own classes
        fail(future, failed)
    else:
        succeed(future, result)
