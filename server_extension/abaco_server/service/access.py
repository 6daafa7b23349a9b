"""Who may do what (abaco-api.md, section 4): the only place that compares levels.

Functions of a connection, so that a check and what it guards see the same moment.
"""

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import Level
from abaco_jupyter.wire.errors import AbacoError, ActorDoesNotExist, ActorNotFound, NotAuthorized
from abaco_server.model.actor import Actor
from abaco_server.model.principal import Principal
from abaco_server.store import Connection, actors, permissions

WORLD = "ABACO_WORLD"
"""The user name that means everybody."""

NO_ACCESS = "Not authorized -- you do not have access to this actor."


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

    Aliases come with their own issue: until then a name means nothing.
    """
    return identifier if ids.is_id(identifier) else None


def missing(principal: Principal, actor_id: str, *, itself: bool = False) -> AbacoError:
    """What an id that no actor has is answered with: admins may know."""
    if principal.is_admin:
        return ActorNotFound(f"No actor found with {'identifier' if itself else 'id'}: {actor_id}.")
    return ActorDoesNotExist(f"Actor {principal.tenant}_{actor_id} does not exist")


def allows(conn: Connection, principal: Principal, actor_id: str, needed: Level) -> bool:
    """Admins may everything in their tenant; others need an entry, theirs or everybody's."""
    if principal.is_admin:
        return True
    for username in (principal.username, WORLD):
        level = permissions.get(conn, actor_id, username)
        if level is not None and level.includes(needed):
            return True
    return False
