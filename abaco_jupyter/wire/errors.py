"""What can go wrong, as both sides name it.

    AbacoError
    ├── InvalidRequest            the request cannot be carried out as it stands
    │   ├── MessageTooLarge
    │   ├── InvalidSpec           a BuildSpec that cannot be built
    │   └── ExecutionNotRunning   a halt that comes too early or too late
    ├── NotAuthorized             who asks may not
    │   └── WrongPassword         a user name and a password that do not belong together
    ├── NotFound
    │   ├── ActorNotFound
    │   ├── ActorDoesNotExist     a well-formed id that no actor has
    │   ├── ExecutionNotFound
    │   ├── WorkerNotFound
    │   ├── BuildNotFound
    │   ├── AliasNotFound
    │   ├── NonceNotFound
    │   ├── ConfigNotFound
    │   ├── ConfigDoesNotExist    the same, told to somebody who is no admin
    │   ├── ScheduleNotFound
    │   ├── TokenNotFound
    │   ├── ClientNotFound
    │   ├── ProfileNotFound
    │   └── EndpointNotFound
    ├── ActorIsStateless          state for an actor that keeps none
    ├── Unavailable               now, but perhaps later
    │   ├── NotReady              the service starts, stops, or is hosted by another server
    │   ├── RunnerUnavailable     no engine, or a runner nobody knows
    │   └── ImageUnavailable      an image that cannot be had
    ├── BuildFailed               the build ran and failed; the message ends with its log's end
    └── InternalError             not foreseen

The server sends `code` in the header `HEADER` beside Abaco's envelope (whose four keys are
fixed); the client makes the same class of it with `from_code`.
"""

from typing import ClassVar

HEADER = "X-Abaco-Error"


class AbacoError(Exception):
    """Base of all errors of ours. `str(error)` is the sentence for a person."""

    code: ClassVar[str] = "error"


class InvalidRequest(AbacoError):
    code = "invalid_request"


class MessageTooLarge(InvalidRequest):
    code = "message_too_large"


class InvalidSpec(InvalidRequest):
    code = "invalid_spec"


class ExecutionNotRunning(InvalidRequest):
    code = "execution_not_running"


class NotAuthorized(AbacoError):
    code = "not_authorized"


class WrongPassword(NotAuthorized):
    code = "wrong_password"


class NotFound(AbacoError):
    code = "not_found"


class ActorNotFound(NotFound):
    code = "actor_not_found"


class ActorDoesNotExist(NotFound):
    """The id is well formed, but no actor has it: Abaco answers 400 to all but admins."""

    code = "actor_does_not_exist"


class ExecutionNotFound(NotFound):
    code = "execution_not_found"


class WorkerNotFound(NotFound):
    code = "worker_not_found"


class BuildNotFound(NotFound):
    code = "build_not_found"


class AliasNotFound(NotFound):
    code = "alias_not_found"


class NonceNotFound(NotFound):
    """Abaco answers 400."""

    code = "nonce_not_found"


class ConfigNotFound(NotFound):
    code = "config_not_found"


class ConfigDoesNotExist(NotFound):
    """As `ActorDoesNotExist`: Abaco answers 400 to all but admins."""

    code = "config_does_not_exist"


class ScheduleNotFound(NotFound):
    code = "schedule_not_found"


class TokenNotFound(NotFound):
    code = "token_not_found"


class ClientNotFound(NotFound):
    code = "client_not_found"


class ProfileNotFound(NotFound):
    code = "profile_not_found"


class EndpointNotFound(NotFound):
    code = "endpoint_not_found"


class ActorIsStateless(AbacoError):
    code = "actor_is_stateless"


class Unavailable(AbacoError):
    code = "unavailable"


class NotReady(Unavailable):
    code = "not_ready"


class RunnerUnavailable(Unavailable):
    code = "runner_unavailable"


class ImageUnavailable(Unavailable):
    code = "image_unavailable"


class BuildFailed(AbacoError):
    code = "build_failed"


class InternalError(AbacoError):
    code = "internal_error"


def from_code(code: str | None, message: str) -> AbacoError:
    """The error that the server meant; a code of a later release becomes a plain AbacoError."""
    return _BY_CODE.get(code or "", AbacoError)(message)


def _tree(cls: type[AbacoError]) -> list[type[AbacoError]]:
    return [cls, *(found for child in cls.__subclasses__() for found in _tree(child))]


_BY_CODE = {cls.code: cls for cls in _tree(AbacoError)}
