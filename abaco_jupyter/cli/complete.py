"""Names for the shell's completion, asked of the server.

A shell waits for this at each press of Tab: one second at most, and silence when it goes wrong.
"""

from typing import Any

import typer

PATIENCE = 1.0


def actors(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Names, aliases and ids of actors."""
    from abaco_jupyter.wire import paths

    found: dict[str, str] = {}
    for record in _ask(ctx, paths.ACTORS):
        told = record.get("name") or record.get("description") or ""
        found[record["id"]] = told
        if record.get("name"):
            found[record["name"]] = record.get("description") or record["id"]
    for record in _ask(ctx, paths.ALIASES):
        found[record["alias"]] = f"alias of {record['actorId']}"
    return _beginning(found, incomplete)


def aliases(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    from abaco_jupyter.wire import paths

    found = {each["alias"]: each["actorId"] for each in _ask(ctx, paths.ALIASES)}
    return _beginning(found, incomplete)


def _beginning(found: dict[str, str], incomplete: str) -> list[tuple[str, str]]:
    return sorted(pair for pair in found.items() if pair[0].startswith(incomplete))


def _ask(ctx: typer.Context, path: str) -> list[dict[str, Any]]:
    from datetime import timedelta

    from abaco_jupyter.cli.session import Session
    from abaco_jupyter.client.transport import Transport
    from abaco_jupyter.wire.errors import AbacoError

    given = ctx.params
    session = Session(
        profile=given.get("profile"), url=given.get("url"), token=given.get("token"), http=ctx.obj
    )
    try:
        where = session.unasked()
    except AbacoError:
        return []
    if where is None:
        return []
    transport = Transport(
        where.url, where.token, uds=where.uds, http=session.http, patience=timedelta(0)
    )
    try:
        answer: list[dict[str, Any]] = transport.call("GET", path, timeout=PATIENCE)
    except AbacoError:
        return []
    finally:
        transport.close()
    return answer
