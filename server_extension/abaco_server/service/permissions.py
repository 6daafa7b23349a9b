"""Permissions of whatever has levels, shown and changed (abaco-api.md, section 9)."""

from collections.abc import Callable

from abaco_jupyter.wire.codes import Level
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_server.model.principal import Principal
from abaco_server.service import access, fields
from abaco_server.service.desk import Desk
from abaco_server.service.fields import Fields
from abaco_server.store import Connection
from abaco_server.store import permissions as rows

INVALID = "Invalid permissions description: "
MALFORMED = f"{INVALID}{fields.UNREADABLE}"
LEVELS = tuple(level.value for level in Level)

_HELP = {
    "user": "User owning the permission.",
    "level": f"Level of the permission: {LEVELS}",
}

Find = Callable[[Connection, Principal, str, Level], str]
"""The key of what a name in a path means, if the principal has the level on it; else it raises."""


def actor_key(conn: Connection, principal: Principal, identifier: str, needed: Level) -> str:
    return access.actor_for(conn, principal, identifier, needed).id


class Permissions:
    """The entries of one kind of thing. NONE is an entry like the others, and grants nothing."""

    def __init__(self, desk: Desk, find: Find) -> None:
        self._desk = desk
        self._find = find

    async def all(self, principal: Principal, name: str) -> dict[str, Level]:
        return await self._desk.store.read(
            lambda conn: rows.all(conn, self._find(conn, principal, name, Level.READ))
        )

    async def check(self, principal: Principal, name: str) -> None:
        """Whether entries may be changed at all: a refusal comes before a bad body's error."""
        await self._desk.store.read(lambda conn: self._find(conn, principal, name, Level.UPDATE))

    async def set(self, principal: Principal, name: str, given: Fields) -> dict[str, Level]:
        """All entries, the new one among them."""

        def write(conn: Connection) -> tuple[str, dict[str, Level]]:
            key = self._find(conn, principal, name, Level.UPDATE)
            username, level = _parse(given)
            rows.set(conn, key, username, level)
            return key, rows.all(conn, key)

        key, entries = await self._desk.store.write(write)
        self._desk.stirred(key)
        return entries


def _parse(given: Fields) -> tuple[str, Level]:
    for name, text in _HELP.items():
        if given.get(name) is None:
            raise InvalidRequest(f"{INVALID}{ {name: text} }")
    username, level = fields.text(given["user"]), fields.text(given["level"])
    if level not in LEVELS:
        blanks = " " * 13
        raise InvalidRequest(
            f"Invalid permission level: {level}.{blanks}The valid values are {LEVELS}"
        )
    return username, Level(level)
