"""Who may do what with an actor, an alias or a config: one level per user and thing.

The column `actor_id` holds an actor's id, or the key that `of_alias`, `of_config` or `of_link`
makes. No key can be taken for an id: it has a colon.
"""

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from abaco_jupyter.wire.codes import Level
from abaco_server.store.tables import permissions as table


def of_alias(tenant: str, alias: str) -> str:
    return f"alias:{tenant}:{alias}"


def of_config(tenant: str, name: str) -> str:
    return f"config:{tenant}:{name}"


def of_link(source: str) -> str:
    """Of an actor's link: entries are the admins who have set it as it is now."""
    return f"link:{source}"


def get(conn: Connection, actor_id: str, username: str) -> Level | None:
    """This user's own entry; the entry of ABACO_WORLD is another user's."""
    found = select(table.c.level).where(table.c.actor_id == actor_id, table.c.username == username)
    level: Level | None = conn.execute(found).scalar()
    return level


def set(conn: Connection, actor_id: str, username: str, level: Level) -> None:
    insert = sqlite.insert if conn.dialect.name == "sqlite" else postgresql.insert
    entry = insert(table).values(actor_id=actor_id, username=username, level=level)
    conn.execute(
        entry.on_conflict_do_update(
            index_elements=["actor_id", "username"], set_={"level": entry.excluded.level}
        )
    )


def all(conn: Connection, actor_id: str) -> dict[str, Level]:
    """In the order in which the users were first named."""
    found = select(table.c.username, table.c.level).where(table.c.actor_id == actor_id)
    return {row.username: row.level for row in conn.execute(found.order_by(table.c.seq))}


def delete_all(conn: Connection, actor_id: str) -> None:
    conn.execute(delete(table).where(table.c.actor_id == actor_id))
