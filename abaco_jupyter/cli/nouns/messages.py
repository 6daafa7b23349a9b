"""Messages: sent, counted, dropped."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from abaco_jupyter.cli import values
from abaco_jupyter.cli.command import command
from abaco_jupyter.cli.nouns.arguments import MESSAGES, Actor
from abaco_jupyter.cli.session import Session
from abaco_jupyter.cli.values import Misuse

if TYPE_CHECKING:
    from abaco_jupyter.client.execution import Execution


def add(app: typer.Typer) -> None:
    command(app, "submit", "run", "send", panel=MESSAGES)(submit)
    command(app, "call", panel=MESSAGES)(call)
    command(app, "messages", "mailbox", panel=MESSAGES)(messages)
    command(app, "purge", panel=MESSAGES)(purge)


def submit(
    session: Session,
    actor: Actor,
    text: Annotated[
        str | None, typer.Argument(metavar="[MESSAGE]", help="The message; - reads it from stdin.")
    ] = None,
    message: Annotated[
        str | None, typer.Option("-m", "--message", help="The same, as abaco-cli has it.")
    ] = None,
    file: Annotated[
        str | None,
        typer.Option("--file", help="Send this file's bytes, a binary message; - is stdin."),
    ] = None,
    as_text: Annotated[
        bool, typer.Option("--text", help="Send a text, even when it could be JSON.")
    ] = False,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "-e", "--env", metavar="NAME=VALUE", help="A variable of this execution alone."
        ),
    ] = None,
    query: Annotated[str, typer.Option("-q", "--query", help="Such variables as 'a=1&b=2'.")] = "",
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Show its log until it ends.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("-w", "--wait", help="Wait for its end, and write its results.")
    ] = False,
    sync: Annotated[
        bool,
        typer.Option(
            "-x", "--sync", help="Abaco's synchronous message: write the result, else the log."
        ),
    ] = False,
    timeout: Annotated[
        float | None, typer.Option("-t", "--timeout", help="Seconds to wait; then exit code 6.")
    ] = None,
    nonce: Annotated[
        str | None, typer.Option("-Z", "--nonce", help="Send with this nonce and no token.")
    ] = None,
) -> None:
    """Send a message to an actor; answers the execution's id.

    A message that is JSON is sent as JSON, anything else as text. With --wait or --follow the
    execution decides the exit code: 0 when it ended well, 1 when it failed. With both, the log
    goes to the standard error. --sync is told no outcome.
    """
    body = _body(text, message, file, as_text)
    environment = _environment(env or [], query)
    if sync and (follow or wait):
        raise Misuse("--sync waits in its own way: leave out --wait and --follow.")
    if nonce is not None:
        _submit_with_nonce(session, actor, body, environment, nonce, follow or wait, sync, timeout)
        return
    target = session.abaco.actor(actor)
    if sync:
        _write_answer(session, target.ask(body, environment=environment, timeout=timeout))
        return
    receipt = target.post(body, environment)
    execution = _execution(target, receipt)
    if not (follow or wait):
        session.answer(receipt, receipt["executionId"], shows=execution)
        return
    from abaco_jupyter.cli.following import see_through

    see_through(session, execution, follow=follow, results=wait, timeout=timeout)


def call(
    session: Session,
    actor: Actor,
    text: Annotated[
        str, typer.Argument(metavar="MESSAGE", help="The message; - reads it from stdin.")
    ],
    as_text: Annotated[
        bool, typer.Option("--text", help="Send a text, even when it could be JSON.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option("-t", "--timeout", help="Seconds to wait; then exit code 6.")
    ] = None,
) -> None:
    """Send a message, show the log while it runs, then its results.

    The same as `abaco submit --wait --follow`.
    """
    from abaco_jupyter.cli.following import see_through

    target = session.abaco.actor(actor)
    execution = target.send(_body(text, None, None, as_text))
    see_through(session, execution, follow=True, results=True, timeout=timeout)


def messages(
    session: Session,
    actor: Actor,
    purge: Annotated[bool, typer.Option("-X", "--purge", help="Drop them.")] = False,
) -> None:
    """Count the messages that wait in an actor's inbox."""
    found = session.abaco.actor(actor)
    if purge:
        found.purge()
    waiting = found.waiting
    session.answer({"messages": waiting}, str(waiting))


def purge(session: Session, actor: Actor) -> None:
    """Drop the messages that wait: their executions end in ERROR."""
    found = session.abaco.actor(actor)
    found.purge()
    session.answer({"msg": "Actor mailbox purged."}, f"The inbox of {found.title} is empty.")


def _submit_with_nonce(
    session: Session,
    actor: str,
    body: Any,
    environment: dict[str, str],
    nonce: str,
    waits: bool,
    sync: bool,
    timeout: float | None,
) -> None:
    """Nothing is looked up: a nonce is good for its actor's id, or its alias, alone."""
    from urllib.parse import quote

    from abaco_jupyter.client.actor import Actor as Target

    if waits:
        raise Misuse("A nonce cannot follow an execution: use --sync, or `abaco logs --follow`.")
    transport = session.as_nonce(nonce)
    try:
        target = Target(transport, {"id": quote(actor, safe="")})
        if sync:
            _write_answer(session, target.ask(body, environment=environment, timeout=timeout))
        else:
            receipt = target.post(body, environment)
            session.answer(receipt, receipt["executionId"])
    finally:
        transport.close()


def _write_answer(session: Session, body: bytes) -> None:
    from abaco_jupyter.cli.following import results_as_json, write_results

    if session.json:
        session.answer(results_as_json([body])[0], "")
    else:
        write_results(session, [body])


def _execution(target: Any, receipt: dict[str, Any]) -> "Execution":
    from abaco_jupyter.client.execution import Execution

    return Execution(target, receipt["executionId"], {"status": "SUBMITTED"})


def _body(text: str | None, message: str | None, file: str | None, as_text: bool) -> Any:
    given = [each for each in (text, message, file) if each is not None]
    if len(given) != 1:
        raise Misuse("Give one message: MESSAGE or -m MESSAGE, - for stdin, or --file FILE.")
    if file is not None:
        return values.given_bytes(file)
    return values.message(values.given_text(given[0]), as_text=as_text)


def _environment(assignments: list[str], query: str) -> dict[str, str]:
    found = (values.query(query) if query else {}) | values.variables(assignments)
    if "message" in found:
        raise Misuse("A variable cannot be called 'message': Abaco takes that for the message.")
    return found
