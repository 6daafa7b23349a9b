"""Bearer tokens, found by the digest of what their holder shows."""

from dataclasses import fields as fields_of
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, or_, select, update
from sqlalchemy import insert as insert_into

from abaco_server.model.token import Token
from abaco_server.store.tables import tokens as table

_NAMES = [field.name for field in fields_of(Token)]
_COLUMNS = [table.c[name] for name in _NAMES]


def insert(conn: Connection, token: Token) -> None:
    conn.execute(insert_into(table), {name: getattr(token, name) for name in _NAMES})


def get(conn: Connection, digest: str) -> Token | None:
    row = conn.execute(select(*_COLUMNS).where(table.c.digest == digest)).first()
    return None if row is None else _token(row._mapping)


def of_tenant(conn: Connection, tenant: str) -> list[Token]:
    """Oldest first."""
    found = select(*_COLUMNS).where(table.c.tenant == tenant).order_by(table.c.seq)
    return [_token(row._mapping) for row in conn.execute(found)]


def used(conn: Connection, digest: str, now: datetime, before: datetime) -> None:
    """Note a use, unless one is noted that is not older than `before`."""
    last = table.c.last_use_time
    due = update(table).where(table.c.digest == digest, or_(last.is_(None), last < before))
    conn.execute(due.values(last_use_time=now))


def remove(conn: Connection, tenant: str, token_id: str) -> bool:
    gone = delete(table).where(table.c.tenant == tenant, table.c.id == token_id)
    return conn.execute(gone).rowcount == 1


def delete_expired(conn: Connection, now: datetime) -> None:
    conn.execute(delete(table).where(table.c.expires <= now))


def _token(row: RowMapping) -> Token:
    values: dict[str, Any] = dict(row)
    values["roles"] = tuple(values["roles"])
    return Token(**values)
