"""Aliases: names for actors."""

import typer

from abaco_jupyter.cli.command import command
from abaco_jupyter.cli.nouns.arguments import SHARING, Actor, Alias, Level, User
from abaco_jupyter.cli.nouns.sharing import show_or_set
from abaco_jupyter.cli.session import Session


def add(app: typer.Typer) -> None:
    aliases = typer.Typer(help="Aliases: names for actors, unique in a tenant.")
    command(aliases, "list", "ls")(list_all)
    command(aliases, "create", "make")(create)
    command(aliases, "show", "get")(show)
    command(aliases, "update", "point")(point)
    command(aliases, "delete", "remove", "rm")(delete)
    command(aliases, "permissions", "share")(permissions)
    app.add_typer(aliases, name="aliases", rich_help_panel=SHARING, no_args_is_help=True)
    app.add_typer(aliases, name="alias", hidden=True, no_args_is_help=True)


def list_all(session: Session) -> None:
    """List the aliases.

    Columns: alias, id of its actor, owner.
    """
    columns = {"alias": "alias", "actor": "actorId", "owner": "owner"}
    session.table(session.abaco.aliases.all(), columns)


def create(session: Session, actor: Actor, alias: Alias) -> None:
    """Give an actor a name."""
    found = session.abaco.actor(actor)
    made = session.abaco.aliases.create(alias, found.id)
    session.answer(made, f"{alias} names {found.title}.")


def show(session: Session, alias: Alias) -> None:
    """Show one alias."""
    session.facts(session.abaco.aliases.get(alias))


def point(session: Session, alias: Alias, actor: Actor) -> None:
    """Let an alias name another actor."""
    found = session.abaco.actor(actor)
    changed = session.abaco.aliases.point(alias, found.id)
    session.answer(changed, f"{alias} names {found.title} from now on.")


def delete(session: Session, alias: Alias) -> None:
    """Delete an alias, its permissions and its nonces; the actor stays."""
    session.abaco.aliases.delete(alias)
    session.answer(None, f"The alias {alias} is deleted.")


def permissions(session: Session, alias: Alias, user: User = None, level: Level = None) -> None:
    """Show who may do what with an alias, or with -u and -p change it."""
    show_or_set(session, session.abaco.aliases.permissions(alias), user, level)
