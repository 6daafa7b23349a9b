"""Who is there: users are known by what they have."""

from sqlalchemy import Connection, literal, select

from abaco_server.store.tables import actors, permissions, tokens


def known(conn: Connection, tenant: str, username: str) -> bool:
    """Whether somebody of this name has an entry on an actor of the tenant, or a token."""
    if "\0" in username:
        return False  # It comes from a request's URL, and PostgreSQL refuses to look for NUL.
    entry = (
        select(literal(1))
        .join_from(permissions, actors, permissions.c.actor_id == actors.c.id)
        .where(permissions.c.username == username, actors.c.tenant == tenant)
    )
    token = select(literal(1)).where(tokens.c.username == username, tokens.c.tenant == tenant)
    return any(conn.execute(query.limit(1)).first() is not None for query in (entry, token))
