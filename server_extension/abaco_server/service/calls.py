"""Ours: what a channel of calls asks for (`wire.frames`), decided.

A call's id is granted before the call is sent. The grant is sealed, so it holds on the client's
next connection and after a restart of this server, and a group that is sent again is found on
record by its ids instead of being run twice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hmac import compare_digest

from abaco_jupyter.wire.codes import ContentType, ExecutionStatus
from abaco_jupyter.wire.errors import (
    ExecutionNotRunning,
    InvalidRequest,
    MessageTooLarge,
    NotAuthorized,
)
from abaco_jupyter.wire.frames import MAX_CALL, Block, Body
from abaco_jupyter.wire.ids import IdBlocks
from abaco_jupyter.wire.options import NO_OPTIONS, CallOptions
from abaco_server.model.execution import Execution, Finished
from abaco_server.model.principal import Principal
from abaco_server.service.batches import Batches
from abaco_server.service.desk import Desk
from abaco_server.service.executions import Executions
from abaco_server.service.messages import receiver_of
from abaco_server.service.payloads import Payloads
from abaco_server.store import Connection, StoredBody, arrivals, results
from abaco_server.store import executions as rows

Delivered = tuple[StoredBody, tuple[str, ...]]
"""A message's body, and the digests of the files beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Calls that are accepted together, or none of them."""

    ids: list[str]
    bodies: list[Body]
    kind: ContentType
    options: CallOptions = NO_OPTIONS
    again: bool
    """They may be on record already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How an execution ended: the record unless it ended well, results unless they are large."""

    finished: Finished
    record: Execution | None = None


class Calls:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._blocks = IdBlocks()
        self._payloads = Payloads(desk)
        self._batches = Batches(desk)
        self._executions = Executions(desk)

    async def admit(self, principal: Principal, identifier: str) -> str:
        """The id of the actor, for who may send it messages."""
        receiver = await self._batches.check(principal, identifier)
        return receiver.id

    def grant(self, principal: Principal, actor_id: str, count: int) -> Block:
        first = self._blocks.take(count)
        return Block(first, count, self._seal(principal, actor_id, first, count))

    def is_granted(self, principal: Principal, actor_id: str, block: Block) -> bool:
        seal = self._seal(principal, actor_id, block.first, block.count)
        return compare_digest(seal.encode(), block.seal.encode())

    async def accept(self, principal: Principal, actor_id: str, group: Group) -> None:
        """All are on disk when this returns, or none.

        Raises NotFound for a payload that is not here, and what `messages.send` raises.
        """
        desk = self._desk
        if group.again:
            group = await self._new_of(principal, actor_id, group)
        if not group.ids:
            return
        for body in group.bodies:
            _check(body, group.kind)
        pieces = [body for body in group.bodies if not isinstance(body, bytes)]
        sender = arrivals.Sender(
            actor_id=actor_id,
            tenant=principal.tenant,
            api_server=principal.api_server,
            executor=principal.username,
            content_type=group.kind,
            options=group.options,
            at=desk.clock.now(),
        )
        bodies: Sequence[Delivered] = [(one, ()) for one in group.bodies if isinstance(one, bytes)]

        def write(conn: Connection) -> int:
            # The right may have gone since the channel was opened.
            receiver_of(conn, principal, actor_id)
            calls = [(one, *body) for one, body in zip(group.ids, bodies, strict=True)]
            if group.again:
                there = _on_record(conn, group.ids, actor_id, principal)
                calls = [call for call in calls if call[0] not in there]
            if calls:
                arrivals.insert(conn, sender, calls)
            return len(calls)

        with self._payloads.held(principal, pieces):
            if pieces:
                bodies = await desk.store.aside(partial(self._bodies, group.bodies))
            count = await desk.store.write(write)
        for _ in range(count):
            desk.accepted()
        desk.wake(actor_id)

    async def _new_of(self, principal: Principal, actor_id: str, group: Group) -> Group:
        """Without those on record, whose payloads may be gone by now."""
        ids = group.ids
        there = await self._desk.store.read(lambda conn: _on_record(conn, ids, actor_id, principal))
        left = [pair for pair in zip(ids, group.bodies, strict=True) if pair[0] not in there]
        return replace(group, ids=[one for one, _ in left], bodies=[body for _, body in left])

    async def look(
        self, principal: Principal, actor_id: str, ids: Collection[str]
    ) -> list[Execution]:
        """Those of `ids` that are on record, in their order."""
        return await self._executions.among(principal, actor_id, ids)

    async def ends(
        self, principal: Principal, actor_id: str, finished: Sequence[Finished]
    ) -> list[End]:
        """What is not at hand is read: results, and the records of those that did not end well."""
        failed = [one.id for one in finished if not _well(one)]
        bare = [one.id for one in finished if one.results is None]
        if not failed and not bare:
            return [End(finished=one) for one in finished]
        now = self._desk.clock.now()

        def read(conn: Connection) -> tuple[dict[str, Execution], dict[str, list[StoredBody]]]:
            records = {one.id: one for one in rows.among(conn, actor_id, {*failed, *bare})}
            return records, results.kept(conn, bare, now)

        records, bodies = await self._desk.store.read(read)
        return [_end(one, records.get(one.id), bodies.get(one.id, [])) for one in finished]

    async def cancel(
        self, principal: Principal, actor_id: str, ids: Collection[str], *, force: bool
    ) -> list[str]:
        """Those that waited, and are not run. With `force` those that run are halted."""
        cancelled = await self._batches.cancel(principal, actor_id, ids)
        if force:
            left = set(ids).difference(cancelled)
            for one in await self.look(principal, actor_id, left):
                if one.status is ExecutionStatus.RUNNING:
                    await self.halt(principal, actor_id, one.id)
        return cancelled

    async def halt(self, principal: Principal, actor_id: str, execution_id: str) -> None:
        """Stop it, unless it has ended in the meantime."""
        try:
            await self._executions.halt(principal, actor_id, execution_id)
        except ExecutionNotRunning:
            return

    async def log(self, principal: Principal, actor_id: str, execution_id: str) -> str:
        return (await self._executions.log(principal, actor_id, execution_id))[1]

    def _bodies(self, bodies: Sequence[Body]) -> list[Delivered]:
        return [(one, ()) if isinstance(one, bytes) else self._payloads.call(one) for one in bodies]

    def _seal(self, principal: Principal, actor_id: str, first: str, count: int) -> str:
        facts = ("calls", principal.tenant, principal.username, actor_id, first, str(count))
        return self._desk.vault.mark("\0".join(facts))


