"""Results: popped oldest first, kept for an hour."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_jupyter.wire.limits import RESULT_LIFETIME
from abaco_server.store.machinery.columns import microseconds
from abaco_server.store.machinery.driver import BulkInsert
from abaco_server.store.machinery.payloads import StoredBody, drop, from_columns, to_columns
from abaco_server.store.tables import executions
from abaco_server.store.tables import results as table

LIFETIME = RESULT_LIFETIME

_insert_results = BulkInsert(
    "results",
    ["execution_id", "key", "body", "digest", "popped", "expires"],
    " ON CONFLICT (execution_id, key) DO NOTHING",
)


def add(conn: Connection, execution_id: str, key: str, body: StoredBody, expires: datetime) -> bool:
    """False when this execution had a result with this key before, even one popped since."""
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    inline, digest = to_columns(conn, body)
    entry = insert(table).values(
        execution_id=execution_id,
        key=key,
        body=inline,
        digest=digest,
        popped=False,
        expires=expires,
    )
    once = entry.on_conflict_do_nothing(index_elements=["execution_id", "key"])
    added = conn.execute(once.returning(table.c.seq)).first() is not None
    if not added:
        drop(conn, [digest])
    return added


def add_many(
    conn: Connection, rows: Sequence[tuple[str, str, StoredBody]], expires: datetime
) -> None:
    """As `add` for several: execution id, key and body of each."""
    values = []
    for execution_id, key, body in rows:
        inline, digest = to_columns(conn, body)
        values.append((execution_id, key, inline, digest, False, microseconds(expires)))
        # Of one that was there before the file has no new name: whoever looks at what is
        # dropped finds the rows that name it.
        drop(conn, [digest])
    _insert_results(conn, values)


def pop(conn: Connection, execution_id: str, now: datetime) -> tuple[str, StoredBody] | None:
    """The oldest result as (key, body). A file stays until `forget` or its expiry."""
    oldest = (
        select(table)
        .where(
            table.c.execution_id == execution_id,
            table.c.popped.is_(False),
            table.c.expires > now,
        )
        .order_by(table.c.seq)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = conn.execute(oldest).first()
    if row is None:
        return None
    # The row stays without its body, so that the same key told again is known.
    conn.execute(update(table).where(table.c.seq == row.seq).values(popped=True, body=None))
    return row.key, from_columns(conn, row.body, row.digest)


def read(conn: Connection, execution_id: str, now: datetime) -> list[StoredBody]:
    """Those that nobody has popped, oldest first; they stay."""
    there = (table.c.popped.is_(False), table.c.expires > now)
    found = select(table.c.body, table.c.digest).where(table.c.execution_id == execution_id, *there)
    rows = conn.execute(found.order_by(table.c.seq))
    return [from_columns(conn, row.body, row.digest) for row in rows]


def kept(
    conn: Connection, execution_ids: Collection[str], now: datetime
) -> dict[str, list[StoredBody]]:
    """All results of these executions that nobody has taken, oldest first. They stay."""
    there = (table.c.popped.is_(False), table.c.expires > now)
    found = (
        select(table.c.execution_id, table.c.body, table.c.digest)
        .where(table.c.execution_id.in_(execution_ids), *there)
        .order_by(table.c.seq)
    )
    bodies: dict[str, list[StoredBody]] = {}
    for row in conn.execute(found):
        bodies.setdefault(row.execution_id, []).append(from_columns(conn, row.body, row.digest))
    return bodies


def forget(conn: Connection, execution_id: str, key: str) -> None:
    """The popped result's file has been read."""
    this = (table.c.execution_id == execution_id, table.c.key == key, table.c.popped.is_(True))
    drop(conn, conn.execute(select(table.c.digest).where(*this)).scalars())
    conn.execute(update(table).where(*this).values(digest=None))


def delete_expired(conn: Connection, now: datetime) -> int:
    """Keys of executions that have not ended are remembered, so no result comes twice."""
    expired = table.c.expires <= now
    named = select(table.c.digest).where(expired, table.c.digest.is_not(None))
    drop(conn, conn.execute(named).scalars())
    conn.execute(
        update(table).where(expired, table.c.popped.is_(False)).values(popped=True, body=None)
    )
    conn.execute(update(table).where(expired, table.c.digest.is_not(None)).values(digest=None))
    goes_on = exists().where(
        executions.c.id == table.c.execution_id,
        executions.c.status.in_([ExecutionStatus.SUBMITTED, ExecutionStatus.RUNNING]),
    )
    return conn.execute(delete(table).where(expired, ~goes_on)).rowcount
