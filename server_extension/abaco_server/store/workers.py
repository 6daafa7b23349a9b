"""Workers of this life of the service."""

from typing import Any

from sqlalchemy import Connection

from abaco_jupyter.wire.codes import WorkerStatus
from abaco_server.model.worker import Worker


def insert(conn: Connection, worker: Worker) -> None:
    raise NotImplementedError


def get(conn: Connection, actor_id: str, worker_id: str) -> Worker | None:
    raise NotImplementedError


def of_actor(conn: Connection, actor_id: str) -> list[Worker]:
    """Oldest first."""
    raise NotImplementedError


def set_status(conn: Connection, worker_id: str, status: WorkerStatus, **fields: Any) -> bool:
    """Set the status and `fields` of Worker; False when the table has no way there.

    The same status again is True and changes the fields alone.
    """
    raise NotImplementedError


def delete(conn: Connection, worker_id: str) -> bool:
    raise NotImplementedError


def delete_all(conn: Connection) -> int:
    """At the start of a service: the workers of an earlier life are gone."""
    raise NotImplementedError
