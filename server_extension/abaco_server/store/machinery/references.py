"""Which rows name which payload files: the one place that knows every owner."""

from collections.abc import Iterable

from sqlalchemy import Connection, select, union

from abaco_server.store import tables

_OWNERS = (tables.messages.c.digest, tables.results.c.digest)


def referenced(conn: Connection) -> frozenset[str]:
    """Every digest that a row names."""
    named = union(*(select(owner).where(owner.is_not(None)) for owner in _OWNERS))
    return frozenset(conn.execute(named).scalars())


def unreferenced(conn: Connection, digests: Iterable[str]) -> list[str]:
    """Those of `digests` that no row names."""
    return [digest for digest in digests if not _is_named(conn, digest)]


def _is_named(conn: Connection, digest: str) -> bool:
    return any(
        conn.execute(select(owner).where(owner == digest).limit(1)).first() is not None
        for owner in _OWNERS
    )
