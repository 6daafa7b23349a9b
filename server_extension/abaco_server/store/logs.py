"""Logs of ended executions, until they expire."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from abaco_jupyter.wire.limits import LOG_LIFETIME, MAX_LOG_LIFETIME


def lifetime(
    log_ex: int | None,
    *,
    default: timedelta = LOG_LIFETIME,
    most: timedelta = MAX_LOG_LIFETIME,
) -> timedelta:
    """How long a log is kept: the actor's `log_ex` up to a limit, else the default."""
    raise NotImplementedError


def put(conn: Connection, execution_id: str, actor_id: str, text: str, expires: datetime) -> None:
    """The whole log; an earlier one of this execution is replaced."""
    raise NotImplementedError


def get(conn: Connection, execution_id: str, now: datetime) -> str:
    """ "" when there is none or it has expired."""
    raise NotImplementedError


def delete_of_actor(conn: Connection, actor_id: str) -> int:
    raise NotImplementedError


def delete_expired(conn: Connection, now: datetime) -> int:
    raise NotImplementedError
