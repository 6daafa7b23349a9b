"""Configs: values that several actors share."""

from typing import Annotated

import typer

from abaco_jupyter.cli import values
from abaco_jupyter.cli.command import command
from abaco_jupyter.cli.nouns.arguments import SHARING, Level, User
from abaco_jupyter.cli.nouns.sharing import show_or_set
from abaco_jupyter.cli.output import Columns
from abaco_jupyter.cli.session import Session
from abaco_jupyter.cli.values import Misuse

Name = Annotated[str, typer.Argument(metavar="NAME")]
Value = Annotated[
    str | None, typer.Argument(metavar="[VALUE]", help="- reads it from stdin, out of sight.")
]
Actors = Annotated[
    list[str] | None,
    typer.Option("-a", "--actor", metavar="ACTOR", help="Who is given it; again for more."),
]
Secret = Annotated[bool | None, typer.Option("--secret/--open", help="Never show its value.")]


def add(app: typer.Typer) -> None:
    configs = typer.Typer(help="Configs: values that several actors share, secrets among them.")
    command(configs, "list", "ls")(list_all)
    command(configs, "create", "make")(create)
    command(configs, "show", "get")(show)
    command(configs, "update", "change")(update)
    command(configs, "delete", "remove", "rm")(delete)
    command(configs, "permissions", "share")(permissions)
    app.add_typer(configs, name="configs", rich_help_panel=SHARING, no_args_is_help=True)
    app.add_typer(configs, name="config", hidden=True, no_args_is_help=True)


def list_all(session: Session) -> None:
    """List the configs.

    Columns: name, whether it is secret, its actors, its value (not of a secret).
    """
    columns: Columns = {
        "name": "name",
        "secret": "isSecret",
        "actors": "actors",
        "value": lambda record: "" if record.get("isSecret") else record.get("value"),
    }
    session.table(session.abaco.configs.all(), columns)


def create(
    session: Session, name: Name, value: Value = None, actor: Actors = None, secret: Secret = None
) -> None:
    """Make a config."""
    if value is None or not actor:
        raise Misuse("Give a VALUE (- for stdin) and at least one -a ACTOR.")
    made = session.abaco.configs.create(
        name,
        values.given_text(value),
        actors=[session.abaco.address(each) for each in actor],
        secret=bool(secret),
    )
    session.answer(made, f"{name} is made.")


def show(session: Session, name: Name) -> None:
    """Show one config."""
    session.facts(session.abaco.configs.get(name))


def update(
    session: Session, name: Name, value: Value = None, actor: Actors = None, secret: Secret = None
) -> None:
    """Change a config: its value, its actors, or whether it is secret."""
    before = session.abaco.configs.get(name)
    was_secret = bool(before["isSecret"])
    if value is None:
        if was_secret:
            raise Misuse(f"{name} is secret, so its value must be given again: - reads it.")
        value = str(before["value"])
    given = [session.abaco.address(each) for each in actor or ()]
    changed = session.abaco.configs.replace(
        name,
        values.given_text(value),
        actors=given or [str(before["actors"])],
        secret=was_secret if secret is None else secret,
    )
    session.answer(changed, f"{name} is changed.")


def delete(session: Session, name: Name) -> None:
    """Delete a config."""
    session.abaco.configs.delete(name)
    session.answer(None, f"The config {name} is deleted.")


def permissions(session: Session, name: Name, user: User = None, level: Level = None) -> None:
    """Show who may do what with a config, or with -u and -p change it."""
    show_or_set(session, session.abaco.configs.permissions(name), user, level)
