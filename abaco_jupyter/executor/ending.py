"""What a call came to, out of its execution's last record."""

from collections.abc import Iterable
from typing import Any

from abaco_jupyter.client import outcome
from abaco_jupyter.client.errors import ExecutionError
from abaco_jupyter.client.execution import Execution
from abaco_jupyter.wire.call import CALL_RESULT, decode_result
from abaco_jupyter.wire.errors import AbacoError

_TAIL = 4000


def failure(execution: Execution, record: dict[str, Any]) -> Exception | None:
    """The exception to raise; None when the call returned."""
    ended_well = record.get("status") == "COMPLETE" and record.get("exitCode") == 0
    tail = "" if ended_well or record.get("exception") else _tail(execution)
    halted = execution.was_halted
    return outcome.failure(record, title=execution.title, tail=tail, halted=halted)


def returned(execution: Execution, bodies: Iterable[bytes]) -> Any:
    """What the call returned.

    Parameters
    ----------
    bodies : iterable of bytes
        Its results, in the order in which they were sent.

    Raises
    ------
    ExecutionError
        The result is not there: it was lost with a connection, or somebody else took it.
    """
    # The function itself may have sent results of its own before.
    for body in bodies:
        if body.startswith(CALL_RESULT):
            return decode_result(body.removeprefix(CALL_RESULT))
    raise ExecutionError(
        f"{execution.title} ended well, but its result is not on the server (any more): it was "
        "lost with a connection, expired, or somebody else took it.",
        record={"id": execution.id},
    )


def actor_in_error(actor: dict[str, Any]) -> ExecutionError:
    """What becomes of all calls that wait for an actor that runs nothing any more."""
    why = str(actor.get("statusMessage") or "no reason is given").strip()
    return ExecutionError(f"The executor's actor {actor['id']} is in ERROR: {why}")


def _tail(execution: Execution) -> str:
    try:
        return execution.logs[-_TAIL:]
    except AbacoError:
        return ""  # the failure itself is what matters
