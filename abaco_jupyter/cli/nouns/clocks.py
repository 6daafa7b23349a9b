"""When an actor is sent a message by the clock, and what became of its webhook."""

from typing import Annotated, Any

import typer

from abaco_jupyter.cli import values
from abaco_jupyter.cli.command import command
from abaco_jupyter.cli.nouns.arguments import CLOCKS, Actor
from abaco_jupyter.cli.output import Columns, at
from abaco_jupyter.cli.session import Session


def add(app: typer.Typer) -> None:
    command(app, "cron", panel=CLOCKS)(cron)
    schedules = typer.Typer(help="Schedules in cron's five fields, with a time zone.")
    command(schedules, "list", "ls")(list_schedules)
    command(schedules, "create", "make")(create_schedule)
    command(schedules, "show", "get")(show_schedule)
    command(schedules, "delete", "remove", "rm")(delete_schedule)
    app.add_typer(schedules, name="schedules", rich_help_panel=CLOCKS, no_args_is_help=True)
    command(app, "deliveries", panel=CLOCKS)(deliveries)


def cron(
    session: Session,
    actor: Actor,
    schedule: Annotated[
        str | None,
        typer.Argument(
            metavar="[SCHEDULE]",
            help="'30 2 * * mon-fri', with a time zone after it or not; or Abaco's own "
            "'YYYY-MM-DD HH + N hours' (UTC) and 'now + 1 day'.",
        ),
    ] = None,
    on: Annotated[bool | None, typer.Option("--on/--off", help="Whether it sends.")] = None,
) -> None:
    """Show Abaco's own clock of an actor, set it, or switch it on and off.

    A new schedule is on unless --off is given. One of five fields is beside that clock, and beside
    others of its kind: `abaco schedules` has all that can be said of them.
    """
    from abaco_jupyter.functions.checks import cron as checked

    found = session.abaco.actor(actor)
    fields = checked(schedule).split() if schedule is not None else []
    if len(fields) in (5, 6) and "+" not in fields:
        if on is not None:
            raise values.Misuse("--on and --off are for Abaco's own clock.")
        zone = fields[5] if len(fields) == 6 else "UTC"
        session.facts(found.schedules.create(" ".join(fields[:5]), timeZone=zone))
        return
    if schedule is not None:
        found.change(cronSchedule=schedule, cronOn=True if on is None else on)
    elif on is not None:
        found.change(cronOn=on)
    names = ("cronSchedule", "cronOn", "cronNextEx")
    session.facts({name: found.known[name] for name in names if name in found.known})


def list_schedules(session: Session, actor: Actor) -> None:
    """List an actor's schedules.

    Columns: id, cron, time zone, next, last, message.
    """
    columns: Columns = {
        "id": "id",
        "cron": "cron",
        "time zone": "timeZone",
        "next": at("nextTime"),
        "last": at("lastTime"),
        "message": "message",
    }
    session.table(session.abaco.actor(actor).schedules.all(), columns)


def create_schedule(
    session: Session,
    actor: Actor,
    cron: Annotated[str, typer.Argument(metavar="CRON", help="Such as '30 2 * * mon-fri'.")],
    message: Annotated[
        str | None, typer.Option("-m", "--message", help="What to send: JSON, or text.")
    ] = None,
    time_zone: Annotated[str, typer.Option("--time-zone", help="Such as Europe/Rome.")] = "UTC",
    every_missed: Annotated[
        bool, typer.Option("--every-missed", help="Make up each missed run, not one for all.")
    ] = False,
    grace: Annotated[
        int | None, typer.Option("--grace", help="Seconds after which a run is too late; 0: never.")
    ] = None,
) -> None:
    """Send an actor a message at the times of a cron line; answers the schedule's id."""
    from abaco_jupyter.functions.checks import cron as checked

    for whole in (cron, f"{cron} {time_zone}"):
        checked(whole)
    fields: dict[str, Any] = {"timeZone": time_zone, "coalesce": not every_missed}
    if message is not None:
        fields["message"] = _message(message)
    if grace is not None:
        fields["misfireGrace"] = grace or None
    made = session.abaco.actor(actor).schedules.create(cron, **fields)
    session.answer(made, made["id"])


def show_schedule(session: Session, actor: Actor, schedule: str) -> None:
    """Show one schedule."""
    session.facts(session.abaco.actor(actor).schedules.get(schedule))


def delete_schedule(session: Session, actor: Actor, schedule: str) -> None:
    """Delete a schedule."""
    session.abaco.actor(actor).schedules.delete(schedule)
    session.answer(None, "The schedule is deleted.")


def deliveries(
    session: Session,
    actor: Actor,
    number: Annotated[int, typer.Option("-n", "--number", min=1, max=1000)] = 20,
) -> None:
    """Show what became of the posts to an actor's webhook, newest first.

    Columns: id, event, status, attempts, last attempt, answer, error, URL.
    """
    from abaco_jupyter.client.nouns.clocks import deliveries as read

    target = session.abaco.actor(actor)
    columns: Columns = {
        "id": "id",
        "event": "eventType",
        "status": "status",
        "tries": "attempts",
        "last": at("lastTime"),
        "answer": "answer",
        "error": "error",
        "url": "url",
    }
    session.table(read(target.transport, target.id, number), columns)


def _message(text: str) -> Any:
    """A schedule keeps objects and lists as JSON, and anything else as text."""
    value = values.text_or_json(values.given_text(text))
    return value if isinstance(value, dict | list) else text
