"""Stay with an execution until it ends: its log as it comes, its results, its outcome."""

import base64
import json
import sys
from typing import TYPE_CHECKING, Any, TextIO

from abaco_jupyter.cli.session import Session

if TYPE_CHECKING:
    from abaco_jupyter.client.execution import Execution

_PICKLE = b"\x80"


class Printer:
    """A listener (`client.follow`) that writes the log as it is, colours and all."""

    def __init__(self, out: TextIO | None) -> None:
        self._out = out
        self._at_line_start = True

    def log(self, text: str) -> None:
        if self._out is not None:
            self._out.write(text)
            self._out.flush()
            self._at_line_start = text.endswith("\n")

    def changed(self, record: dict[str, Any]) -> None:
        pass

    def lost(self, reason: str) -> None:
        sys.stderr.write("abaco: the connection is lost, trying again\n")

    def tick(self) -> float | None:
        return None

    def end_line(self) -> None:
        """What is written next begins a line, on a terminal; a file gets the log's own bytes."""
        if self._out is not None and not self._at_line_start and self._out.isatty():
            self._out.write("\n")
            self._out.flush()


def see_through(
    session: Session, execution: "Execution", *, follow: bool, results: bool, timeout: float | None
) -> None:
    """Wait for the end. An execution that failed is `Session.failed`."""
    # What stands on the standard output is one thing: the log, or else JSON or results.
    log_out = sys.stderr if session.json or results else sys.stdout
    printer = session.viewer(execution.actor.title, log_out if follow else None)
    try:
        execution.wait(timeout, listener=printer, halts=False)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{_goes_on(execution)}") from None
    except TimeoutError:
        raise TimeoutError(f"Not ended after {timeout:g} s. {_goes_on(execution)}") from None
    finally:
        printer.end_line()
    failure = _failure(execution, shown=follow)
    bodies = execution.results(raw=True) if results else []
    if session.json:
        told = {"results": results_as_json(bodies)} if results else {}
        session.answer(execution.known | told, "")
    elif results and failure is None:
        session.results(bodies)
    elif results:
        write_results(session, bodies)
    if failure is not None:
        session.failed(execution, failure)


def write_results(session: Session, bodies: list[bytes]) -> None:
    for body in bodies:
        if body.startswith(_PICKLE) and sys.stdout.isatty():
            session.note(f"(a pickled result of {len(body)} bytes: write it to a file with -o)")
            continue
        session.write_bytes(body + b"\n" if _is_text(body) else body)


def results_as_json(bodies: list[bytes]) -> list[Any]:
    """JSON results as they are, other text as text, anything else as `{"base64": ...}`."""
    return [_as_json(body) for body in bodies]


def _as_json(body: bytes) -> Any:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_text(body: bytes) -> bool:
    """Text that does not end its last line itself."""
    if body.endswith(b"\n"):
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _goes_on(execution: "Execution") -> str:
    actor = execution.actor.id
    return (
        f"Execution {execution.id} goes on: `abaco logs -f {actor} {execution.id}` shows its log, "
        f"`abaco halt {actor} {execution.id}` stops it."
    )


def _failure(execution: "Execution", *, shown: bool) -> str | None:
    """Why it failed; with the log's end where the log was not shown before.

    The exception is not unpickled, as a notebook does with its own actors: that would run code
    which the owner of a shared actor chose.
    """
    from abaco_jupyter.client import outcome

    record = execution.known
    raised = record.get("exception")
    if isinstance(raised, dict):
        record["exception"] = raised | {"pickle": None}
    found = outcome.failure(record, title=execution.title, tail="", halted=False)
    if found is None:
        return None
    tail = "" if shown else execution.log_tail.rstrip()
    return f"{found}\nThe end of its log:\n{tail}" if tail else str(found)
