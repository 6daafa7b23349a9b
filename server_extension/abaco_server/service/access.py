"""Who may do what (abaco-api.md, section 4): the only place that compares levels.

Functions of a connection, so that a check and what it guards see the same moment.
"""

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import Level, Role
from abaco_jupyter.wire.errors import (
    AbacoError,
    ActorDoesNotExist,
    ActorNotFound,
    AliasNotFound,
    ConfigDoesNotExist,
    ConfigNotFound,
    NotAuthorized,
)
from abaco_server.model.actor import Actor
from abaco_server.model.alias import Alias
from abaco_server.model.config import Config
from abaco_server.model.principal import Principal
from abaco_server.store import Connection, actors, aliases, configs, permissions

WORLD = "ABACO_WORLD"
"""The user name that means everybody."""

NO_ROLE = "Not authorized -- missing required role."
NO_ACCESS = "Not authorized -- you do not have access to this actor."
NO_ACCESS_TO_ALIAS = "Not authorized -- you do not have access to this alias."
NO_ACCESS_TO_CONFIG = "You do not have sufficient access to this actor config."
NO_ACCESS_TO_BOTH = "Not authorized -- you do not have access to this alias and actor."


def check_role(principal: Principal) -> None:
    """Who has none of Abaco's roles may nothing at all."""
    if principal.roles.isdisjoint(Role):
        raise NotAuthorized(NO_ROLE)


def actor_for(
    conn: Connection, principal: Principal, identifier: str, needed: Level, *, itself: bool = False
) -> Actor:
    """The actor that `identifier` means, if `principal` has the level on it.

    `itself` is for requests about the actor as such, whose 404 has another text.
    """
    actor_id = identified(conn, principal.tenant, identifier)
    actor = actors.get(conn, principal.tenant, actor_id)
    if actor is None:
        raise missing(principal, actor_id, itself=itself)
    if not allows(conn, principal, actor.id, needed):
        raise NotAuthorized(NO_ACCESS)
    return actor


def identified(conn: Connection, tenant: str, identifier: str) -> str:
    """As `resolve`, for a path: a name that means nothing is not found."""
    actor_id = resolve(conn, tenant, identifier)
    if actor_id is None:
        raise ActorNotFound(f"Actor with identifier '{identifier}' not found")
    return actor_id


def resolve(conn: Connection, tenant: str, identifier: str) -> str | None:
    """The actor id behind an id or an alias; None for a name that is no alias.

    An id costs no look-up. The actor behind an alias may be gone, or never have been.
    """
    if ids.is_id(identifier):
        return identifier
    alias = aliases.get(conn, tenant, identifier)
    return None if alias is None else alias.actor_id


def alias_for(conn: Connection, principal: Principal, name: str, needed: Level) -> Alias:
    """The alias of this name, if `principal` has the level on the alias itself."""
    alias = aliases.get(conn, principal.tenant, name)
    if alias is None:
        raise AliasNotFound(f"No alias found: {name}.")
    if not allows(conn, principal, permissions.of_alias(alias.tenant, alias.alias), needed):
        raise NotAuthorized(NO_ACCESS_TO_ALIAS)
    return alias


def alias_and_actor_for(conn: Connection, principal: Principal, name: str, needed: Level) -> Alias:
    """As `alias_for`, for what also needs the level on the actor that the alias means."""
    alias = aliases.get(conn, principal.tenant, name)
    if alias is None:
        raise AliasNotFound(f"No alias found: {name}.")
    for subject in (permissions.of_alias(alias.tenant, alias.alias), alias.actor_id):
        if not allows(conn, principal, subject, needed):
            raise NotAuthorized(NO_ACCESS_TO_BOTH)
    return alias


def config_for(conn: Connection, principal: Principal, name: str, needed: Level) -> Config:
    """The config of this name, if `principal` has the level on it."""
    config = configs.get(conn, principal.tenant, name)
    if config is None and principal.is_admin:
        raise ConfigNotFound(f"No config found: {name}.")
    if config is None:
        raise ConfigDoesNotExist(f"Config {principal.tenant}_{name} does not exist")
    if not allows(conn, principal, permissions.of_config(config.tenant, config.name), needed):
        raise NotAuthorized(NO_ACCESS_TO_CONFIG)
    return config


def missing(principal: Principal, actor_id: str, *, itself: bool = False) -> AbacoError:
    """What an id that no actor has is answered with: admins may know."""
    if principal.is_admin:
        return ActorNotFound(f"No actor found with {'identifier' if itself else 'id'}: {actor_id}.")
    return ActorDoesNotExist(f"Actor {principal.tenant}_{actor_id} does not exist")


def allows(conn: Connection, principal: Principal, subject: str, needed: Level) -> bool:
    """Admins may everything in their tenant; others need an entry, theirs or everybody's.

    `subject` is an actor's id, or the key of an alias or a config (`store.permissions`).
    """
    if principal.is_admin:
        return True
    for username in (principal.username, WORLD):
        level = permissions.get(conn, subject, username)
        if level is not None and level.includes(needed):
            return True
    return False
