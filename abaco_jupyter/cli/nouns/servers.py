"""Which server: logging in, profiles, and what the server says of itself."""

import sys
from typing import Annotated

import typer

from abaco_jupyter.cli import profiles
from abaco_jupyter.cli.command import command
from abaco_jupyter.cli.nouns.arguments import SERVER
from abaco_jupyter.cli.output import Columns
from abaco_jupyter.cli.session import Session
from abaco_jupyter.cli.values import Misuse


def add(app: typer.Typer) -> None:
    command(app, "login", "auth", panel=SERVER)(login)
    command(app, "profiles", panel=SERVER)(list_profiles)
    command(app, "status", panel=SERVER)(status)
    command(app, "version", panel=SERVER)(version)


def login(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="[PROFILE]")] = "default",
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Whether to ask the server first.")
    ] = True,
) -> None:
    """Keep a server's URL and token as a profile, and use it from now on.

    Without --url the server is found as any command finds it. Without --token it is asked for
    on a terminal; --token - reads it from the standard input. It is the notebook server's own
    token, or one of `jupyter abaco token create`. The file is readable to you only.
    """
    profiles.check_name(name)
    url, token = session.url, session.token
    if token == "-":
        token = session.token = sys.stdin.readline().strip()
    elif token is None and url is not None and sys.stdin.isatty():
        token = session.token = typer.prompt("Token", hide_input=True, default="", err=True)
    if check or url is None:
        url, token = session.abaco.url, session.abaco.token
    known = profiles.read()
    known.by_name[name] = profiles.Profile(url=url, token=token or "")
    known.current = name
    profiles.write(known)
    session.answer({"profile": name, "url": url}, f"Profile {name} ({url}) is used from now on.")


def list_profiles(
    session: Session,
    use: Annotated[str | None, typer.Option("--use", help="Use this one from now on.")] = None,
    remove: Annotated[str | None, typer.Option("--remove", help="Forget this one.")] = None,
) -> None:
    """List the servers that were logged in to, use another, or forget one.

    Columns: whether it is used now (*), name, URL. Tokens are never shown.
    """
    known = profiles.read()
    if use is not None:
        known.get(use)
        known.current = use
    if remove is not None:
        known.get(remove)
        if known.by_name.pop(remove, None) is None:
            raise Misuse(f"The profile {remove} is not in {profiles.path()}: remove it there.")
        known.current = None if known.current == remove else known.current
    if use is not None or remove is not None:
        profiles.write(known)
    rows = [
        {"name": name, "url": each.url, "current": name == known.current}
        for name, each in known.by_name.items()
    ]
    if profiles.AGAVE not in known.by_name and (other := profiles.agave()) is not None:
        current = known.current == profiles.AGAVE
        rows.append({"name": profiles.AGAVE, "url": other.url, "current": current})
    columns: Columns = {"": lambda row: "*" if row["current"] else "", "name": "name", "url": "url"}
    session.table(rows, columns)


def status(session: Session) -> None:
    """Show which server answers, how it was found, and what runs its messages."""
    abaco = session.abaco
    told = abaco.status()
    if session.json:
        session.answer(told, "")
    else:
        from abaco_jupyter.show.server import server_text

        facts = {"server": abaco.url, "found by": abaco.found.server.how, **told}
        session.facts(facts, shows=server_text(abaco, told))


def version(session: Session) -> None:
    """Show the version of this program."""
    from importlib.metadata import version as of

    own = of("abaco-jupyter")
    session.answer({"version": own}, own)
