"""Executions: listed, shown, their logs and results, halted."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from abaco_jupyter.cli.command import command
from abaco_jupyter.cli.nouns.arguments import MESSAGES, Actor, Execution
from abaco_jupyter.cli.output import Columns, at
from abaco_jupyter.cli.session import Session
from abaco_jupyter.cli.values import Misuse
from abaco_jupyter.wire.errors import ExecutionNotRunning

if TYPE_CHECKING:
    from abaco_jupyter.client.actor import Actor as Found
    from abaco_jupyter.client.execution import Execution as Run

_COLUMNS: Columns = {
    "id": "id",
    "status": "status",
    "exit": "exitCode",
    "received": at("messageReceivedTime"),
    "began": at("startTime"),
    "ended": at("finishTime"),
    "by": "executor",
}


def add(app: typer.Typer) -> None:
    command(app, "executions", "execution", panel=MESSAGES)(executions)
    command(app, "logs", "log", panel=MESSAGES)(logs)
    command(app, "results", "result", panel=MESSAGES)(results)
    command(app, "halt", "stop", panel=MESSAGES)(halt)
    command(app, "cancel", panel=MESSAGES)(cancel)
    command(app, "report", panel=MESSAGES)(report)
    command(app, "account", panel=MESSAGES)(account)


def executions(
    session: Session,
    actor: Actor,
    execution: Annotated[
        str | None, typer.Argument(metavar="[EXECUTION]", help="Show this one.")
    ] = None,
    number: Annotated[
        int, typer.Option("-n", "--number", min=1, max=1000, help="How many of the newest.")
    ] = 20,
    every: Annotated[
        bool, typer.Option("-a", "--all", help="All of them, and with --json their totals.")
    ] = False,
) -> None:
    """List an actor's executions, oldest first, or show one.

    Columns: id, status, exit code, received, began, ended, executor. Times are UTC.
    """
    found = session.abaco.actor(actor)
    if execution is not None:
        one = found.execution(execution)
        session.facts(one.known, shows=one)
    elif every:
        whole = found.ledger.read()
        session.table(whole, _COLUMNS, whole["executions"])
    else:
        newest = found.executions(number)
        session.table([each.known for each in newest], _COLUMNS, shows=newest)


def logs(
    session: Session,
    actor: Actor,
    execution: Execution = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Show more as it comes, until it ends.")
    ] = False,
    timeout: Annotated[
        float | None, typer.Option("-t", "--timeout", help="Seconds to follow.")
    ] = None,
) -> None:
    """Show what an execution printed.

    With --follow the execution decides the exit code, as `abaco submit --follow` has it.
    """
    found = one_of(session.abaco.actor(actor), execution)
    if follow:
        from abaco_jupyter.cli.following import see_through

        see_through(session, found, follow=True, results=False, timeout=timeout)
        return
    text = found.logs
    session.answer({"logs": text}, text)


def results(
    session: Session,
    actor: Actor,
    execution: Execution = None,
    one: Annotated[
        bool, typer.Option("-1", "--next", help="Take only the oldest; it may be empty.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write to this file, exactly as sent.")
    ] = None,
) -> None:
    """Take an execution's results. The server hands each out once.

    Bytes are written as they are; a text gets a line of its own.
    """
    found = one_of(session.abaco.actor(actor), execution)
    bodies = [body for body in [found.next_result()] if body] if one else found.results(raw=True)
    if out is not None:
        out.write_bytes(b"".join(bodies))
    else:
        session.results(bodies)


def halt(session: Session, actor: Actor, execution: Execution = None) -> None:
    """Stop an execution that runs: TERM, and KILL after a grace."""
    target = session.abaco.actor(actor)
    found = one_of(target, execution) if execution is not None else _only_running(target)
    try:
        found.halt()
    except ExecutionNotRunning:
        raise Misuse(
            f"{found.title} does not run, so it was not halted: its status is {found.status}. "
            "`abaco cancel` takes back what waits."
        ) from None
    session.answer(None, f"Execution {found.id} of {target.title} is being halted.")


def cancel(
    session: Session,
    actor: Actor,
    execution: Execution = None,
    every: Annotated[
        bool, typer.Option("-a", "--all", help="Everything that waits or runs.")
    ] = False,
) -> None:
    """Stop an execution, whether it waits or runs: one that waits is never run.

    Without EXECUTION it is the only one that waits or runs; among several, say which.
    """
    from abaco_jupyter.client.stopping import stop

    target = session.abaco.actor(actor)
    wanted = [target.execution(execution)] if execution else _unfinished(target, every=every)
    done = stop(target, wanted)
    counts = {
        "taken back before it ran": done.taken,
        "halted": done.halted,
        "ended before": done.ended,
        "about to begin: cancel it again in a moment": done.left,
    }
    phrases = [f"{len(some)} {what}" for what, some in counts.items() if some]
    told = f"Of {target.title}: {', '.join(phrases) or 'nothing waits or runs'}."
    session.answer({"cancelled": done.taken, "halted": done.halted, "left": done.left}, told)


def report(
    session: Session,
    actor: Actor,
    number: Annotated[
        int, typer.Option("-n", "--number", min=1, help="Of how many of the newest.")
    ] = 1000,
) -> None:
    """Show where the time of an actor's executions went, and what they cost."""
    from abaco_jupyter.show.report import report as of

    found = of(session.abaco.actor(actor), number)
    session.answer(found.as_dict(), str(found), shows=found)


def account(
    session: Session,
    actor: Actor,
    runtime: Annotated[int, typer.Option(help="Seconds, as the record has it.")],
    cpu: Annotated[int, typer.Option(help="Nanoseconds of CPU time, as the record has it.")],
    io: Annotated[int, typer.Option(help="Bytes received.")],
) -> None:
    """Enter an execution that ran elsewhere, for accounting."""
    made = session.abaco.actor(actor).ledger.enter(runtime=runtime, cpu=cpu, io=io)
    session.answer(made, "It is entered.")


def one_of(actor: "Found", execution_id: str | None) -> "Run":
    """The execution of this id, or the newest."""
    from abaco_jupyter.wire.errors import ExecutionNotFound

    if execution_id is not None:
        return actor.execution(execution_id)
    newest = actor.executions(1)
    if not newest:
        raise ExecutionNotFound(f"{actor.title} has no execution yet. Send it a message first.")
    return newest[-1]


def _only_running(actor: "Found") -> "Run":
    running: list[Any] = [e for e in actor.executions() if e.known["status"] == "RUNNING"]
    if len(running) == 1:
        return running[0]  # type: ignore[no-any-return]
    if not running:
        raise Misuse(f"No execution of {actor.title} is running, so nothing was halted.")
    ids = ", ".join(each.id for each in running)
    raise Misuse(f"{len(running)} executions of {actor.title} are running: {ids}. Say which one.")


def _unfinished(actor: "Found", *, every: bool) -> "list[Run]":
    from abaco_jupyter.client.stopping import unfinished

    found = unfinished(actor)
    if len(found) > 1 and not every:
        ids = ", ".join(each.id for each in found[:20])
        raise Misuse(
            f"{len(found)} executions of {actor.title} wait or run: {ids}. Say which one, or --all."
        )
    if not found and not every:
        raise Misuse(f"No execution of {actor.title} waits or runs, so nothing was cancelled.")
    return found
