"""What can go wrong on the notebook side, beside what the server says (`wire.errors`).

    AbacoError
    ├── ServerNotFound            nowhere is a server; lists every attempt
    ├── UnexpectedAnswer          something answers there, but not as this project does
    ├── AgavepyUnavailable        it is not installed, or cannot reach this server
    ├── Unavailable
    │   └── ServerUnreachable     the server's address does not answer
    └── ExecutionFailure          an execution that did not end well
        ├── ExecutionError        it could not be run (its status is ERROR)
        ├── ExecutionFailed       it ran and ended with an exit code other than 0
        │   └── ExecutionLost     nobody knows how far it came: its container was lost
        └── RemoteError           its code raised an exception that cannot be rebuilt here

`RemoteTraceback` is never raised: it is the cause (`__cause__`) of an exception that an actor
raised, and its text is the traceback in the container.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from abaco_jupyter.wire.errors import AbacoError, NotFound, Unavailable


@contextmanager
def absent(text: str, *kinds: type[NotFound]) -> Iterator[None]:
    """What is not there is said in these words: who asked knows what it was, and where to look.
    The server says it in Abaco's. Of other kinds than these somebody else knows more."""
    try:
        yield
    except kinds as error:
        raise type(error)(text) from None


class ServerNotFound(AbacoError):
    """No server was found; the text lists what was tried and the line that fixes it.

    Attributes
    ----------
    tried : tuple of str
        A sentence for each attempt.
    refused : bool
        Whether a server answered that does not take the token.
    """

    def __init__(self, message: str, *, tried: tuple[str, ...] = (), refused: bool = False) -> None:
        super().__init__(message)
        self.tried = tried
        self.refused = refused


class UnexpectedAnswer(AbacoError):
    """What answers at this address does not speak as an Abaco server does.

    Attributes
    ----------
    status_code : int
        Of the HTTP answer.
    """

    def __init__(self, message: str, *, status_code: int = 0) -> None:
        super().__init__(message)
        self.status_code = status_code


class AgavepyUnavailable(AbacoError):
    """agavepy is not installed, or cannot reach this server; the text says what helps."""


class ServerUnreachable(Unavailable):
    """The server's address does not answer (any more).

    Attributes
    ----------
    url : str
    why : str
    timed_out : bool
        It took the request, and had not answered when the request's time was over.
    sent : bool
        The server may have had the request: who sends it again may do so twice.
    """

    def __init__(self, url: str, why: str, *, timed_out: bool = False, sent: bool = False) -> None:
        super().__init__(
            f"The server at {url} does not answer ({why}). Work that it accepted is kept and "
            "goes on when it is back: start it again, or set ABACO_URL and ABACO_TOKEN to where "
            "it is now."
        )
        self.url = url
        self.why = why
        self.timed_out = timed_out
        self.sent = sent


class ExecutionFailure(AbacoError):
    """An execution that did not end well.

    Attributes
    ----------
    execution_id : str
    record : dict
        The execution's record as the server keeps it.
    log : str
        The end of its log.
    """

    def __init__(
        self, message: str, *, record: dict[str, Any] | None = None, log: str = ""
    ) -> None:
        super().__init__(message)
        self.record = record or {}
        self.execution_id: str = self.record.get("id", "")
        self.log = log


class ExecutionError(ExecutionFailure):
    """The execution could not be run: its status is ERROR."""


class ExecutionFailed(ExecutionFailure):
    """The execution ran and ended with an exit code other than 0, without an exception."""


class ExecutionLost(ExecutionFailed):
    """It began, and its container was killed or lost before its end. It is not run again by
    itself, because it may have done its work already."""


class RemoteError(ExecutionFailure):
    """The actor raised an exception whose type does not exist here, or cannot be unpickled.

    Attributes
    ----------
    type_name : str
        Such as `"mypackage.errors.OutOfCheese"`.
    """

    def __init__(self, message: str, *, type_name: str = "", **facts: Any) -> None:
        super().__init__(message, **facts)
        self.type_name = type_name


class RemoteTraceback(Exception):
    """The traceback in the container, as text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f'\n"""\n{self.text.rstrip()}\n"""'
