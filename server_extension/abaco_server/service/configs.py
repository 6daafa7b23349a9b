"""Configs: values that several actors are given (abaco-api.md, section 9).

A secret is sealed before it is stored and shown as it is stored. In clear it leaves the service
only as a variable of the containers that it is meant for.
"""

import logging
from dataclasses import replace

from abaco_jupyter.wire.codes import Level
from abaco_jupyter.wire.errors import ActorNotFound, ConfigNotFound, InvalidRequest
from abaco_jupyter.wire.limits import MAX_ENVIRONMENT_VALUE
from abaco_server.model.actor import Actor
from abaco_server.model.config import Config
from abaco_server.model.principal import Principal
from abaco_server.service import access, fields, names
from abaco_server.service.desk import Desk
from abaco_server.service.fields import Fields
from abaco_server.service.vault import Vault
from abaco_server.store import Connection, actors, aliases, permissions
from abaco_server.store import configs as rows

log = logging.getLogger(__name__)

UNABLE = "Unable to process the JSON description."
MISSING = "Invalid config description. Missing required field: "
MISSING_IN_UPDATE = (
    "Invalid alias description. Could not determine if required fields are present. "
    "Is the body valid JSON? Details: "
)
"""The reference's own words, "alias" among them."""
MALFORMED = f"{MISSING}{UNABLE}"
MALFORMED_UPDATE = f"{MISSING_IN_UPDATE}{UNABLE}"

RESERVED = [*names.RESERVED, "utilization"]
FORBIDDEN = ":/?#[]@!$&'()*+,;= "

MOST = MAX_ENVIRONMENT_VALUE - len("_actor_configs=")
"""Bytes: more would keep every container of the actor from starting."""

_HELP = {
    "name": "Name of the config",
    "value": "Value of the config; JSON Serializable",
    "isSecret": "Whether the value is secret, and kept encrypted",
    "actors": "List of actor IDs or aliases that should get this config",
}


def config_key(conn: Connection, principal: Principal, name: str, needed: Level) -> str:
    """For `Permissions`."""
    config = access.config_for(conn, principal, name, needed)
    return permissions.of_config(config.tenant, config.name)


def injected(conn: Connection, actor: Actor, vault: Vault) -> dict[str, str]:
    """What an execution of this actor is given, secrets in clear, oldest config first.

    Anybody may name anybody's actor in a config. Its value gets there only while whoever made
    the config may also change the actor.
    """
    values: dict[str, str] = {}
    for config in rows.of_actor(conn, actor.tenant, actor.id):
        maker = Principal(
            username=config.owner,
            tenant=config.tenant,
            roles=frozenset(config.roles),
            api_server="",
        )
        if not access.allows(conn, maker, actor.id, Level.UPDATE):
            continue
        value = vault.unseal(config.value) if config.is_secret else config.value
        if value is None:
            log.warning("config %s was sealed with another key: no actor gets it", config.name)
            continue
        values[config.name] = value
    return values


class Configs:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, principal: Principal) -> list[Config]:
        """Those on which the user has READ; admins see all of their tenant."""

        def read(conn: Connection) -> list[Config]:
            if principal.is_admin:
                return rows.of_tenant(conn, principal.tenant)
            return rows.readable(conn, principal.tenant, principal.username)

        return await self._desk.store.read(read)

    async def get(self, principal: Principal, name: str) -> Config:
        return await self._desk.store.read(
            lambda conn: access.config_for(conn, principal, name, Level.READ)
        )

    async def create(self, principal: Principal, given: Fields) -> Config:
        name = _text(given, "name", MISSING)
        value, is_secret, named = self._parse(given, name, MISSING)
        config = Config(
            tenant=principal.tenant,
            name=name,
            value=value,
            is_secret=is_secret,
            actors=named,
            owner=principal.username,
            roles=tuple(sorted(principal.roles)),
        )

        def insert(conn: Connection) -> None:
            _check_actors(conn, config)
            names.check(name, noun="a config", reserved=RESERVED, forbidden=FORBIDDEN)
            if not rows.insert(conn, config):
                raise InvalidRequest(
                    f"Config {name} already exists; please choose another name for your config"
                )
            key = permissions.of_config(config.tenant, name)
            permissions.set(conn, key, principal.username, Level.UPDATE)

        await self._desk.store.write(insert)
        return config

    async def check(self, principal: Principal, name: str) -> None:
        """Whether it may be updated at all: a refusal comes before a bad body's error."""
        await self._desk.store.read(
            lambda conn: access.config_for(conn, principal, name, Level.UPDATE)
        )

    async def update(self, principal: Principal, name: str, given: Fields) -> Config:
        """A full replacement; `name` must be in it all the same, and is ignored."""

        def put(conn: Connection) -> Config:
            before = access.config_for(conn, principal, name, Level.UPDATE)
            _text(given, "name", MISSING_IN_UPDATE)
            value, is_secret, named = self._parse(given, before.name, MISSING_IN_UPDATE)
            after = replace(
                before,
                value=value,
                is_secret=is_secret,
                actors=named,
                roles=_roles_after(before, principal),
            )
            _check_actors(conn, after)
            rows.replace(conn, after)
            return after

        return await self._desk.store.write(put)

    async def delete(self, principal: Principal, name: str) -> None:
        """Its permissions go with it: who takes the name next has none of them."""

        def remove(conn: Connection) -> None:
            try:
                config = access.config_for(conn, principal, name, Level.UPDATE)
            except ConfigNotFound:
                raise ConfigNotFound(f"No config found with name: {name}.") from None
            rows.remove(conn, config.tenant, config.name)
            permissions.delete_all(conn, permissions.of_config(config.tenant, config.name))

        await self._desk.store.write(remove)

    def _parse(self, given: Fields, name: str, start: str) -> tuple[str, bool, str]:
        """Value as it is stored, whether it is secret, and whom it is for."""
        value = _text(given, "value", start, empty=True)
        try:
            is_secret = fields.boolean(given.get("isSecret"))
        except ValueError:
            raise _unfit("isSecret", start) from None
        named = _text(given, "actors", start, empty=True)
        size = len(str({name: value}).encode())
        if size > MOST:
            raise InvalidRequest(
                f"Config {name} takes {size} bytes of a container's environment, which has room "
                f"for {MOST}. Put the value where the actor can fetch it, and its place here."
            )
        return self._desk.vault.seal(value) if is_secret else value, is_secret, named


def _text(given: Fields, name: str, start: str, *, empty: bool = False) -> str:
    """`empty`: whether the empty text will do. No path could name a config called so."""
    value = given.get(name)
    found = "" if value is None else fields.text(value)
    if value is None or not (found or empty):
        raise _unfit(name, start)
    return found


def _unfit(name: str, start: str) -> InvalidRequest:
    return InvalidRequest(f"{start}{ {name: _HELP[name]} }")


def _roles_after(before: Config, principal: Principal) -> tuple[str, ...]:
    """Who is trusted with an admin's config cannot aim it with the admin's rights."""
    roles = principal.roles
    if principal.username != before.owner:
        roles &= set(before.roles)
    return tuple(sorted(roles))


def _check_actors(conn: Connection, config: Config) -> None:
    for identifier in config.identifiers:
        if actors.get(conn, config.tenant, identifier) is not None:
            continue
        if aliases.get(conn, config.tenant, identifier) is None:
            raise ActorNotFound(f"No actor or alias found with id: {identifier}.")
