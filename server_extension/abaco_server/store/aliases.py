"""Aliases: names of actors, unique in a tenant."""

from dataclasses import fields as fields_of

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from abaco_server.model.alias import Alias
from abaco_server.store.tables import aliases as table

_NAMES = [field.name for field in fields_of(Alias)]
_COLUMNS = [table.c[name] for name in _NAMES]


def insert(conn: Connection, alias: Alias) -> bool:
    """False when the tenant has this alias already."""
    into = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    entry = into(table).values({name: getattr(alias, name) for name in _NAMES})
    once = entry.on_conflict_do_nothing(index_elements=["tenant", "alias"])
    return conn.execute(once.returning(table.c.seq)).first() is not None


def get(conn: Connection, tenant: str, alias: str) -> Alias | None:
    if "\0" in tenant + alias:
        return None  # Both come from a request's URL, and PostgreSQL refuses to look for NUL.
    found = select(*_COLUMNS).where(table.c.tenant == tenant, table.c.alias == alias)
    row = conn.execute(found).first()
    return None if row is None else Alias(**row._mapping)


def of_tenant(conn: Connection, tenant: str) -> list[Alias]:
    """Oldest first."""
    found = select(*_COLUMNS).where(table.c.tenant == tenant).order_by(table.c.seq)
    return [Alias(**row._mapping) for row in conn.execute(found)]


def point(conn: Connection, tenant: str, alias: str, actor_id: str) -> bool:
    """From now on the alias means this actor."""
    change = update(table).where(table.c.tenant == tenant, table.c.alias == alias)
    return conn.execute(change.values(actor_id=actor_id)).rowcount == 1


def remove(conn: Connection, tenant: str, alias: str) -> bool:
    gone = delete(table).where(table.c.tenant == tenant, table.c.alias == alias)
    return conn.execute(gone).rowcount == 1
