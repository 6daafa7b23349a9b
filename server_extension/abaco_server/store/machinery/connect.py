"""Connections: one engine for the writer, one for the readers.

SQLite. WAL, where the file system allows it: readers and the writer do not wait for each other.
`synchronous=NORMAL` means that a COMMIT is in the operating system's hands: killing this process
loses nothing, a power cut may lose the last moments but corrupts nothing. `FULL` also waits for
the disk. On a network file system WAL is unsafe, so the journal is DELETE there, and always FULL.

PostgreSQL. Its own defaults hold; `synchronous` has no meaning there.
"""

import logging
import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

from abaco_server.store.machinery.filesystem import filesystem, on_network
from abaco_server.store.machinery.payloads import Payloads

READERS = 4
_BUSY_SECONDS = 20
_OLDEST_SQLITE = (3, 35, 0)

log = logging.getLogger(__name__)


def is_sqlite(url: str) -> bool:
    return make_url(url).get_backend_name() == "sqlite"


def engines(url: str, payloads: Payloads, synchronous: str) -> tuple[Engine, Engine]:
    """The writer's engine and the readers'. Nothing is connected yet."""
    if synchronous not in ("NORMAL", "FULL"):
        raise ValueError(f"synchronous is NORMAL or FULL, not {synchronous!r}")
    target = make_url(url)
    backend = target.get_backend_name()
    if backend == "sqlite":
        pair = _sqlite(target, synchronous)
    elif backend == "postgresql":
        pair = _postgresql(target)
    else:
        raise ValueError(f"the store is SQLite or PostgreSQL, not {backend}: {target}")
    for engine in pair:
        _attach(engine, payloads)
    return pair


def _attach(engine: Engine, payloads: Payloads) -> None:
    @event.listens_for(engine, "connect")
    def connected(dbapi_connection: Any, record: Any) -> None:
        record.info["payloads"] = payloads


def _sqlite(url: URL, synchronous: str) -> tuple[Engine, Engine]:
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise RuntimeError(
            f"the store needs SQLite 3.35 or later; this Python has {sqlite3.sqlite_version}"
        )
    if not url.database or url.database == ":memory:":
        raise ValueError("the store needs a database file: sqlite:////absolute/path.db")
    path = Path(url.database)
    _create(path)
    journal = "WAL"
    if on_network(path.parent):
        journal, synchronous = "DELETE", "FULL"
        log.warning(
            "%s is on a network file system (%s): using journal_mode=DELETE, which is slower",
            path,
            filesystem(path.parent),
        )
    writer = _sqlite_engine(
        url,
        "BEGIN IMMEDIATE",
        [
            f"PRAGMA journal_mode={journal}",
            f"PRAGMA synchronous={synchronous}",
            "PRAGMA journal_size_limit=67108864",
            "PRAGMA cache_size=-8000",
        ],
        size=1,
    )
    return writer, _sqlite_engine(url, "BEGIN", ["PRAGMA query_only=ON"], size=READERS)


def _create(path: Path) -> None:
    """Messages are private: the file is its owner's alone, and so are the files SQLite adds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _sqlite_engine(url: URL, begin: str, pragmas: list[str], *, size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        connect_args={
            "check_same_thread": False,
            "isolation_level": None,
            "timeout": _BUSY_SECONDS,
            "cached_statements": 256,
        },
    )

    @event.listens_for(engine, "connect")
    def connected(dbapi_connection: sqlite3.Connection, record: Any) -> None:
        for pragma in pragmas:
            dbapi_connection.execute(pragma).close()

    # The driver begins only before it writes; readers want one snapshot, the writer its lock.
    @event.listens_for(engine, "begin")
    def begun(conn: Connection) -> None:
        conn.connection.cursor().execute(begin)

    return engine


def _postgresql(url: URL) -> tuple[Engine, Engine]:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    writer = create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
    readers = create_engine(
        url,
        pool_size=READERS + 1,  # one for the claim
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
    )
    return writer, readers
