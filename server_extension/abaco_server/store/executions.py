"""Executions, paged by index, with totals that are maintained and never counted."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields as fields_of
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, literal_column, select, update

from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server.model import transitions
from abaco_server.model.execution import Execution
from abaco_server.store.machinery.columns import json_text, microseconds
from abaco_server.store.machinery.driver import BulkInsert, BulkUpdate
from abaco_server.store.tables import executions as table
from abaco_server.store.tables import totals

_NAMES = [field.name for field in fields_of(Execution)]
_COLUMNS = [table.c[name] for name in _NAMES]

_insert_executions = BulkInsert("executions", _NAMES)
_complete_executions = BulkUpdate(
    "executions",
    {
        "status": "TEXT",
        "start_time": "BIGINT",
        "finish_time": "BIGINT",
        "runtime": "BIGINT",
        "cpu": "BIGINT",
        "io": "BIGINT",
        "exit_code": "TEXT",
        "final_state": "TEXT",
        "exception": "TEXT",
        "peak_memory": "BIGINT",
    },
    key="id",
)
count_rows = BulkInsert(
    "totals",
    ["actor_id", "executions", "cpu", "io", "runtime"],
    " ON CONFLICT (actor_id) DO UPDATE SET executions = totals.executions + excluded.executions",
)


def insert_many(conn: Connection, executions: Sequence[Execution]) -> None:
    """Also counts them in their actors' totals."""
    _insert_executions(conn, [_driver_row(execution) for execution in executions])
    counts = Counter(execution.actor_id for execution in executions)
    # Sorted, so that two services on PostgreSQL lock the rows in one order.
    count_rows(conn, [(actor, n, 0, 0, 0) for actor, n in sorted(counts.items())])


def get(conn: Connection, actor_id: str, execution_id: str) -> Execution | None:
    found = select(*_COLUMNS).where(table.c.id == execution_id, table.c.actor_id == actor_id)
    row = conn.execute(found).first()
    return None if row is None else Execution(**row._mapping)


def by_id(conn: Connection, execution_id: str) -> Execution | None:
    """Whatever its actor: for the service's own work, never for a request's id."""
    row = conn.execute(select(*_COLUMNS).where(table.c.id == execution_id)).first()
    return None if row is None else Execution(**row._mapping)


def page(
    conn: Connection, actor_id: str, *, after_seq: int = 0, limit: int | None = None
) -> list[tuple[int, Execution]]:
    """Oldest first, each with its `seq`; hand the last `seq` in again for the next page."""
    found = (
        select(table.c.seq, *_COLUMNS)
        .where(table.c.actor_id == actor_id, table.c.seq > after_seq)
        .order_by(table.c.seq)
        .limit(limit)
    )
    return [(row[0], _from_values(row[1:])) for row in conn.execute(found)]


def newest(conn: Connection, actor_id: str, limit: int) -> list[Execution]:
    """Newest first."""
    found = select(*_COLUMNS).where(table.c.actor_id == actor_id)
    return _all(conn, found.order_by(table.c.seq.desc()).limit(limit))


def since(conn: Connection, actor_id: str, seq: int, limit: int) -> list[Execution]:
    """Those after `seq`, newest first."""
    mine = (table.c.actor_id == actor_id, table.c.seq > seq)
    return _all(conn, select(*_COLUMNS).where(*mine).order_by(table.c.seq.desc()).limit(limit))


def last_seq(conn: Connection) -> int:
    """Of all actors."""
    return conn.execute(select(func.max(table.c.seq))).scalar() or 0


def by_ids(conn: Connection, ids: Collection[str]) -> list[Execution]:
    """In no order, whatever their actors."""
    return _all(conn, select(*_COLUMNS).where(table.c.id.in_(ids)))


def by_seq(conn: Connection, seqs: Collection[int]) -> dict[int, Execution]:
    found = select(table.c.seq, *_COLUMNS).where(table.c.seq.in_(seqs))
    return {row[0]: _from_values(row[1:]) for row in conn.execute(found)}


def among(conn: Connection, actor_id: str, ids: Collection[str]) -> list[Execution]:
    """Those of `ids` that are this actor's, in no order."""
    mine = (table.c.actor_id == actor_id, table.c.id.in_(ids))
    return _all(conn, select(*_COLUMNS).where(*mine))


def labelled(
    conn: Connection, actor_id: str, label: str, after: str | None, limit: int
) -> list[Execution]:
    """Oldest first, those that came after the execution `after`."""
    found = select(*_COLUMNS).where(table.c.actor_id == actor_id, table.c.label == label)
    if after is not None:
        last = select(table.c.seq).where(table.c.id == after).scalar_subquery()
        found = found.where(table.c.seq > last)
    return _all(conn, found.order_by(table.c.seq).limit(limit))


def running(conn: Connection, actor_id: str) -> list[Execution]:
    """Oldest first."""
    # A literal, so that SQLite sees that its partial index holds all of them.
    is_running = table.c.status == literal_column("'RUNNING'")
    found = select(*_COLUMNS).where(table.c.actor_id == actor_id, is_running)
    return _all(conn, found.order_by(table.c.seq))


