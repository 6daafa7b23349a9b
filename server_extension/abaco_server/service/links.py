"""Links between actors: an actor's events go to the actor it names (abaco-api.md, section 6)."""

from abaco_jupyter.wire.codes import Level
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_server.model.actor import Actor
from abaco_server.model.principal import Principal
from abaco_server.service import access
from abaco_server.store import Connection, actors, permissions

_MUST = "The link must be a valid actor id or alias for which you have EXECUTE permission. "
NO_NAME = f"Invalid link parameter; unable to retrieve linked actor data. {_MUST}"
NO_ACTOR = f"Invalid link parameter. {_MUST}Additional info: "
TO_ITSELF = "Invalid link parameter. An actor cannot link to itself."
CYCLE = "Error: this update would result in a cycle of linked actors."


def check(
    conn: Connection, principal: Principal, link: str, *, source: Actor | None = None
) -> None:
    """Raises InvalidRequest. `source` is the actor as it was before; a new one has none."""
    if not link:
        return
    target_id = access.resolve(conn, principal.tenant, link)
    if target_id is None:
        raise InvalidRequest(NO_NAME)
    target = actors.get(conn, principal.tenant, target_id)
    if target is None:
        raise InvalidRequest(f"{NO_ACTOR}Actor {principal.tenant}_{target_id} does not exist")
    if not access.allows(conn, principal, target.id, Level.EXECUTE):
        raise InvalidRequest(f"{NO_ACTOR}{access.NO_ACCESS}")
    if source is None:
        return
    if principal.only_actor is not None and link != source.link:
        # A link would carry messages to where this principal may send none.
        raise InvalidRequest(f"{NO_ACTOR}{access.NO_ACCESS}")
    if target_id == source.id:
        raise InvalidRequest(TO_ITSELF)
    if _reaches(conn, principal.tenant, target_id, source.id):
        raise InvalidRequest(CYCLE)


def _reaches(conn: Connection, tenant: str, start: str, goal: str) -> bool:
    """Whether following links from `start` meets `goal`. Each actor has at most one link."""
    seen: set[str] = set()
    here: str | None = start
    while here is not None and here not in seen:
        if here == goal:
            return True
        seen.add(here)
        actor = actors.get(conn, tenant, here)
        here = access.resolve(conn, tenant, actor.link) if actor and actor.link else None
    return False


def remember(conn: Connection, principal: Principal, source: str, link: str) -> None:
    """An admin needs no entry on the linked actor; that the link is an admin's has to last."""
    key = permissions.of_link(source)
    permissions.delete_all(conn, key)
    if link and principal.is_admin:
        permissions.set(conn, key, principal.username, Level.EXECUTE)


def holds(conn: Connection, tenant: str, source: str, owner: str, target: str) -> bool:
    """Whether a link that was set before still has its permission, asked for each event.

    Whoever has UPDATE on `source` may have set it: one of them must have EXECUTE on `target`, or
    an admin has set it.
    """
    entries = permissions.all(conn, source)
    setters = {owner} | {user for user, level in entries.items() if level.includes(Level.UPDATE)}
    if any(_may_execute(conn, tenant, user, target) for user in setters):
        return True
    return bool(permissions.all(conn, permissions.of_link(source)))


def _may_execute(conn: Connection, tenant: str, username: str, target: str) -> bool:
    plain = Principal(username=username, tenant=tenant, roles=frozenset(), api_server="")
    return access.allows(conn, plain, target, Level.EXECUTE)
