"""Workers of this life of the service."""

from collections.abc import Collection, Sequence
from dataclasses import fields as fields_of
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy import insert as insert_into

from abaco_jupyter.wire.codes import WorkerStatus
from abaco_server.model import transitions
from abaco_server.model.worker import Worker
from abaco_server.store.tables import workers as table

_NAMES = [field.name for field in fields_of(Worker)]
_AT_ONCE = 500
"""Ids in one statement: databases bound its variables."""
_COLUMNS = [table.c[name] for name in _NAMES]


def insert(conn: Connection, worker: Worker) -> None:
    conn.execute(insert_into(table), {name: getattr(worker, name) for name in _NAMES})


def get(conn: Connection, actor_id: str, worker_id: str) -> Worker | None:
    found = select(*_COLUMNS).where(table.c.id == worker_id, table.c.actor_id == actor_id)
    row = conn.execute(found).first()
    return None if row is None else Worker(**row._mapping)


def of_actor(conn: Connection, actor_id: str) -> list[Worker]:
    """Oldest first."""
    found = select(*_COLUMNS).where(table.c.actor_id == actor_id).order_by(table.c.seq)
    return [Worker(**row._mapping) for row in conn.execute(found)]


def of_actors(conn: Connection, actor_ids: Sequence[str]) -> list[Worker]:
    """Oldest first, as far as they are of the same 500 actors."""
    starts = range(0, len(actor_ids), _AT_ONCE)
    found = select(*_COLUMNS).order_by(table.c.seq)
    return [
        Worker(**row._mapping)
        for start in starts
        for row in conn.execute(
            found.where(table.c.actor_id.in_(actor_ids[start : start + _AT_ONCE]))
        )
    ]


def actor_of(conn: Connection, worker_id: str) -> str | None:
    return conn.execute(select(table.c.actor_id).where(table.c.id == worker_id)).scalar()


def all(conn: Connection) -> list[Worker]:
    """Of all actors, oldest first."""
    found = select(*_COLUMNS).order_by(table.c.seq)
    return [Worker(**row._mapping) for row in conn.execute(found)]


def by_seq(conn: Connection, seqs: Collection[int]) -> dict[int, Worker]:
    found = select(table.c.seq, *_COLUMNS).where(table.c.seq.in_(seqs))
    return {
        row[0]: Worker(**dict(zip(_NAMES, row[1:], strict=True))) for row in conn.execute(found)
    }


def set_status(conn: Connection, worker_id: str, status: WorkerStatus, **fields: Any) -> bool:
    """Set the status and `fields` of Worker; False when the table has no way there.

    The same status again is True and changes the fields alone.
    """
    before = [*transitions.sources(status), status.value]
    change = update(table).where(table.c.id == worker_id, table.c.status.in_(before))
    return conn.execute(change.values(status=status, **fields)).rowcount == 1


def rests(conn: Connection, worker_id: str, at: datetime) -> None:
    """It has ended what it ran."""
    set_status(conn, worker_id, WorkerStatus.READY, last_execution_time=at, cid=None)


def set_checked(conn: Connection, worker_ids: Sequence[str], now: datetime) -> None:
    """Their `last_health_check_time`, in as few statements as can be."""
    for start in range(0, len(worker_ids), _AT_ONCE):
        some = worker_ids[start : start + _AT_ONCE]
        change = update(table).where(table.c.id.in_(some))
        conn.execute(change.values(last_health_check_time=now))


def delete_unchecked(conn: Connection, now: datetime, *, made_before: datetime) -> int:
    """Remove those that the check of `now` did not know, unless they are new; how many."""
    checked = table.c.last_health_check_time
    unknown = or_(checked.is_(None), checked < now)
    gone = delete_from(table).where(table.c.create_time < made_before, unknown)
    return conn.execute(gone).rowcount


def delete(conn: Connection, worker_id: str) -> bool:
    return conn.execute(delete_from(table).where(table.c.id == worker_id)).rowcount == 1


def delete_all(conn: Connection) -> int:
    """At the start of a service: the workers of an earlier life are gone."""
    return conn.execute(delete_from(table)).rowcount
