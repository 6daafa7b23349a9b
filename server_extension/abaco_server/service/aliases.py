"""Aliases: made, shown, pointed elsewhere, removed (abaco-api.md, section 9).

The checks stand in the reference's order, which decides what a body with several faults is told.
"""

from dataclasses import replace

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import Level
from abaco_jupyter.wire.errors import ActorNotFound, InvalidRequest, NotAuthorized
from abaco_server.model.alias import Alias
from abaco_server.model.principal import Principal
from abaco_server.service import access, fields, names
from abaco_server.service.desk import Desk
from abaco_server.service.fields import Fields
from abaco_server.store import Connection, actors, configs, nonces, permissions
from abaco_server.store import aliases as rows

INVALID = "Invalid alias description. "
MALFORMED = f"{INVALID}{fields.UNREADABLE}"
HASH_ID = f"{INVALID}Alias cannot be an Abaco hash id."
KEPT = "Invalid alias update description. The alias itself cannot be updated in a PUT request."
NO_TARGET = (
    "Not authorized -- you do not have UPDATE access to the actor you want to associate with "
    "this alias."
)

FORBIDDEN = "\\ \":/?#[]@!$&'()*+,;="

_HELP = {
    "alias": "Actual alias for the actor; must be unique within a tenant.",
    "actorId": "The human readable id for the actor associated with this alias.",
}


def alias_key(conn: Connection, principal: Principal, name: str, needed: Level) -> str:
    """For `Permissions`."""
    alias = access.alias_for(conn, principal, name, needed)
    return permissions.of_alias(alias.tenant, alias.alias)


class Aliases:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, principal: Principal) -> list[Alias]:
        """All of the tenant, to everybody."""
        return await self._desk.store.read(lambda conn: rows.of_tenant(conn, principal.tenant))

    async def get(self, principal: Principal, name: str) -> Alias:
        return await self._desk.store.read(
            lambda conn: access.alias_for(conn, principal, name, Level.READ)
        )

    async def create(self, principal: Principal, given: Fields) -> Alias:
        alias = Alias(
            tenant=principal.tenant,
            alias=_required(given, "alias"),
            actor_id=_required(given, "actorId"),
            owner=principal.username,
        )
        if ids.is_id(alias.alias):
            raise InvalidRequest(HASH_ID)

        def insert(conn: Connection) -> None:
            if actors.get(conn, principal.tenant, alias.actor_id) is None:
                raise ActorNotFound(f"No actor found with id: {alias.actor_id}.")
            if not access.allows(conn, principal, alias.actor_id, Level.UPDATE):
                raise NotAuthorized(
                    f"Not authorized -- you do not have access to {alias.actor_id}."
                )
            names.check(alias.alias, noun="an alias", reserved=names.RESERVED, forbidden=FORBIDDEN)
            if not rows.insert(conn, alias):
                raise InvalidRequest(f"Alias {alias.alias} already exists.")
            key = permissions.of_alias(alias.tenant, alias.alias)
            permissions.set(conn, key, principal.username, Level.UPDATE)

        await self._desk.store.write(insert)
        return alias

    async def check(self, principal: Principal, name: str) -> None:
        """Whether it may be updated at all: a refusal comes before a bad body's error."""
        await self._desk.store.read(
            lambda conn: access.alias_for(conn, principal, name, Level.UPDATE)
        )

    async def update(self, principal: Principal, name: str, given: Fields) -> Alias:
        """Point it at another actor; an admin may point it at nothing."""

        def put(conn: Connection) -> Alias:
            alias = access.alias_for(conn, principal, name, Level.UPDATE)
            if "alias" in given:
                raise InvalidRequest(KEPT)
            target = _required(given, "actorId")
            if not _may_point(conn, principal, target):
                raise NotAuthorized(NO_TARGET)
            rows.point(conn, alias.tenant, alias.alias, target)
            key = permissions.of_alias(alias.tenant, alias.alias)
            permissions.set(conn, key, principal.username, Level.UPDATE)
            return replace(alias, actor_id=target)

        return await self._desk.store.write(put)

    async def delete(self, principal: Principal, name: str) -> Alias:
        """Its permissions, nonces and configs go with it: who takes the name next has none of
        them, and is given nobody's secrets."""

        def remove(conn: Connection) -> Alias:
            alias = access.alias_for(conn, principal, name, Level.UPDATE)
            rows.remove(conn, alias.tenant, alias.alias)
            permissions.delete_all(conn, permissions.of_alias(alias.tenant, alias.alias))
            nonces.delete_of_alias(conn, alias.tenant, alias.alias)
            configs.forget_identifier(conn, alias.tenant, alias.alias)
            return alias

        return await self._desk.store.write(remove)


def _required(given: Fields, name: str) -> str:
    """The empty text counts as missing: no path could name it."""
    value = given.get(name)
    found = "" if value is None else fields.text(value)
    if not found:
        raise InvalidRequest(f"{INVALID}Missing required field: { {name: _HELP[name]} }")
    return found


def _may_point(conn: Connection, principal: Principal, actor_id: str) -> bool:
    if principal.is_admin:
        return True
    actor = actors.get(conn, principal.tenant, actor_id)
    return actor is not None and access.allows(conn, principal, actor.id, Level.UPDATE)
