"""Nonces, found by the digest of their id; uses are counted in the statement that allows them."""

from dataclasses import fields as fields_of
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, case, delete, select, update
from sqlalchemy import insert as insert_into

from abaco_server.model.nonce import Nonce
from abaco_server.store.tables import nonces as table

_NAMES = [field.name for field in fields_of(Nonce)]
_COLUMNS = [table.c[name] for name in _NAMES]


def insert(conn: Connection, nonce: Nonce) -> None:
    conn.execute(insert_into(table), {name: getattr(nonce, name) for name in _NAMES})


def get(conn: Connection, digest: str) -> Nonce | None:
    row = conn.execute(select(*_COLUMNS).where(table.c.digest == digest)).first()
    return None if row is None else _nonce(row._mapping)


def of_actor(conn: Connection, actor_id: str) -> list[Nonce]:
    """Oldest first."""
    return _all(conn, table.c.actor_id == actor_id)


def of_alias(conn: Connection, tenant: str, alias: str) -> list[Nonce]:
    """Oldest first."""
    return _all(conn, table.c.tenant == tenant, table.c.alias == alias)


def use(conn: Connection, digest: str, now: datetime) -> bool:
    """Count one use; False when none is left."""
    left = table.c.remaining_uses
    change = update(table).where(table.c.digest == digest, left != 0)
    counted = change.values(
        remaining_uses=case((left > 0, left - 1), else_=left),
        current_uses=table.c.current_uses + 1,
        last_use_time=now,
    )
    return conn.execute(counted).rowcount == 1


def remove(conn: Connection, digest: str) -> bool:
    return conn.execute(delete(table).where(table.c.digest == digest)).rowcount == 1


def delete_of_actor(conn: Connection, actor_id: str) -> None:
    conn.execute(delete(table).where(table.c.actor_id == actor_id))


def delete_of_alias(conn: Connection, tenant: str, alias: str) -> None:
    conn.execute(delete(table).where(table.c.tenant == tenant, table.c.alias == alias))


def _all(conn: Connection, *which: ColumnElement[bool]) -> list[Nonce]:
    found = select(*_COLUMNS).where(*which).order_by(table.c.seq)
    return [_nonce(row._mapping) for row in conn.execute(found)]


def _nonce(row: RowMapping) -> Nonce:
    values: dict[str, Any] = dict(row)
    values["roles"] = tuple(values["roles"])
    return Nonce(**values)
