"""Ours: many messages of one sender at once, and taking back those that wait."""

from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

from abaco_jupyter.wire.codes import CANCELLED, Level
from abaco_server import queue
from abaco_server.model.execution import Execution
from abaco_server.model.message import Message
from abaco_server.model.principal import Principal
from abaco_server.service import access
from abaco_server.service.actors import end_waiting
from abaco_server.service.desk import Desk
from abaco_server.service.messages import Arrival, Post, Receiver, receiver_of
from abaco_server.store import Connection, executions

_HOLD = timedelta(seconds=10)
"""For which a message that was taken back from a worker is given to no other."""


class Batches:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def check(self, principal: Principal, identifier: str) -> Receiver:
        """Whether a message could be sent at all: a refusal comes before a bad body's error."""
        return await self._desk.store.read(lambda conn: receiver_of(conn, principal, identifier))

    async def send(self, principal: Principal, identifier: str, posts: list[Post]) -> list[str]:
        """The ids of their executions, in order. All are on disk when this returns, or none."""
        desk = self._desk
        receiver = await self.check(principal, identifier)
        now = desk.clock.now()
        rows = [
            Arrival(
                principal=principal,
                identifier=identifier,
                post=post,
                execution_id=desk.new_execution_id(),
                at=now,
            ).rows(receiver)
            for post in posts
        ]

        def write(conn: Connection, kept: list[tuple[Execution, Message]]) -> None:
            receiver_of(conn, principal, receiver.id)  # it may have gone, or the right to it
            executions.insert_many(conn, [execution for execution, _ in kept])
            queue.put_many(conn, [(message, now) for _, message in kept])

        async with AsyncExitStack() as stack:
            kept = []
            for execution, message in rows:
                assert isinstance(message.body, bytes)
                body = await stack.enter_async_context(desk.store.keeping(message.body))
                kept.append((execution, replace(message, body=body)))
            await desk.store.write(lambda conn: write(conn, kept))
        for _ in rows:
            desk.accepted()
        desk.wake(receiver.id)
        return [execution.id for execution, _ in rows]

    async def cancel(
        self, principal: Principal, identifier: str, ids: Collection[str]
    ) -> list[str]:
        """Those of `ids` that waited: they are never run and end in ERROR. What runs, runs on."""
        now = self._desk.clock.now()

        def write(conn: Connection) -> tuple[str, list[str], list[str]]:
            actor = access.actor_for(conn, principal, identifier, Level.UPDATE)
            ended = end_waiting(conn, actor.id, CANCELLED, now, ids)
            left = executions.among(conn, actor.id, set(ids).difference(ended))
            return actor.id, ended, [one.id for one in left if not one.status.ended]

        actor_id, ended, left = await self._desk.store.write(write)
        if left:
            # Also when none are: they may be on their way back to the queue already.
            await self._desk.withdraw(left, _HOLD)
            _, more, _ = await self._desk.store.write(write)
            ended += more
        self._desk.failed(actor_id, ended)
        return ended
