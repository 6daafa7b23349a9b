"""Events that have happened and have not been told yet."""

from collections.abc import Iterable
from dataclasses import fields as fields_of

from sqlalchemy import Connection, delete, insert, select

from abaco_server.model.event import Event
from abaco_server.store.tables import outbox as table

_NAMES = [field.name for field in fields_of(Event)]
_COLUMNS = [table.c[name] for name in _NAMES]


def append(conn: Connection, event: Event) -> None:
    conn.execute(insert(table), {name: getattr(event, name) for name in _NAMES if name != "seq"})


def take(conn: Connection, limit: int) -> list[Event]:
    """Take the oldest off the outbox: whoever else takes at this moment does not get them."""
    oldest = select(table.c.seq).order_by(table.c.seq).limit(limit)
    gone = delete(table).where(table.c.seq.in_(oldest)).returning(*_COLUMNS)
    found = [Event(**row._mapping) for row in conn.execute(gone)]
    return sorted(found, key=lambda event: event.seq)


def pending(conn: Connection, limit: int) -> list[Event]:
    """Oldest first, each with its `seq`."""
    found = select(*_COLUMNS).order_by(table.c.seq).limit(limit)
    return [Event(**row._mapping) for row in conn.execute(found)]


def delivered(conn: Connection, seqs: Iterable[int]) -> None:
    """They have been told: forget them. A `seq` is never given out twice."""
    conn.execute(delete(table).where(table.c.seq.in_(list(seqs))))
