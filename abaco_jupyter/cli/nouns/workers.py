"""Workers: what runs an actor's messages."""

from typing import Annotated

import typer

from abaco_jupyter.cli.command import command
from abaco_jupyter.cli.nouns.arguments import SERVER, Actor
from abaco_jupyter.cli.output import Columns, at
from abaco_jupyter.cli.session import Session
from abaco_jupyter.cli.values import Misuse
from abaco_jupyter.wire.limits import MAX_WORKERS

MOST = 1000
"""Workers that `scale` may ask for."""


def add(app: typer.Typer) -> None:
    command(app, "workers", "worker", panel=SERVER)(workers)
    command(app, "scale", panel=SERVER)(scale)
    command(app, "decisions", panel=SERVER)(decisions)


def workers(
    session: Session,
    actor: Actor,
    number: Annotated[
        int | None, typer.Option("-n", "--number", help="See to it that there are so many.")
    ] = None,
    worker: Annotated[str | None, typer.Option("-w", "--worker", help="Show this one.")] = None,
    stop: Annotated[
        bool, typer.Option("-X", "--stop", help="Stop the one of -w, when it has done its work.")
    ] = False,
) -> None:
    """List an actor's workers, show one, start more or stop one.

    Columns: id, status, made, last execution, image.
    """
    its = session.abaco.actor(actor).workers
    if stop and worker is None:
        raise Misuse("Say which worker to stop: -w WORKER.")
    if number is not None and worker is not None:
        raise Misuse("Give -n or -w, not both.")
    if number is not None:
        told = its.ensure(number)
        session.answer({"message": told}, told)
    elif worker is None:
        columns: Columns = {
            "id": "id",
            "status": "status",
            "made": at("createTime"),
            "last execution": at("lastExecutionTime"),
            "image": "image",
        }
        session.table(its.all(), columns)
    elif stop:
        told = its.stop(worker)
        session.answer({"message": told}, told)
    else:
        session.facts(its.get(worker))


def scale(
    session: Session,
    actor: Actor,
    number: Annotated[int, typer.Argument(metavar="N", min=0, max=MOST, help="How many workers.")],
) -> None:
    """See to it that an actor has so many workers, and may have as many.

    What is too many stops when it has done its work. For admins; later the autoscaler decides.
    """
    found = session.abaco.actor(actor)
    allowed = found.known.get("maxWorkers") or MAX_WORKERS
    if number > allowed:
        found.change(maxWorkers=number)
    its = [each for each in found.workers.all() if each.get("status") != "SHUTTING_DOWN"]
    for each in its[number:]:
        found.workers.stop(each["id"])
    if number > len(its):
        found.workers.ensure(number)
    many = "worker" if len(its) == 1 else "workers"
    told = f"{found.title} had {len(its)} {many}, and is to have {number}."
    session.answer({"before": len(its), "wanted": number}, told)


def decisions(session: Session, actor: Actor) -> None:
    """Show why an actor has as many workers as it has, newest first.

    Columns: time, what was done, by which rule, to which workers, how many workers there
    are then, how many messages wait.
    """
    columns: Columns = {
        "time": at("time"),
        "action": "action",
        "rule": "rule",
        "of": lambda told: " ".join(told.get("workerIds", ())),
        "workers": "workers",
        "waiting": "waiting",
    }
    session.table(session.abaco.actor(actor).workers.decisions(), columns)