def _check(pieces: Body, kind: ContentType) -> None:
    if not pieces and not isinstance(pieces, bytes):
        raise InvalidRequest("A call of no pieces has no body: send b'' for an empty one.")
    body, *beside = [pieces] if isinstance(pieces, bytes) else pieces
    if any(isinstance(one, bytes) for one in beside):
        raise InvalidRequest(
            "Of a call's pieces the first is the message, and the others are references."
        )
    if not isinstance(body, bytes):
        return
    if len(body) > MAX_CALL:
        raise MessageTooLarge(
            f"A call in a frame has at most {MAX_CALL} bytes, and this one has {len(body)}: upload "
            "it with PUT /abaco/v1/payloads/<sha256> and name it."
        )
    if kind is not ContentType.BINARY:
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"A call of the kind {kind} is UTF-8: {error}.") from None
        if "\0" in text:
            raise InvalidRequest(f"A call of the kind {kind} has no NUL.")


def _on_record(
    conn: Connection, ids: Collection[str], actor_id: str, principal: Principal
) -> Collection[str]:
    found = arrivals.on_record(conn, ids)
    for execution_id, whose in found.items():
        if whose != (actor_id, principal.username):
            raise NotAuthorized(f"The execution {execution_id} is somebody else's.")
    return found


def _well(one: Finished) -> bool:
    return one.status is ExecutionStatus.COMPLETE and one.exit_code == 0


def _end(one: Finished, record: Execution | None, bodies: list[StoredBody]) -> End:
    """`Finished` may know less than the record, and never more."""
    if one.results is None:
        small = [body for body in bodies if isinstance(body, bytes)]
        pushed = len(small) == len(bodies) and sum(map(len, small)) <= MAX_CALL
        one = Finished(
            id=one.id,
            status=one.status if record is None else record.status,
            exit_code=one.exit_code if record is None else record.exit_code,
            results=tuple(small) if pushed else None,
        )
    return End(finished=one, record=None if _well(one) else record)
