"""Logs of ended executions, until they expire."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from abaco_jupyter.wire.limits import LOG_LIFETIME, MAX_LOG_LIFETIME
from abaco_server.store.machinery.columns import microseconds
from abaco_server.store.machinery.driver import BulkInsert
from abaco_server.store.tables import logs as table

_put_logs = BulkInsert(
    "logs",
    ["execution_id", "actor_id", "body", "expires"],
    " ON CONFLICT (execution_id) DO UPDATE SET body = excluded.body, expires = excluded.expires",
)


def lifetime(
    log_ex: int | None,
    *,
    default: timedelta = LOG_LIFETIME,
    most: timedelta = MAX_LOG_LIFETIME,
) -> timedelta:
    """How long a log is kept: the actor's `log_ex` up to a limit, else the default."""
    if log_ex is None:
        return default
    # A number below zero is taken, and no log is kept then.
    return timedelta(seconds=min(max(log_ex, 0), int(most.total_seconds())))


def put(conn: Connection, execution_id: str, actor_id: str, text: str, expires: datetime) -> None:
    """The whole log; an earlier one of this execution is replaced."""
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    # Bytes: a log may hold NUL, which PostgreSQL's text refuses.
    entry = insert(table).values(
        execution_id=execution_id, actor_id=actor_id, body=text.encode(), expires=expires
    )
    conn.execute(
        entry.on_conflict_do_update(
            index_elements=["execution_id"],
            set_={"body": entry.excluded.body, "expires": entry.excluded.expires},
        )
    )


def put_many(
    conn: Connection, actor_id: str, rows: Sequence[tuple[str, str]], expires: datetime
) -> None:
    """As `put` for several executions of one actor: id and text of each."""
    until = microseconds(expires)
    _put_logs(conn, [(one, actor_id, text.encode(), until) for one, text in rows])


def get(conn: Connection, execution_id: str, now: datetime) -> str:
    """Empty when there is none or it has expired."""
    found = select(table.c.body).where(table.c.execution_id == execution_id, table.c.expires > now)
    body: bytes | None = conn.execute(found).scalar()
    return "" if body is None else body.decode()


def delete_of_actor(conn: Connection, actor_id: str) -> int:
    return conn.execute(delete(table).where(table.c.actor_id == actor_id)).rowcount


def delete_expired(conn: Connection, now: datetime) -> int:
    return conn.execute(delete(table).where(table.c.expires <= now)).rowcount
