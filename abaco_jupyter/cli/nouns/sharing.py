"""Who else may use an actor, and with which nonces."""

from typing import TYPE_CHECKING, Annotated

import typer

from abaco_jupyter.cli.command import command
from abaco_jupyter.cli.nouns.arguments import SHARING, Actor, Level, User
from abaco_jupyter.cli.output import Columns, at
from abaco_jupyter.cli.session import Session
from abaco_jupyter.cli.values import Misuse

if TYPE_CHECKING:
    from abaco_jupyter.client.nouns.sharing import Nonces, Permissions

OfAlias = Annotated[
    bool, typer.Option("-a", "--alias", help="ACTOR is an alias, and the nonce is the alias's.")
]


def add(app: typer.Typer) -> None:
    command(app, "permissions", panel=SHARING)(permissions)
    command(app, "share", panel=SHARING)(share)
    nonces = typer.Typer(help="Nonces: one actor or alias, for who has no account.")
    command(nonces, "list", "ls")(list_nonces)
    command(nonces, "create", "make")(create_nonce)
    command(nonces, "show", "get")(show_nonce)
    command(nonces, "delete", "remove", "rm")(delete_nonce)
    app.add_typer(nonces, name="nonces", rich_help_panel=SHARING, no_args_is_help=True)
    app.add_typer(nonces, name="nonce", hidden=True, no_args_is_help=True)


def permissions(session: Session, actor: Actor, user: User = None, level: Level = None) -> None:
    """Show who may do what with an actor, or with -u and -p change it."""
    show_or_set(session, session.abaco.actor(actor).permissions, user, level)


def share(
    session: Session,
    actor: Actor,
    user: Annotated[str, typer.Argument(metavar="USER", help="ABACO_WORLD means everybody.")],
    level: Annotated[
        str, typer.Argument(metavar="[LEVEL]", help="NONE, READ, EXECUTE or UPDATE.")
    ] = "EXECUTE",
) -> None:
    """Let somebody else use an actor."""
    show_or_set(session, session.abaco.actor(actor).permissions, user, level)


def show_or_set(
    session: Session, permissions: "Permissions", user: str | None, level: str | None
) -> None:
    if (user is None) != (level is None):
        raise Misuse("Give both: -u USER and -p LEVEL.")
    if user is None or level is None:
        entries = permissions.all()
    else:
        from abaco_jupyter.functions.checks import level as known_level
        from abaco_jupyter.functions.checks import user as named_user

        entries = permissions.set(named_user(user), known_level(level))
    rows = [{"user": name, "level": its} for name, its in entries.items()]
    session.table(entries, {"user": "user", "level": "level"}, rows)


def list_nonces(session: Session, actor: Actor, alias: OfAlias = False) -> None:
    """List the nonces of an actor or an alias.

    Columns: id, level, uses left (-1: as often as one likes), uses, last use, description.
    """
    columns: Columns = {
        "id": "id",
        "level": "level",
        "left": "remainingUses",
        "used": "currentUses",
        "last use": at("lastUseTime"),
        "description": "description",
    }
    session.table(_nonces(session, actor, alias).all(), columns)


def create_nonce(
    session: Session,
    actor: Actor,
    level: Annotated[
        str, typer.Option("-l", "--level", help="READ, EXECUTE or UPDATE.")
    ] = "EXECUTE",
    max_uses: Annotated[
        int, typer.Option("-m", "--max-uses", help="-1: as often as one likes.")
    ] = -1,
    description: Annotated[str, typer.Option("-d", "--description")] = "",
    alias: OfAlias = False,
) -> None:
    """Make a nonce; answers its id, which is the secret."""
    from abaco_jupyter.functions.checks import level as known_level

    wanted = known_level(level)
    nonces = _nonces(session, actor, alias)
    made = nonces.create(level=wanted, max_uses=max_uses, description=description)
    session.answer(made, made["id"])


def show_nonce(session: Session, actor: Actor, nonce: str, alias: OfAlias = False) -> None:
    """Show one nonce."""
    session.facts(_nonces(session, actor, alias).get(nonce))


def delete_nonce(session: Session, actor: Actor, nonce: str, alias: OfAlias = False) -> None:
    """Delete a nonce: it is good for nothing any more."""
    _nonces(session, actor, alias).delete(nonce)
    session.answer(None, "The nonce is deleted.")


def _nonces(session: Session, actor: str, alias: bool) -> "Nonces":
    if alias:
        return session.abaco.aliases.nonces(actor)
    return session.abaco.actor(actor).nonces
