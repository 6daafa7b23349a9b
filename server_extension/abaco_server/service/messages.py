"""Second stop: decide. A message that may be sent becomes an execution, durably."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from abaco_jupyter.wire.codes import ActorStatus, ContentType, ExecutionStatus, Level
from abaco_jupyter.wire.errors import AbacoError, InvalidRequest, NotAuthorized
from abaco_jupyter.wire.options import NO_OPTIONS, CallOptions
from abaco_server import queue
from abaco_server.model.actor import Actor
from abaco_server.model.execution import Execution
from abaco_server.model.message import Message
from abaco_server.model.principal import Principal
from abaco_server.service import access
from abaco_server.service.actors import end_waiting
from abaco_server.service.desk import Desk
from abaco_server.store import MAX_INLINE, Connection, actors, executions

MAX_BEFORE_SYNCHRONOUS = 3
"""Waiting messages behind which a synchronous one is still taken."""

QUEUE_TOO_LONG = "Cannot issue synchronous execution when actor message queue > 0."
PURGED = "The actor's mailbox was purged before this message was run."


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What was posted, as it will be queued."""

    content_type: ContentType
    body: bytes
    environment: dict[str, Any] = field(default_factory=dict)
    options: CallOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """An actor that takes a message."""

    id: str
    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    execution_id: str
    receiver: Receiver


class Messages:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def send(self, principal: Principal, identifier: str, post: Post) -> Receipt:
        """On disk when this returns. Works in any status of the actor but SHUTTING_DOWN."""
        desk = self._desk
        item = Arrival(
            principal=principal,
            identifier=identifier,
            post=post,
            execution_id=desk.new_execution_id(),
            at=desk.clock.now(),
        )
        if len(post.body) > MAX_INLINE:
            receiver = await self.check(principal, identifier)
            if not await queue.submit(desk.store, *item.rows(receiver)):
                raise access.missing(principal, receiver.id)
        else:
            answer = await desk.store.write_each(_accept, item)
            if isinstance(answer, AbacoError):
                raise answer
            receiver = answer
        desk.accepted()
        desk.wake(receiver.id)
        return Receipt(execution_id=item.execution_id, receiver=receiver)

    async def check(self, principal: Principal, identifier: str) -> Receiver:
        """Whether a message could be sent at all: a refusal comes before a bad body's error."""
        return await self._desk.store.read(lambda conn: receiver_of(conn, principal, identifier))

    async def check_room(self, principal: Principal, identifier: str) -> None:
        """Whether a sender may wait for an answer: not behind a long queue."""

        def count(conn: Connection) -> int:
            return queue.waiting(conn, receiver_of(conn, principal, identifier).id)

        if await self._desk.store.read(count) > MAX_BEFORE_SYNCHRONOUS:
            raise InvalidRequest(QUEUE_TOO_LONG)

    async def waiting(self, principal: Principal, identifier: str) -> tuple[Actor, int]:
        """How many wait, not counting one that is being worked on."""

        def count(conn: Connection) -> tuple[Actor, int]:
            actor = access.actor_for(conn, principal, identifier, Level.READ)
            return actor, queue.waiting(conn, actor.id)

        return await self._desk.store.read(count)

    async def purge(self, principal: Principal, identifier: str) -> Actor:
        """What waits is never run: its executions end in ERROR."""
        now = self._desk.clock.now()

        def empty(conn: Connection) -> tuple[Actor, list[str]]:
            actor = access.actor_for(conn, principal, identifier, Level.UPDATE)
            return actor, end_waiting(conn, actor.id, PURGED, now)

        actor, ended = await self._desk.store.write(empty)
        self._desk.failed(actor.id, ended)
        return actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    principal: Principal
    identifier: str
    post: Post
    execution_id: str
    at: datetime

    def rows(self, receiver: Receiver) -> tuple[Execution, Message]:
        execution = Execution(
            id=self.execution_id,
            actor_id=receiver.id,
            tenant=self.principal.tenant,
            api_server=self.principal.api_server,
            executor=self.principal.username,
            status=ExecutionStatus.SUBMITTED,
            message_received_time=self.at,
            label=self.post.options.label,
            retry_of=self.post.options.retry_of,
        )
        message = Message(
            execution_id=self.execution_id,
            actor_id=receiver.id,
            content_type=self.post.content_type,
            body=self.post.body,
            environment=self.post.environment | self.post.options.environment,
            executor=self.principal.username,
        )
        return execution, message


def _accept(conn: Connection, arrivals: list[Arrival]) -> list[Receiver | AbacoError]:
    """One group of messages: each right is looked up once, all rows go in by two inserts.

    The check stands in the transaction of the insert, so it needs no read of its own and no
    cache that could be old. A refusal is a value: raising would undo the whole group.
    """
    known: dict[tuple[Principal, str], Receiver | AbacoError] = {}
    answers: list[Receiver | AbacoError] = []
    accepted: list[tuple[Execution, Message]] = []
    for arrival in arrivals:
        who = (arrival.principal, arrival.identifier)
        if who not in known:
            try:
                known[who] = receiver_of(conn, *who)
            except AbacoError as refusal:
                known[who] = refusal
        answer = known[who]
        answers.append(answer)
        if isinstance(answer, Receiver):
            accepted.append(arrival.rows(answer))
    if accepted:
        executions.insert_many(conn, [execution for execution, _ in accepted])
        queue.put_many(
            conn, [(message, execution.message_received_time) for execution, message in accepted]
        )
    return answers


def receiver_of(conn: Connection, principal: Principal, identifier: str) -> Receiver:
    actor_id = access.identified(conn, principal.tenant, identifier)
    found = actors.addressee(conn, principal.tenant, actor_id)
    if found is None:
        raise access.missing(principal, actor_id)
    owner, status = found
    if not access.allows(conn, principal, actor_id, Level.EXECUTE):
        raise NotAuthorized(access.NO_ACCESS)
    if status is ActorStatus.SHUTTING_DOWN:
        raise access.missing(principal, actor_id)
    return Receiver(id=actor_id, owner=owner)
