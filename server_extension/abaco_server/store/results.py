"""Results: popped oldest first, kept for an hour."""

from datetime import datetime

from sqlalchemy import Connection

from abaco_jupyter.wire.limits import RESULT_LIFETIME
from abaco_server.store.machinery.payloads import StoredBody

LIFETIME = RESULT_LIFETIME


def add(conn: Connection, execution_id: str, key: str, body: StoredBody, expires: datetime) -> bool:
    """False when this execution had a result with this key before, even one popped since."""
    raise NotImplementedError


def pop(conn: Connection, execution_id: str, now: datetime) -> tuple[str, StoredBody] | None:
    """The oldest result as (key, body). A file stays until `forget` or its expiry."""
    raise NotImplementedError


def forget(conn: Connection, execution_id: str, key: str) -> None:
    """The popped result's file has been read."""
    raise NotImplementedError


def delete_expired(conn: Connection, now: datetime) -> int:
    """Keys of executions that have not ended are remembered, so no result comes twice."""
    raise NotImplementedError
