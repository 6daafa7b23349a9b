"""Actors: made, listed, changed, removed; and their state."""

from typing import Annotated, Any

import typer

from abaco_jupyter.cli import values
from abaco_jupyter.cli.command import command
from abaco_jupyter.cli.nouns.arguments import ACTORS, SETTINGS, Actor
from abaco_jupyter.cli.output import Columns, at
from abaco_jupyter.cli.session import Session


def add(app: typer.Typer) -> None:
    command(app, "list", "ls", "actors", "images", panel=ACTORS)(list_all)
    command(app, "show", "get", panel=ACTORS)(show)
    command(app, "create", "make", "register", panel=ACTORS, extra=SETTINGS)(create)
    command(app, "update", "change", panel=ACTORS, extra=SETTINGS)(update)
    command(app, "delete", "remove", "rm", panel=ACTORS)(delete)
    command(app, "clean", panel=ACTORS)(clean)
    command(app, "state", panel=ACTORS)(state)


def list_all(session: Session) -> None:
    """List the actors that you may see.

    Columns: name, id, status, revision, last update, image.
    """
    found = session.abaco.actors()
    columns: Columns = {
        "name": "name",
        "id": "id",
        "status": "status",
        "rev": "revision",
        "updated": at("lastUpdateTime"),
        "image": "image",
    }
    session.table([actor.known for actor in found], columns, shows=found)


def show(session: Session, actor: Actor) -> None:
    """Show one actor."""
    found = session.abaco.actor(actor)
    session.facts(found.known, shows=found)


def create(
    session: Session,
    image: Annotated[str, typer.Argument(metavar="IMAGE")],
    settings: dict[str, Any],
    name: Annotated[str | None, typer.Option("-n", "--name", help="What to call it.")] = None,
) -> None:
    """Register an image as an actor; answers its id.

    To make the image too, see `abaco init` and `abaco deploy`.
    """
    fields = given_fields(session, settings)
    if name is not None:
        fields["name"] = name
    made = session.abaco.create(image, **fields)
    session.answer(made.known, made.id)


def update(
    session: Session,
    actor: Actor,
    settings: dict[str, Any],
    image: Annotated[str | None, typer.Argument(metavar="[IMAGE]")] = None,
    force: Annotated[
        bool, typer.Option("-f", "--force", help="A new revision with the same image.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="As the API's PUT: what is not given goes back to its default, the state too.",
        ),
    ] = False,
) -> None:
    """Change an actor: what is given, and nothing else."""
    found = session.abaco.actor(actor)
    fields = given_fields(session, settings)
    if replace:
        if image is None:
            raise values.Misuse("With --replace give the image too.")
        found.update(force=force, image=image, **fields)
    else:
        if image is not None:
            fields["image"] = image
        if not fields and not force:
            raise values.Misuse("Nothing to change was given; see `abaco update --help`.")
        found.change(force=force, **fields)
    session.answer(found.known, f"{found.title} is updated (revision {found.revision}).")


def delete(
    session: Session, actors: Annotated[list[str], typer.Argument(metavar="ACTOR...")]
) -> None:
    """Delete actors: what runs is stopped, what waits is dropped. It is not asked again."""
    for each in actors:
        found = session.abaco.actor(each)
        found.delete()
        if not session.json:
            session.write(f"{found.title} is deleted.\n")
    if session.json:
        session.answer(None, "")


def clean(
    session: Session,
    executors: Annotated[
        bool, typer.Option("--executors", help="Those that AbacoExecutor made, too.")
    ] = False,
    every: Annotated[bool, typer.Option("-a", "--all", help="All of yours.")] = False,
    dry_run: Annotated[
        bool, typer.Option("-R", "--dry-run", help="Say which, and do nothing.")
    ] = False,
) -> None:
    """Delete your actors that are in ERROR; with options, others of yours too."""
    me = session.abaco.found.status.get("username")
    gone = []
    for each in session.abaco.actors():
        known = each.known
        executor = executors and str(each.name or "").startswith("executor-")
        if known.get("owner", me) == me and (every or executor or known["status"] == "ERROR"):
            gone.append(each)
            if not dry_run:
                each.delete()
    names = ", ".join(each.title for each in gone) or "nothing"
    session.answer(
        [each.id for each in gone], f"{'Would delete' if dry_run else 'Deleted'}: {names}."
    )


def state(
    session: Session,
    actor: Actor,
    value: Annotated[
        str | None,
        typer.Argument(metavar="[VALUE]", help="The new state, as JSON; - reads it from stdin."),
    ] = None,
) -> None:
    """Show an actor's state, or set it."""
    from abaco_jupyter.cli.output import as_json

    found = session.abaco.actor(actor)
    if value is not None:
        found.state = values.json_value(values.given_text(value), what="The state")
    kept = found.state
    session.answer({"state": kept}, as_json(kept))


def given_fields(session: Session, settings: dict[str, Any]) -> dict[str, Any]:
    """The API's fields of what was given on the line."""
    from abaco_jupyter.functions.checks import memory, webhook
    from abaco_jupyter.wire.envelope import camel

    if settings["mem_limit"]:
        memory(settings["mem_limit"])
    if settings["webhook"]:
        webhook(settings["webhook"])
    if settings["link"]:
        settings = settings | {"link": session.abaco.address(settings["link"])}
    fields = {
        camel(name): value
        for name, value in settings.items()
        if value not in (None, []) and name not in ("env", "env_file", "hint", "access_token")
    }
    if settings["env"] or settings["env_file"]:
        fields["defaultEnvironment"] = values.environment(
            settings["env"] or (), settings["env_file"]
        )
    if settings["hint"]:
        fields["hints"] = settings["hint"]
    if settings["access_token"] is not None:
        fields["token"] = settings["access_token"]
    return fields
