"""Builds: attempts to make an image."""

from dataclasses import fields as fields_of
from typing import Any

from sqlalchemy import Connection, Select, delete, select, update
from sqlalchemy import insert as insert_into

from abaco_jupyter.wire.codes import BuildStatus
from abaco_server.model import transitions
from abaco_server.model.build import Build
from abaco_server.store.tables import builds as table

_NAMES = [field.name for field in fields_of(Build)]
_COLUMNS = [table.c[name] for name in _NAMES]
_ENDED = table.c.status.in_([status for status in BuildStatus if status.ended])


def insert(conn: Connection, build: Build) -> None:
    conn.execute(insert_into(table), {name: getattr(build, name) for name in _NAMES})


def get(conn: Connection, build_id: str) -> Build | None:
    return _first(conn, select(*_COLUMNS).where(table.c.id == build_id))


def by_digest(conn: Connection, image: str) -> Build | None:
    """The newest READY build of this image."""
    found = select(*_COLUMNS).where(table.c.image == image, table.c.status == BuildStatus.READY)
    return _first(conn, found.order_by(table.c.seq.desc()))


def unfinished(conn: Connection) -> list[Build]:
    """Oldest first."""
    found = select(*_COLUMNS).where(~_ENDED).order_by(table.c.seq)
    return [Build(**row._mapping) for row in conn.execute(found)]


def set_status(conn: Connection, build_id: str, status: BuildStatus, **fields: Any) -> bool:
    """Set the status and `fields` of Build; False when the table has no way there.

    The same status again is True and changes the fields alone, unless the build has ended.
    """
    before = transitions.sources(status) + ([] if status.ended else [status.value])
    change = update(table).where(table.c.id == build_id, table.c.status.in_(before))
    return conn.execute(change.values(status=status, **fields)).rowcount == 1


def delete_old(conn: Connection, keep: int) -> int:
    """Delete all ended builds but the newest `keep`."""
    newest = select(table.c.seq).where(_ENDED).order_by(table.c.seq.desc()).limit(keep)
    return conn.execute(delete(table).where(_ENDED, table.c.seq.not_in(newest))).rowcount


def _first(conn: Connection, found: Select[Any]) -> Build | None:
    row = conn.execute(found.limit(1)).first()
    return None if row is None else Build(**row._mapping)
