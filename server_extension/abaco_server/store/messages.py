"""Rows of the queue. What they mean is said in `abaco_server.queue`."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, exists, func, or_, select, update
from sqlalchemy.sql import ColumnElement

from abaco_server.model.message import Lease, Message
from abaco_server.store.machinery.columns import json_text, microseconds
from abaco_server.store.machinery.driver import BulkInsert
from abaco_server.store.machinery.payloads import drop, from_columns, payloads_of, to_columns
from abaco_server.store.tables import messages as table

insert_rows = BulkInsert(
    "messages",
    [
        "execution_id",
        "actor_id",
        "content_type",
        "body",
        "digest",
        "environment",
        "executor",
        "put_time",
        "attempt",
        "files",
    ],
)
# These words are the partial indexes' own conditions: without them SQLite reads the whole table.
_WAITING = table.c.worker_id.is_(None)
_ON_LOAN = table.c.worker_id.is_not(None)


def insert_many(conn: Connection, items: Sequence[tuple[Message, datetime]]) -> None:
    insert_rows(conn, [_driver_row(conn, message, at) for message, at in items])


def claim_oldest(
    conn: Connection, actor_id: str, worker_id: str, now: datetime, until: datetime
) -> Lease | None:
    """Lend the oldest due message of this actor."""
    return _claim(conn, _of(actor_id, _WAITING, _due(now)).scalar_subquery(), worker_id, until)


def claim_some(
    conn: Connection, actor_id: str, worker_id: str, now: datetime, until: datetime, at_most: int
) -> list[Lease]:
    """Lend the oldest due messages of this actor, oldest first."""
    # PostgreSQL may ask a subquery once for each row: it would find others each time, as those
    # that were taken already are passed over.
    some = _of(actor_id, _WAITING, _due(now), at_most=at_most).cte("oldest")
    once = select(some.prefix_with("MATERIALIZED").c.seq)
    change = update(table).where(table.c.seq.in_(once)).values(**_loan(worker_id, until))
    rows = conn.execute(change.returning(table)).all()
    return [_lease(conn, row) for row in sorted(rows, key=lambda row: row.seq)]


def claim_head(
    conn: Connection, actor_id: str, worker_id: str, now: datetime, until: datetime
) -> Lease | None:
    """Lend the very oldest message of this actor, if it is due and nothing is on loan."""
    if conn.dialect.name == "postgresql":
        # Two services: the second waits here until the first has committed its claim.
        conn.execute(select(func.pg_advisory_xact_lock(func.hashtext(actor_id))))
    if conn.execute(select(exists().where(table.c.actor_id == actor_id, _ON_LOAN))).scalar():
        return None
    head = _of(actor_id, _WAITING).scalar_subquery()
    return _claim(conn, head, worker_id, until, _due(now))


def release(conn: Connection, execution_id: str, not_before: datetime | None, back: int) -> bool:
    """End a loan; `back` is taken off the number of attempts."""
    change = (
        update(table)
        .where(table.c.execution_id == execution_id, _ON_LOAN)
        .values(
            worker_id=None,
            until=None,
            not_before=not_before,
            attempt=table.c.attempt - back,
        )
    )
    return conn.execute(change).rowcount == 1


def release_overdue(conn: Connection, now: datetime) -> list[str]:
    """End every loan whose time is over; the execution ids, oldest first."""
    change = (
        update(table)
        .where(_ON_LOAN, table.c.until <= now)
        .values(worker_id=None, until=None)
        .returning(table.c.seq, table.c.execution_id)
    )
    return [execution_id for _, execution_id in sorted(map(tuple, conn.execute(change)))]


def extend(conn: Connection, execution_ids: Sequence[str], until: datetime) -> int:
    change = update(table).where(table.c.execution_id.in_(execution_ids), _ON_LOAN)
    return conn.execute(change.values(until=until)).rowcount


def on_loan(conn: Connection) -> list[Lease]:
    found = conn.execute(select(table).where(_ON_LOAN).order_by(table.c.seq))
    return [_lease(conn, row) for row in found]


def count_waiting(conn: Connection, actor_id: str, up_to: int | None) -> int:
    found = select(table.c.seq).where(table.c.actor_id == actor_id, _WAITING).limit(up_to)
    return conn.execute(select(func.count()).select_from(found.subquery())).scalar_one()


def who_has_waiting(conn: Connection) -> list[str]:
    """The actors of the messages that wait: one step along the index for each of them, however
    many messages it has."""
    first = select(func.min(table.c.actor_id).label("actor_id")).where(_WAITING)
    steps = first.cte("waits", recursive=True)
    following = select(func.min(table.c.actor_id)).where(
        _WAITING, table.c.actor_id > steps.c.actor_id
    )
    found = steps.union_all(
        select(following.scalar_subquery()).where(steps.c.actor_id.is_not(None))
    )
    actor_ids = select(found.c.actor_id).where(found.c.actor_id.is_not(None))
    return list(conn.execute(actor_ids).scalars())


def next_due(conn: Connection, actor_id: str, now: datetime) -> datetime | None:
    later = table.c.not_before > now
    found = select(func.min(table.c.not_before)).where(
        table.c.actor_id == actor_id, _WAITING, later
    )
    at: datetime | None = conn.execute(found).scalar()
    return at


def remove(conn: Connection, execution_id: str) -> bool:
    return bool(_remove(conn, table.c.execution_id == execution_id))


def remove_many(conn: Connection, execution_ids: Sequence[str]) -> int:
    """How many were there."""
    return len(_remove(conn, table.c.execution_id.in_(execution_ids)))


def remove_waiting(
    conn: Connection, actor_id: str, among: Collection[str] | None = None
) -> list[str]:
    """`among`: of these executions only."""
    if among is None:
        return _remove(conn, table.c.actor_id == actor_id, _WAITING)
    mine = table.c.execution_id.in_(among)
    return _remove(conn, table.c.actor_id == actor_id, _WAITING, mine)


def remove_all(conn: Connection, actor_id: str) -> list[str]:
    # Both conditions of the partial indexes together are every row of the actor.
    return _remove(conn, table.c.actor_id == actor_id, or_(_WAITING, _ON_LOAN))


def _of(actor_id: str, *conditions: ColumnElement[bool], at_most: int = 1) -> Select[tuple[int]]:
    """The `seq` of the oldest rows; one that another service is about to take is passed over."""
    return (
        select(table.c.seq)
        .where(table.c.actor_id == actor_id, *conditions)
        .order_by(table.c.seq)
        .limit(at_most)
        .with_for_update(skip_locked=True)
    )


def _claim(
    conn: Connection,
    seq: Any,
    worker_id: str,
    until: datetime,
    *conditions: ColumnElement[bool],
) -> Lease | None:
    change = (
        update(table)
        .where(table.c.seq == seq, *conditions)
        .values(**_loan(worker_id, until))
        .returning(table)
    )
    row = conn.execute(change).first()
    return None if row is None else _lease(conn, row)


def _loan(worker_id: str, until: datetime) -> dict[str, Any]:
    return {"worker_id": worker_id, "until": until, "attempt": table.c.attempt + 1}


def _due(now: datetime) -> ColumnElement[bool]:
    return or_(table.c.not_before.is_(None), table.c.not_before <= now)


def _remove(conn: Connection, *conditions: ColumnElement[bool]) -> list[str]:
    gone = conn.execute(
        delete(table)
        .where(*conditions)
        .returning(table.c.seq, table.c.execution_id, table.c.digest)
    ).all()
    drop(conn, (row.digest for row in gone))
    return [row.execution_id for row in sorted(gone, key=lambda row: row.seq)]


def _lease(conn: Connection, row: Row[Any]) -> Lease:
    message = Message(
        execution_id=row.execution_id,
        actor_id=row.actor_id,
        content_type=row.content_type,
        body=from_columns(conn, row.body, row.digest),
        environment=row.environment,
        executor=row.executor,
        files=tuple(map(payloads_of(conn).path, (row.files or "").split())),
    )
    return Lease(
        message=message,
        worker_id=row.worker_id,
        until=row.until,
        put_time=row.put_time,
        attempt=row.attempt,
    )


def _driver_row(conn: Connection, message: Message, at: datetime) -> tuple[Any, ...]:
    """What the column types do, by hand."""
    body, digest = to_columns(conn, message.body)
    return (
        message.execution_id,
        message.actor_id,
        str(message.content_type),
        body,
        digest,
        json_text(message.environment) if message.environment else "{}",
        message.executor,
        microseconds(at),
        0,
        " ".join(path.name for path in message.files) or None,
    )
