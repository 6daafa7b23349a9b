"""Actors and their counters. Deleting an actor keeps its executions and totals."""

from collections.abc import Collection, Iterable
from dataclasses import asdict
from dataclasses import fields as fields_of
from typing import Any

from sqlalchemy import Connection, Select, exists, func, or_, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy import insert as insert_into

from abaco_jupyter.wire.codes import ActorStatus, Level
from abaco_server.model import transitions
from abaco_server.model.actor import Actor, Mount
from abaco_server.model.event import Wiring
from abaco_server.model.execution import Totals
from abaco_server.store import counters
from abaco_server.store.machinery.driver import execute
from abaco_server.store.tables import actors as table
from abaco_server.store.tables import messages, permissions
from abaco_server.store.tables import totals as totals_table

WORLD = "ABACO_WORLD"
"""The user who is everybody."""

_NAMES = [field.name for field in fields_of(Actor)]
_COLUMNS = [table.c[name] for name in _NAMES]
_KEPT_BY_REPLACE = {
    "id",
    "tenant",
    "owner",
    "create_time",
    "status",
    "status_message",
}
_LEAVES = ActorStatus.SHUTTING_DOWN.value
_ACCEPTS = "SELECT 1 FROM actors WHERE id = ? AND status <> ?"
_ADDRESSEE = "SELECT owner, status FROM actors WHERE id = ? AND tenant = ?"
_WIRING = (
    "SELECT owner, api_server, link, webhook FROM actors"
    " WHERE id = ? AND tenant = ? AND status <> ?"
)
_MAY_READ = [level for level in Level if level.includes(Level.READ)]


def insert(conn: Connection, actor: Actor) -> None:
    """Also counts it among all that have ever been."""
    conn.execute(insert_into(table), _values(actor))
    counters.add(conn, counters.ACTORS)


def get(conn: Connection, tenant: str, actor_id: str) -> Actor | None:
    return _first(conn, select(*_COLUMNS).where(table.c.id == actor_id, table.c.tenant == tenant))


def get_any(conn: Connection, actor_id: str) -> Actor | None:
    """Whatever its tenant: for the service's own work, never for a request."""
    return _first(conn, select(*_COLUMNS).where(table.c.id == actor_id))


def addressee(conn: Connection, tenant: str, actor_id: str) -> tuple[str, ActorStatus] | None:
    """Owner and status: what a message has to know of its actor, at a tenth of `get`'s price."""
    rows = execute(conn, _ADDRESSEE, (actor_id, tenant))
    return (rows[0][0], ActorStatus(rows[0][1])) if rows else None


def wiring(conn: Connection, tenant: str, actor_id: str) -> Wiring | None:
    """Where its events go; None also when it is on its way out. Read for every event."""
    rows = execute(conn, _WIRING, (actor_id, tenant, _LEAVES))
    if not rows:
        return None
    owner, api_server, link, webhook = rows[0]
    return Wiring(owner=owner, api_server=api_server, link=link, webhook=webhook)


def owned_or_shared(
    conn: Connection, tenant: str, username: str, among: Collection[str] | None = None
) -> list[Actor]:
    """The actors on which this user has READ or more, oldest first; all or those `among` ids."""
    entry = exists().where(
        permissions.c.actor_id == table.c.id,
        permissions.c.username.in_([username, WORLD]),
        permissions.c.level.in_(_MAY_READ),
    )
    found = select(*_COLUMNS).where(table.c.tenant == tenant, or_(table.c.owner == username, entry))
    if among is not None:
        found = found.where(table.c.id.in_(among))
    return _all(conn, found.order_by(table.c.seq))


def by_seq(conn: Connection, seqs: Collection[int]) -> dict[int, Actor]:
    found = select(table.c.seq, *_COLUMNS).where(table.c.seq.in_(seqs))
    return {row[0]: _actor(dict(zip(_NAMES, row[1:], strict=True))) for row in conn.execute(found)}


def replace(conn: Connection, actor: Actor) -> bool:
    """Write all that a PUT may change. `status` and `status_message` stay: see `set_status`."""
    values = {name: v for name, v in _values(actor).items() if name not in _KEPT_BY_REPLACE}
    change = update(table).where(table.c.id == actor.id, table.c.tenant == actor.tenant)
    return conn.execute(change.values(values)).rowcount == 1


def set_status(
    conn: Connection, actor_id: str, status: ActorStatus, status_message: str | None
) -> bool:
    """False when the transitions table has no way there from the present status.

    The same status again is True and changes the message alone.
    """
    before = [*transitions.sources(status), status.value]
    change = update(table).where(table.c.id == actor_id, table.c.status.in_(before))
    return conn.execute(change.values(status=status, status_message=status_message)).rowcount == 1


def set_state(conn: Connection, actor_id: str, state: Any) -> bool:
    change = update(table).where(table.c.id == actor_id)
    return conn.execute(change.values(state=state)).rowcount == 1


def delete(conn: Connection, actor_id: str) -> bool:
    return conn.execute(delete_from(table).where(table.c.id == actor_id)).rowcount == 1


def totals(conn: Connection, actor_id: str) -> Totals:
    row = conn.execute(
        select(
            totals_table.c.executions,
            totals_table.c.cpu,
            totals_table.c.io,
            totals_table.c.runtime,
        ).where(totals_table.c.actor_id == actor_id)
    ).first()
    return Totals() if row is None else Totals(**row._mapping)


def all(conn: Connection) -> list[Actor]:
    """Of all tenants, oldest first: for the installation's admins."""
    return _all(conn, select(*_COLUMNS).order_by(table.c.seq))


def count(conn: Connection) -> int:
    return conn.execute(select(func.count()).select_from(table)).scalar_one()


def with_waiting(conn: Connection) -> list[Actor]:
    """The actors that have a message waiting, due or not, oldest actor first."""
    waits = exists().where(messages.c.actor_id == table.c.id, messages.c.worker_id.is_(None))
    return _all(conn, select(*_COLUMNS).where(waits).order_by(table.c.seq))


def leaving(conn: Connection) -> list[str]:
    """The ids of the actors that are SHUTTING_DOWN, oldest first."""
    found = select(table.c.id).where(table.c.status == _LEAVES).order_by(table.c.seq)
    return list(conn.execute(found).scalars())


def accepting(conn: Connection, actor_ids: Iterable[str]) -> set[str]:
    """Those of these actors that are there and are not on their way out."""
    return {actor_id for actor_id in actor_ids if execute(conn, _ACCEPTS, (actor_id, _LEAVES))}


def _first(conn: Connection, found: Select[Any]) -> Actor | None:
    actors = _all(conn, found.limit(1))
    return actors[0] if actors else None


def _all(conn: Connection, found: Select[Any]) -> list[Actor]:
    return [_actor(dict(row._mapping)) for row in conn.execute(found)]


def _actor(values: dict[str, Any]) -> Actor:
    values["hints"] = tuple(values["hints"])
    values["mounts"] = tuple(Mount(**mount) for mount in values["mounts"])
    return Actor(**values)


def _values(actor: Actor) -> dict[str, Any]:
    values = {name: getattr(actor, name) for name in _NAMES}
    values["mounts"] = [asdict(mount) for mount in actor.mounts]
    return values
