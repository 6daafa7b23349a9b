"""Executions, paged by index, with totals that are maintained and never counted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server.model.execution import Execution


def insert_many(conn: Connection, executions: Sequence[Execution]) -> None:
    """Also counts them in their actors' totals."""
    raise NotImplementedError


def get(conn: Connection, actor_id: str, execution_id: str) -> Execution | None:
    raise NotImplementedError


def page(
    conn: Connection, actor_id: str, *, after_seq: int = 0, limit: int | None = None
) -> list[tuple[int, Execution]]:
    """Oldest first, each with its `seq`; hand the last `seq` in again for the next page."""
    raise NotImplementedError


def newest(conn: Connection, actor_id: str, limit: int) -> list[Execution]:
    """Newest first."""
    raise NotImplementedError


def running(conn: Connection, actor_id: str) -> list[Execution]:
    """Oldest first."""
    raise NotImplementedError


def set_worker(conn: Connection, execution_id: str, worker_id: str | None) -> bool:
    """Abaco shows the worker before the execution is RUNNING."""
    raise NotImplementedError


def start(conn: Connection, execution_id: str, at: datetime) -> bool:
    """SUBMITTED -> RUNNING; False when it is anything else."""
    raise NotImplementedError


def back_to_submitted(conn: Connection, execution_id: str) -> bool:
    """RUNNING -> SUBMITTED: its message waits again. False when it is anything else."""
    raise NotImplementedError


def end(conn: Connection, execution_id: str, *, status: ExecutionStatus, **fields: Any) -> bool:
    """Set an end status and `fields` of Execution, and move the actor's totals.

    False, and nothing changes, when it has ended already or does not exist.
    """
    raise NotImplementedError
