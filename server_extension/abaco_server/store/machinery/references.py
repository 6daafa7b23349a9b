"""Which rows name which payload files: the one place that knows every owner."""

from collections.abc import Iterable

from sqlalchemy import Connection, select, union

from abaco_server.store import tables

_FILES = tables.messages.c.files
_OWNERS = (tables.messages.c.digest, tables.results.c.digest)


def referenced(conn: Connection) -> frozenset[str]:
    """Every digest that a row names."""
    named = union(*(select(owner).where(owner.is_not(None)) for owner in _OWNERS))
    beside = select(_FILES).where(_FILES.is_not(None)).distinct()
    lists = conn.execute(beside).scalars()
    return frozenset(conn.execute(named).scalars()).union(*(files.split() for files in lists))


def unreferenced(conn: Connection, digests: Iterable[str]) -> list[str]:
    """Those of `digests` that no row names."""
    return [digest for digest in digests if not _is_named(conn, digest)]


def _is_named(conn: Connection, digest: str) -> bool:
    named = [select(owner).where(owner == digest) for owner in _OWNERS]
    # Reads the partial index: of messages that have files there are few.
    named.append(select(_FILES).where(_FILES.is_not(None), _FILES.contains(digest)))
    return any(conn.execute(one.limit(1)).first() is not None for one in named)
