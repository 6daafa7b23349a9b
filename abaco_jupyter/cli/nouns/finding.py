"""Searching, and what is known of the whole installation."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from abaco_jupyter.cli import values
from abaco_jupyter.cli.command import command
from abaco_jupyter.cli.nouns.arguments import SERVER
from abaco_jupyter.cli.output import Columns, at
from abaco_jupyter.cli.session import Session
from abaco_jupyter.cli.values import Misuse


class Kind(StrEnum):
    ACTORS = "actors"
    EXECUTIONS = "executions"
    WORKERS = "workers"
    LOGS = "logs"


class AdminKind(StrEnum):
    ACTORS = "actors"
    WORKERS = "workers"
    EXECUTIONS = "executions"


_FOUND: dict[str, Columns] = {
    Kind.ACTORS: {"id": "id", "name": "name", "status": "status", "image": "image"},
    Kind.EXECUTIONS: {
        "id": "id",
        "actor": "actorId",
        "status": "status",
        "exit": "exitCode",
        "received": at("messageReceivedTime"),
    },
    Kind.WORKERS: {"id": "id", "actor": "actorId", "status": "status", "image": "image"},
    Kind.LOGS: {
        "execution": lambda log: log.get("executionId") or str(log.get("_links", {}).get("self")),
        "log": lambda log: str(log.get("logs") or "")[:200],
    },
}


def add(app: typer.Typer) -> None:
    command(app, "search", panel=SERVER)(search)
    command(app, "utilization", panel=SERVER)(utilization)
    command(app, "admin", panel=SERVER)(admin)
    command(app, "metrics", panel=SERVER)(metrics)
    command(app, "openapi", panel=SERVER)(openapi)


def search(
    session: Session,
    kind: Annotated[Kind, typer.Argument(help="What to find.")],
    conditions: Annotated[
        list[str] | None,
        typer.Argument(metavar="FIELD[.OP]=VALUE...", help="status=READY, cpu.gt=0, name.like=^w"),
    ] = None,
    words: Annotated[
        str | None, typer.Option("-q", "--words", help="Best matches first; leaves nothing out.")
    ] = None,
    phrase: Annotated[str | None, typer.Option("--phrase", help="Must be in it.")] = None,
    limit: Annotated[int, typer.Option("-n", "--limit")] = 100,
    skip: Annotated[int, typer.Option("--skip")] = 0,
) -> None:
    """Search actors, executions, workers or logs.

    Operators: eq neq lt lte gt gte in nin between like nlike. How many there are in all stands
    on the standard error when not all are shown.
    """
    asked: dict[str, Any] = dict(values.variables(conditions or []))
    asked |= {"limit": str(limit), "skip": str(skip)}
    if words is not None:
        asked["search"] = words
    if phrase is not None:
        asked["exactsearch"] = phrase
    found = session.abaco.search(kind.value, **asked)
    session.table(found, _FOUND[kind], found["search"])
    told = found["_metadata"]
    if not session.json and told["countReturned"] < told["totalCount"]:
        session.note(f"{told['countReturned']} of {told['totalCount']}")


def utilization(session: Session) -> None:
    """Show how many actors, workers and waiting commands there are."""
    session.facts(session.abaco.installation.utilization())


def admin(
    session: Session,
    kind: Annotated[AdminKind, typer.Argument(help="Of what.")] = AdminKind.ACTORS,
) -> None:
    """For admins: every actor of every tenant, or all workers or executions."""
    found = session.abaco.installation.admin("" if kind is AdminKind.ACTORS else kind.value)
    if kind is AdminKind.ACTORS:
        columns: Columns = {
            "tenant": "tenant",
            "id": "id",
            "name": "name",
            "owner": "owner",
            "status": "status",
            "messages": "messages",
            "executions": "executions",
            "image": "image",
        }
        session.table(found, columns)
        return
    if kind is AdminKind.WORKERS:
        columns = {"id": "id", "actor": "actorId", "status": "status", "image": "image"}
        rows = found["workers"]
    else:
        columns = {
            "actor": "actorId",
            "owner": "owner",
            "executions": "totalExecutions",
            "runtime": "totalExecutionRuntime",
            "cpu": "totalExecutionCpu",
            "io": "totalExecutionIo",
            "image": "image",
        }
        rows = found["actors"]
    session.table(found, columns, rows)


def metrics(session: Session) -> None:
    """Write the server's metrics as Prometheus reads them."""
    if session.json:
        raise Misuse("Metrics are text for Prometheus: leave out --json.")
    session.write(session.abaco.installation.metrics())


def openapi(session: Session) -> None:
    """Write the API's description in OpenAPI."""
    if session.json:
        raise Misuse("The description is YAML: leave out --json.")
    session.write(session.abaco.installation.openapi())