def set_worker(
    conn: Connection, execution_id: str, worker_id: str | None, at: datetime | None = None
) -> bool:
    """Abaco shows the worker before the execution is RUNNING. `at`: when it took the message."""
    change = update(table).where(table.c.id == execution_id)
    change = change.values(worker_id=worker_id, taken_time=at)
    return conn.execute(change).rowcount == 1


def set_worker_many(
    conn: Connection, execution_ids: Sequence[str], worker_id: str, at: datetime
) -> None:
    """As `set_worker`."""
    change = update(table).where(table.c.id.in_(execution_ids))
    conn.execute(change.values(worker_id=worker_id, taken_time=at))


def start(conn: Connection, execution_id: str, at: datetime) -> bool:
    """SUBMITTED -> RUNNING; False when it is anything else."""
    return _change(conn, execution_id, ExecutionStatus.RUNNING, start_time=at) is not None


def back_to_submitted(conn: Connection, execution_id: str) -> bool:
    """RUNNING -> SUBMITTED: its message waits again. False when it is anything else."""
    changed = _change(
        conn,
        execution_id,
        ExecutionStatus.SUBMITTED,
        start_time=None,
        taken_time=None,
        worker_id=None,
    )
    return changed is not None


def end(conn: Connection, execution_id: str, *, status: ExecutionStatus, **fields: Any) -> bool:
    """Set an end status and `fields` of Execution, and move the actor's totals.

    False, and nothing changes, when it has ended already or does not exist.
    """
    if not status.ended:
        raise ValueError(f"{status.value} is not the end of an execution")
    actor_id = _change(conn, execution_id, status, **fields)
    if actor_id is None:
        return False
    moved = {name: fields[name] for name in ("cpu", "io", "runtime") if fields.get(name)}
    if moved:
        conn.execute(
            update(totals)
            .where(totals.c.actor_id == actor_id)
            .values({name: totals.c[name] + value for name, value in moved.items()})
        )
    return True


def complete_many(conn: Connection, actor_id: str, ended: Sequence[Mapping[str, Any]]) -> set[str]:
    """As `complete` for executions of one actor, each with its `id` and the same fields of
    Execution; the ids of those that had not ended before."""
    status = ExecutionStatus.COMPLETE
    open_ = select(table.c.id).where(
        table.c.id.in_([one["id"] for one in ended]),
        table.c.status.in_(transitions.sources(status)),
    )
    there = set(conn.execute(open_).scalars())
    rows = [one for one in ended if one["id"] in there]
    _complete_executions(conn, [_driver_end(one) for one in rows])
    sums = {name: sum(one[name] for one in rows) for name in ("cpu", "io", "runtime")}
    moved = {name: totals.c[name] + value for name, value in sums.items() if value}
    if moved:
        conn.execute(update(totals).where(totals.c.actor_id == actor_id).values(moved))
    return there


def complete(conn: Connection, execution_id: str, **fields: Any) -> bool:
    """User code ran and ended, however it ended."""
    return end(conn, execution_id, status=ExecutionStatus.COMPLETE, **fields)


def fail(conn: Connection, execution_id: str, reason: str, at: datetime) -> bool:
    """It never ran, or nobody knows how it ended."""
    return end(conn, execution_id, status=ExecutionStatus.ERROR, reason=reason, finish_time=at)


def _change(
    conn: Connection, execution_id: str, status: ExecutionStatus, **values: Any
) -> str | None:
    """The actor's id, or None when the transitions table has no way there."""
    change = (
        update(table)
        .where(table.c.id == execution_id, table.c.status.in_(transitions.sources(status)))
        .values(status=status, **values)
        .returning(table.c.actor_id)
    )
    actor_id: str | None = conn.execute(change).scalar()
    return actor_id


def _all(conn: Connection, found: Select[Any]) -> list[Execution]:
    return [_from_values(row) for row in conn.execute(found)]


def _from_values(values: Sequence[Any] | Row[Any]) -> Execution:
    return Execution(**dict(zip(_NAMES, values, strict=True)))


def _driver_row(execution: Execution) -> tuple[Any, ...]:
    """In the order of `_NAMES`: what the column types do, by hand."""
    started, finished, taken = execution.start_time, execution.finish_time, execution.taken_time
    return (
        execution.id,
        execution.actor_id,
        execution.tenant,
        execution.api_server,
        execution.executor,
        str(execution.status),
        microseconds(execution.message_received_time),
        execution.worker_id,
        None if started is None else microseconds(started),
        None if finished is None else microseconds(finished),
        execution.runtime,
        execution.cpu,
        execution.io,
        None if execution.exit_code is None else json_text(execution.exit_code),
        None if execution.final_state is None else json_text(execution.final_state),
        execution.reason,
        None if execution.exception is None else json_text(execution.exception),
        None if taken is None else microseconds(taken),
        execution.peak_memory,
        execution.label,
        execution.retry_of,
    )


def _driver_end(ended: Mapping[str, Any]) -> tuple[Any, ...]:
    """In the order of `_complete_executions`."""
    return (
        ExecutionStatus.COMPLETE.value,
        microseconds(ended["start_time"]),
        microseconds(ended["finish_time"]),
        ended["runtime"],
        ended["cpu"],
        ended["io"],
        json_text(ended["exit_code"]),
        json_text(ended["final_state"]),
        None if ended["exception"] is None else json_text(ended["exception"]),
        ended["peak_memory"],
        ended["id"],
    )
