"""Messages that wait."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from abaco_server.model.execution import Execution
from abaco_server.model.message import Message
from abaco_server.store import Connection, Store, actors, executions, messages


async def submit(store: Store, execution: Execution, message: Message) -> bool:
    """The durable step of a POST: execution row and queue row, on disk when this returns.

    False, and nothing is kept, when the actor is gone or SHUTTING_DOWN. A body over 64 KiB is
    written to its payload file first, off the writer thread.
    """
    body = message.body
    if not isinstance(body, bytes):
        return await store.write_each(submit_many, (execution, message))
    async with store.keeping(body) as stored:
        # The very same message when it is small: a copy costs as much as the insert.
        kept = message if stored is body else replace(message, body=stored)
        return await store.write_each(submit_many, (execution, kept))


def submit_many(conn: Connection, items: list[tuple[Execution, Message]]) -> list[bool]:
    """What `submit` hands to `Store.write_each`: one group's items in two inserts."""
    there = actors.accepting(conn, {message.actor_id for _, message in items})
    taken = [item for item in items if item[1].actor_id in there]
    executions.insert_many(conn, [execution for execution, _ in taken])
    put_many(conn, [(message, execution.message_received_time) for execution, message in taken])
    return [message.actor_id in there for _, message in items]


def put_many(conn: Connection, items: Sequence[tuple[Message, datetime]]) -> None:
    """Queue rows alone, each with the time at which it was put."""
    messages.insert_many(conn, items)


def waiting(conn: Connection, actor_id: str, *, up_to: int | None = None) -> int:
    """How many messages wait, due or not; those on loan are not counted.

    They are counted one by one: whoever only asks whether there are a few says `up_to`.
    """
    return messages.count_waiting(conn, actor_id, up_to)


def who_has_waiting(conn: Connection) -> list[str]:
    """The ids of the actors for which a message waits, due or not."""
    return messages.who_has_waiting(conn)


def next_due(conn: Connection, actor_id: str, now: datetime) -> datetime | None:
    """The next time after `now` at which a message that was given back may be leased again."""
    return messages.next_due(conn, actor_id, now)


def purge(conn: Connection, actor_id: str, among: Collection[str] | None = None) -> list[str]:
    """Remove what waits, all of it or of some executions; the execution ids, oldest first.

    End those executions yourself.
    """
    return messages.remove_waiting(conn, actor_id, among)


def delete_of_actor(conn: Connection, actor_id: str) -> list[str]:
    """Remove everything, on loan or not; the execution ids, oldest first."""
    return messages.remove_all(conn, actor_id)
