"""Schedules of actors, and what moves them."""

from dataclasses import fields as fields_of
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select, update
from sqlalchemy import insert as insert_into

from abaco_server.model.schedule import Schedule
from abaco_server.store.tables import schedules as table

_NAMES = [field.name for field in fields_of(Schedule)]
_COLUMNS = [table.c[name] for name in _NAMES]


def insert(conn: Connection, schedule: Schedule) -> None:
    values = {name: getattr(schedule, name) for name in _NAMES}
    grace = schedule.misfire_grace
    values["misfire_grace"] = None if grace is None else int(grace.total_seconds())
    conn.execute(insert_into(table), values)


def get(conn: Connection, actor_id: str, schedule_id: str) -> Schedule | None:
    found = select(*_COLUMNS).where(table.c.id == schedule_id, table.c.actor_id == actor_id)
    schedules = _all(conn, found)
    return schedules[0] if schedules else None


def of_actor(conn: Connection, actor_id: str) -> list[Schedule]:
    """Oldest first."""
    return _all(conn, select(*_COLUMNS).where(table.c.actor_id == actor_id).order_by(table.c.seq))


def due(conn: Connection, now: datetime) -> list[Schedule]:
    """Those whose time has come, the most urgent first."""
    found = select(*_COLUMNS).where(table.c.next_time <= now)
    return _all(conn, found.order_by(table.c.next_time, table.c.seq))


def next_due(conn: Connection) -> datetime | None:
    at: datetime | None = conn.execute(select(func.min(table.c.next_time))).scalar()
    return at


def advance(
    conn: Connection, seen: Schedule, next_time: datetime | None, last_time: datetime | None
) -> bool:
    """False when it is no longer as it was seen: another was faster, or it was deleted."""
    change = update(table).where(table.c.id == seen.id, table.c.next_time == seen.next_time)
    values = {"next_time": next_time, "last_time": last_time}
    return conn.execute(change.values(values)).rowcount == 1


def delete_one(conn: Connection, actor_id: str, schedule_id: str) -> bool:
    gone = delete(table).where(table.c.id == schedule_id, table.c.actor_id == actor_id)
    return conn.execute(gone).rowcount == 1


def delete_of_actor(conn: Connection, actor_id: str) -> None:
    conn.execute(delete(table).where(table.c.actor_id == actor_id))


def _all(conn: Connection, found: Select[Any]) -> list[Schedule]:
    return [_schedule(dict(row._mapping)) for row in conn.execute(found)]


def _schedule(values: dict[str, Any]) -> Schedule:
    grace = values.pop("misfire_grace")
    return Schedule(**values, misfire_grace=None if grace is None else timedelta(seconds=grace))
