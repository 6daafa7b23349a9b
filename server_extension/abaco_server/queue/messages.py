"""Messages that wait."""

from collections.abc import Sequence
from datetime import datetime

from abaco_server.model.execution import Execution
from abaco_server.model.message import Message
from abaco_server.store import Connection, Store


async def submit(store: Store, execution: Execution, message: Message) -> bool:
    """The durable step of a POST: execution row and queue row, on disk when this returns.

    False, and nothing is kept, when the actor is gone or SHUTTING_DOWN. A body over 64 KiB is
    written to its payload file first, off the writer thread.
    """
    raise NotImplementedError


def submit_many(conn: Connection, items: list[tuple[Execution, Message]]) -> list[bool]:
    """What `submit` hands to `Store.write_each`: one group's items in two inserts."""
    raise NotImplementedError


def put_many(conn: Connection, items: Sequence[tuple[Message, datetime]]) -> None:
    """Queue rows alone, each with the time at which it was put."""
    raise NotImplementedError


def waiting(conn: Connection, actor_id: str) -> int:
    """How many messages wait, due or not; those on loan are not counted."""
    raise NotImplementedError


def next_due(conn: Connection, actor_id: str, now: datetime) -> datetime | None:
    """The next time after `now` at which a message that was given back may be leased again."""
    raise NotImplementedError


def purge(conn: Connection, actor_id: str) -> list[str]:
    """Remove what waits; the execution ids, oldest first. End those executions yourself."""
    raise NotImplementedError


def delete_of_actor(conn: Connection, actor_id: str) -> list[str]:
    """Remove everything, on loan or not; the execution ids, oldest first."""
    raise NotImplementedError
