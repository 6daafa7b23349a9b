"""Events that have happened and have not been told yet."""

from collections.abc import Iterable

from sqlalchemy import Connection

from abaco_server.model.event import Event


def append(conn: Connection, event: Event) -> None:
    raise NotImplementedError


def pending(conn: Connection, limit: int) -> list[Event]:
    """Oldest first, each with its `seq`."""
    raise NotImplementedError


def delivered(conn: Connection, seqs: Iterable[int]) -> None:
    """They have been told: forget them. A `seq` is never given out twice."""
    raise NotImplementedError
