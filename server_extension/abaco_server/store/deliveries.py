"""Events on their way to webhooks: in order for each actor, one at a time."""

from dataclasses import fields as fields_of
from datetime import datetime

from sqlalchemy import Connection, delete, func, literal_column, select, update
from sqlalchemy import insert as insert_into

from abaco_jupyter.wire.codes import DeliveryStatus
from abaco_server.model import transitions
from abaco_server.model.delivery import Delivery
from abaco_server.store.tables import deliveries as table

_NAMES = [field.name for field in fields_of(Delivery)]
_COLUMNS = [table.c[name] for name in _NAMES]
# A literal, so that SQLite sees that its partial index holds all of them.
_WAITING = table.c.status == literal_column("'WAITING'")


def insert(conn: Connection, delivery: Delivery) -> None:
    conn.execute(insert_into(table), {name: getattr(delivery, name) for name in _NAMES})


def heads(conn: Connection) -> list[Delivery]:
    """The oldest waiting delivery of each actor: those behind it have to wait for it."""
    oldest = select(func.min(table.c.seq)).where(_WAITING).group_by(table.c.actor_id)
    found = select(*_COLUMNS).where(table.c.seq.in_(oldest)).order_by(table.c.seq)
    return [Delivery(**row._mapping) for row in conn.execute(found)]


def claim(conn: Connection, delivery: Delivery, now: datetime, until: datetime) -> bool:
    """Count an attempt, and keep others off until then. False when another was faster."""
    change = update(table).where(
        table.c.id == delivery.id, _WAITING, table.c.attempts == delivery.attempts
    )
    values = {"attempts": delivery.attempts + 1, "last_time": now, "next_time": until}
    return conn.execute(change.values(values)).rowcount == 1


def postpone(
    conn: Connection, delivery_id: str, next_time: datetime, answer: int | None, error: str
) -> bool:
    """It has to be tried again."""
    change = update(table).where(table.c.id == delivery_id, _WAITING)
    values = {"next_time": next_time, "answer": answer, "error": error}
    return conn.execute(change.values(values)).rowcount == 1


def end(
    conn: Connection,
    delivery_id: str,
    status: DeliveryStatus,
    *,
    answer: int | None = None,
    error: str | None = None,
) -> bool:
    """False when it has ended already."""
    before = transitions.sources(status)
    change = update(table).where(table.c.id == delivery_id, table.c.status.in_(before))
    values = {"status": status, "next_time": None, "answer": answer, "error": error}
    return conn.execute(change.values(values)).rowcount == 1


def newest(conn: Connection, actor_id: str, limit: int) -> list[Delivery]:
    """Newest first."""
    found = select(*_COLUMNS).where(table.c.actor_id == actor_id)
    rows = conn.execute(found.order_by(table.c.seq.desc()).limit(limit))
    return [Delivery(**row._mapping) for row in rows]


def delete_ended(conn: Connection, before: datetime) -> int:
    """Forget those that were made before this time and have ended."""
    old = delete(table).where(table.c.create_time < before, ~_WAITING)
    return conn.execute(old).rowcount
