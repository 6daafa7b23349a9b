"""What survives: one database, one writer, many readers.

    store.py        Store: `write`, `write_each`, `read`, `keeping`, `sweep`, `close`
    tables.py       every table and index
    actors.py ...   one module per noun: functions that take a connection first
    machinery/      connections, group commit, payload files, schema revision
    migrations/     Alembic

A function of a connection never commits: several of them make one transaction by being called
in one `Store.write`. SQLAlchemy is imported in this package only.
"""

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError as DatabaseFailed

from abaco_server.store.machinery.incoming import Incoming
from abaco_server.store.machinery.payloads import MAX_INLINE, Payloads, StoredBody
from abaco_server.store.machinery.schema import DatabaseIsNewer
from abaco_server.store.store import Store

__all__ = [
    "MAX_INLINE",
    "Connection",
    "DatabaseFailed",
    "DatabaseIsNewer",
    "Incoming",
    "Payloads",
    "Store",
    "StoredBody",
]
