"""The only table from an error to what a client sees of it."""

from dataclasses import dataclass
from http.client import responses

from tornado.web import HTTPError

from abaco_jupyter.wire import errors
from abaco_server.service import access, credentials

STATUS: dict[type[errors.AbacoError], int] = {
    errors.InvalidRequest: 400,
    # Abaco refuses with 400; only the gateway in front of it knows 401.
    errors.NotAuthorized: 400,
    # Of the gateway's own endpoints, where clients ask with a password.
    errors.WrongPassword: 401,
    errors.NotFound: 404,
    errors.ActorDoesNotExist: 400,
    errors.ConfigDoesNotExist: 400,
    errors.ExecutionNotFound: 400,
    errors.NonceNotFound: 400,
    errors.ActorIsStateless: 404,
    errors.BuildFailed: 400,
    errors.Unavailable: 503,
    errors.ImageUnavailable: 400,
    errors.InternalError: 500,
    errors.AbacoError: 500,
}

NO_CREDENTIALS = credentials.NO_CREDENTIALS
NO_ROLE = access.NO_ROLE
NO_ENDPOINT = (
    "Invalid request: the API endpoint does not exist or the provided HTTP method is not allowed."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    code: str
    message: str


def answer(error: BaseException | None, status: int) -> Answer:
    """What to say of `error`; `status` is tornado's word on it."""
    if isinstance(error, errors.AbacoError):
        return Answer(status=status_of(type(error)), code=error.code, message=str(error))
    if error is None or isinstance(error, HTTPError):
        return _of_http(error, status)
    code = errors.InternalError.code
    message = f"Unrecognized exception type: {type(error)}. Exception: {error}"
    return Answer(status=500, code=code, message=message)


def status_of(kind: type[errors.AbacoError]) -> int:
    """The nearest ancestor in the table decides."""
    return next(STATUS[cls] for cls in kind.__mro__ if cls in STATUS)


def _of_http(error: HTTPError | None, status: int) -> Answer:
    """Jupyter's and tornado's own refusals: wrong method, host, origin or XSRF cookie."""
    if status in (404, 405):
        code = errors.EndpointNotFound.code
        return Answer(status=status, code=code, message=NO_ENDPOINT)
    message = responses.get(status, "Unknown HTTP Error")
    if error is not None and error.log_message:
        message = error.log_message % error.args if error.args else error.log_message
    elif error is not None and error.reason:
        message = error.reason
    kind = errors.NotAuthorized if status in (401, 403) else errors.InvalidRequest
    code = kind.code if status < 500 else errors.InternalError.code
    return Answer(status=status, code=code, message=message)
