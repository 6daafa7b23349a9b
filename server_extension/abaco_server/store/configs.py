"""Configs, found by name, and by the ids and aliases that they name."""

from dataclasses import fields as fields_of
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, exists, select, update
from sqlalchemy import insert as insert_into
from sqlalchemy.dialects import postgresql, sqlite

from abaco_jupyter.wire.codes import Level
from abaco_server.model.config import Config
from abaco_server.store.actors import WORLD
from abaco_server.store.machinery.driver import execute
from abaco_server.store.permissions import of_config
from abaco_server.store.tables import config_actors, permissions
from abaco_server.store.tables import configs as table

_NAMES = [field.name for field in fields_of(Config)]
_COLUMNS = [table.c[name] for name in _NAMES]
_KEPT_BY_REPLACE = {"tenant", "name", "owner"}
_MAY_READ = [level for level in Level if level.includes(Level.READ)]
_MEANING = (
    "SELECT name FROM config_actors WHERE tenant = ? AND identifier IN"
    " (SELECT CAST(? AS TEXT) UNION ALL"
    " SELECT alias FROM aliases WHERE actor_id = ? AND tenant = ?)"
)


def insert(conn: Connection, config: Config) -> bool:
    """False when the tenant has a config of this name already."""
    into = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    entry = into(table).values({name: getattr(config, name) for name in _NAMES})
    once = entry.on_conflict_do_nothing(index_elements=["tenant", "name"])
    if conn.execute(once.returning(table.c.seq)).first() is None:
        return False
    _name_actors(conn, config)
    return True


def get(conn: Connection, tenant: str, name: str) -> Config | None:
    if "\0" in tenant + name:
        return None  # Both come from a request's URL, and PostgreSQL refuses to look for NUL.
    found = _all(conn, table.c.tenant == tenant, table.c.name == name)
    return found[0] if found else None


def of_tenant(conn: Connection, tenant: str) -> list[Config]:
    """Oldest first."""
    return _all(conn, table.c.tenant == tenant)


def readable(conn: Connection, tenant: str, username: str) -> list[Config]:
    """Those on which this user has READ or more, oldest first."""
    entry = exists().where(
        permissions.c.actor_id == of_config(tenant, "") + table.c.name,
        permissions.c.username.in_([username, WORLD]),
        permissions.c.level.in_(_MAY_READ),
    )
    return _all(conn, table.c.tenant == tenant, entry)


def of_actor(conn: Connection, tenant: str, actor_id: str) -> list[Config]:
    """Those that name the actor by its id or by one of its aliases. Asked for every execution."""
    rows = execute(conn, _MEANING, (tenant, actor_id, actor_id, tenant))
    if not rows:
        return []
    return _all(conn, table.c.tenant == tenant, table.c.name.in_({row[0] for row in rows}))


def replace(conn: Connection, config: Config) -> bool:
    """Write all that a PUT may change."""
    values = {name: getattr(config, name) for name in _NAMES if name not in _KEPT_BY_REPLACE}
    change = update(table).where(table.c.tenant == config.tenant, table.c.name == config.name)
    if conn.execute(change.values(values)).rowcount != 1:
        return False
    _forget_actors(conn, config.tenant, config.name)
    _name_actors(conn, config)
    return True


def remove(conn: Connection, tenant: str, name: str) -> bool:
    _forget_actors(conn, tenant, name)
    gone = delete(table).where(table.c.tenant == tenant, table.c.name == name)
    return conn.execute(gone).rowcount == 1


def forget_identifier(conn: Connection, tenant: str, identifier: str) -> None:
    """From now on no config means anything by it."""
    meant = (config_actors.c.tenant == tenant, config_actors.c.identifier == identifier)
    conn.execute(delete(config_actors).where(*meant))


def _name_actors(conn: Connection, config: Config) -> None:
    rows = [
        {"tenant": config.tenant, "identifier": identifier, "name": config.name}
        for identifier in config.identifiers
    ]
    conn.execute(insert_into(config_actors), rows)


def _forget_actors(conn: Connection, tenant: str, name: str) -> None:
    named = (config_actors.c.tenant == tenant, config_actors.c.name == name)
    conn.execute(delete(config_actors).where(*named))


def _all(conn: Connection, *where: ColumnElement[bool]) -> list[Config]:
    found = select(*_COLUMNS).where(*where).order_by(table.c.seq)
    return [_config(row._mapping) for row in conn.execute(found)]


def _config(row: RowMapping) -> Config:
    values: dict[str, Any] = {**row, "roles": tuple(row["roles"])}
    return Config(**values)
