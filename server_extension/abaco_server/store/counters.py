"""Counters that only grow: what has been counted stays so when it is deleted."""

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from abaco_server.store.tables import counters as table

ACTORS = "actors"
"""Actors ever made, of all tenants."""


def add(conn: Connection, name: str, more: int = 1) -> None:
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    entry = insert(table).values(name=name, value=more)
    conn.execute(
        entry.on_conflict_do_update(
            index_elements=["name"], set_={"value": table.c.value + entry.excluded.value}
        )
    )


def get(conn: Connection, name: str) -> int:
    value: int | None = conn.execute(select(table.c.value).where(table.c.name == name)).scalar()
    return value or 0
