"""Actors and their counters. Deleting an actor keeps its executions and totals."""

from typing import Any

from sqlalchemy import Connection

from abaco_jupyter.wire.codes import ActorStatus
from abaco_server.model.actor import Actor
from abaco_server.model.execution import Totals


def insert(conn: Connection, actor: Actor) -> None:
    raise NotImplementedError


def get(conn: Connection, tenant: str, actor_id: str) -> Actor | None:
    raise NotImplementedError


def get_any(conn: Connection, actor_id: str) -> Actor | None:
    """Whatever its tenant: for the service's own work, never for a request."""
    raise NotImplementedError


def owned_or_shared(conn: Connection, tenant: str, username: str) -> list[Actor]:
    """The actors on which this user has READ or more, oldest first."""
    raise NotImplementedError


def replace(conn: Connection, actor: Actor) -> bool:
    """Write all that a PUT may change. `status` and `status_message` stay: see `set_status`."""
    raise NotImplementedError


def set_status(
    conn: Connection, actor_id: str, status: ActorStatus, status_message: str | None
) -> bool:
    """False when the transitions table has no way there from the present status.

    The same status again is True and changes the message alone.
    """
    raise NotImplementedError


def set_state(conn: Connection, actor_id: str, state: Any) -> bool:
    raise NotImplementedError


def delete(conn: Connection, actor_id: str) -> bool:
    raise NotImplementedError


def totals(conn: Connection, actor_id: str) -> Totals:
    raise NotImplementedError


def count(conn: Connection) -> int:
    raise NotImplementedError


def with_waiting(conn: Connection) -> list[Actor]:
    """The actors that have a message waiting, due or not, oldest actor first."""
    raise NotImplementedError
