"""OAuth clients, found by key or by name; grants, found by the digests of their tokens."""

from dataclasses import fields as fields_of
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, select
from sqlalchemy import insert as insert_into
from sqlalchemy.dialects import postgresql, sqlite

from abaco_server.model.oauth import Grant, OAuthClient
from abaco_server.store.tables import oauth_clients as clients
from abaco_server.store.tables import oauth_grants as grants

_CLIENT = [field.name for field in fields_of(OAuthClient)]
_CLIENT_COLUMNS = [clients.c[name] for name in _CLIENT]
_GRANT = [field.name for field in fields_of(Grant)]
_GRANT_COLUMNS = [grants.c[name] for name in _GRANT]


def insert_client(conn: Connection, client: OAuthClient) -> bool:
    """False when the owner has one of this name."""
    into = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    entry = into(clients).values({name: getattr(client, name) for name in _CLIENT})
    once = entry.on_conflict_do_nothing(index_elements=["tenant", "owner", "name"])
    return conn.execute(once.returning(clients.c.seq)).first() is not None


def client_by_key(conn: Connection, key: str) -> OAuthClient | None:
    return _client(conn, clients.c.key == key)


def client_by_name(conn: Connection, tenant: str, owner: str, name: str) -> OAuthClient | None:
    named = (clients.c.tenant == tenant, clients.c.owner == owner, clients.c.name == name)
    return _client(conn, *named)


def clients_of(conn: Connection, tenant: str, owner: str) -> list[OAuthClient]:
    """Oldest first."""
    found = select(*_CLIENT_COLUMNS).where(clients.c.tenant == tenant, clients.c.owner == owner)
    rows = conn.execute(found.order_by(clients.c.seq))
    return [OAuthClient(**row._mapping) for row in rows]


def remove_client(conn: Connection, key: str) -> None:
    """With all that was granted through it."""
    conn.execute(delete(grants).where(grants.c.client_key == key))
    conn.execute(delete(clients).where(clients.c.key == key))


def insert_grant(conn: Connection, grant: Grant) -> None:
    conn.execute(insert_into(grants), {name: getattr(grant, name) for name in _GRANT})


def grant_by_access(conn: Connection, digest: str) -> Grant | None:
    return _grant(conn, grants.c.access == digest)


def grant_by_refresh(conn: Connection, digest: str) -> Grant | None:
    return _grant(conn, grants.c.refresh == digest)


def remove_grant(conn: Connection, refresh: str) -> bool:
    """False when somebody else was first."""
    return conn.execute(delete(grants).where(grants.c.refresh == refresh)).rowcount == 1


def remove_grants_of(conn: Connection, origin: str) -> None:
    conn.execute(delete(grants).where(grants.c.origin == origin))


def delete_expired(conn: Connection, now: datetime) -> None:
    conn.execute(delete(grants).where(grants.c.refresh_expires <= now))


def _client(conn: Connection, *which: ColumnElement[bool]) -> OAuthClient | None:
    row = conn.execute(select(*_CLIENT_COLUMNS).where(*which)).first()
    return None if row is None else OAuthClient(**row._mapping)


def _grant(conn: Connection, which: ColumnElement[bool]) -> Grant | None:
    row = conn.execute(select(*_GRANT_COLUMNS).where(which)).first()
    return None if row is None else _read(row._mapping)


def _read(row: RowMapping) -> Grant:
    values: dict[str, Any] = dict(row)
    values["roles"] = tuple(values["roles"])
    return Grant(**values)
