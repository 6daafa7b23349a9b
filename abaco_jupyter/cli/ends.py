"""How a command ends, as the number that a script sees."""

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abaco_jupyter.wire.errors import AbacoError


class End(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    UNREACHABLE = 5
    TIMED_OUT = 6
    INTERRUPTED = 130


MEANING = {
    End.OK: "it is done",
    End.FAILED: "an execution or a build failed, or something went wrong that has no number below",
    End.USAGE: "the command or the request cannot be carried out as it stands",
    End.NOT_FOUND: "there is no such actor, execution, alias...",
    End.REFUSED: "you may not do this, or the token is not accepted",
    End.UNREACHABLE: "no server answers",
    End.TIMED_OUT: "the time was over before the end; what was begun goes on",
    End.INTERRUPTED: "interrupted with Ctrl-C; what was begun goes on",
}


def of_error(error: "AbacoError") -> End:
    from abaco_jupyter.client.errors import ExecutionFailure, ServerNotFound, UnexpectedAnswer
    from abaco_jupyter.wire import errors

    match error:
        case errors.BuildFailed() | errors.ImageUnavailable() | ExecutionFailure():
            return End.FAILED
        case ServerNotFound():
            return End.REFUSED if error.refused else End.UNREACHABLE
        case UnexpectedAnswer():
            return _of_status(error.status_code)
        case errors.NotFound():
            return End.NOT_FOUND
        case errors.NotAuthorized():
            return End.REFUSED
        case errors.Unavailable():
            return End.UNREACHABLE
        case errors.InvalidRequest() | errors.ActorIsStateless():
            return End.USAGE
    return End.FAILED


def _of_status(status: int) -> End:
    """Of an answer that names no code of ours: another Abaco, or a proxy."""
    ends = {400: End.USAGE, 401: End.REFUSED, 403: End.REFUSED, 404: End.NOT_FOUND}
    return ends.get(status, End.FAILED)
