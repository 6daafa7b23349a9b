"""Executions, their logs and their results (abaco-api.md, section 8)."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from abaco_jupyter.wire.codes import ExecutionStatus, Level
from abaco_jupyter.wire.errors import (
    ActorNotFound,
    ExecutionNotFound,
    ExecutionNotRunning,
    InvalidRequest,
    NotFound,
)
from abaco_server.model.actor import Actor
from abaco_server.model.execution import Execution, Totals
from abaco_server.model.principal import Principal
from abaco_server.service import access, fields
from abaco_server.service.desk import Desk
from abaco_server.service.fields import Fields
from abaco_server.store import Connection, StoredBody, actors, logs, results
from abaco_server.store import executions as rows

PAGE = 500
"""Executions read at a time: a list of any length blocks the loop no longer than this takes."""

INVALID = "Invalid actor execution description: "
MALFORMED = f"{INVALID}{fields.UNREADABLE}"

MOST_WORK = 10**15
"""Of each number of one record: 11 days of a CPU in nanoseconds. Thousands of such records still
leave room in the totals."""

_ACCOUNTING = (
    ("runtime", "Runtime, in milliseconds, of the execution."),
    ("cpu", "CPU usage, in user jiffies, of the execution."),
    (
        "io",
        "Block I/O usage, in number of 512-byte sectors read from and written to, "
        "by the execution.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    actor: Actor
    totals: Totals


class Executions:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def summary(self, principal: Principal, identifier: str) -> Summary:
        def read(conn: Connection) -> Summary:
            actor = access.actor_for(conn, principal, identifier, Level.READ)
            return Summary(actor=actor, totals=actors.totals(conn, actor.id))

        return await self._desk.store.read(read)

    async def pages(self, actor_id: str) -> AsyncIterator[list[Execution]]:
        """All of an actor that `summary` has let through, oldest first."""
        after = 0

        def read(conn: Connection) -> list[tuple[int, Execution]]:
            return rows.page(conn, actor_id, after_seq=after, limit=PAGE)

        while True:
            page = await self._desk.store.read(read)
            if page:
                yield [execution for _, execution in page]
                after = page[-1][0]
            if len(page) < PAGE:
                return

    async def newest(self, principal: Principal, identifier: str, limit: int) -> list[Execution]:
        """Ours: newest first."""

        def read(conn: Connection) -> list[Execution]:
            actor = access.actor_for(conn, principal, identifier, Level.READ)
            return rows.newest(conn, actor.id, limit)

        return await self._desk.store.read(read)

    async def labelled(
        self, principal: Principal, identifier: str, label: str, after: str | None, limit: int
    ) -> list[Execution]:
        """Ours: oldest first; hand in the last id as `after` for the next page."""

        def read(conn: Connection) -> list[Execution]:
            actor = access.actor_for(conn, principal, identifier, Level.READ)
            return rows.labelled(conn, actor.id, label, after, limit)

        return await self._desk.store.read(read)

    async def get(self, principal: Principal, identifier: str, execution_id: str) -> Execution:
        """Admins still find executions of an actor that was deleted."""

        def read(conn: Connection) -> Execution:
            try:
                return _one(conn, principal, identifier, execution_id, Level.READ)[1]
            except ActorNotFound:
                actor_id = access.resolve(conn, principal.tenant, identifier) or identifier
                kept = rows.get(conn, actor_id, execution_id)
                if kept is None or kept.tenant != principal.tenant or not principal.is_admin:
                    raise
                return kept

        return await self._desk.store.read(read)

    async def may_look(self, principal: Principal, identifier: str) -> str:
        """The actor's id, for who may read it."""
        actor = await self._desk.store.read(
            lambda conn: access.actor_for(conn, principal, identifier, Level.READ)
        )
        return actor.id

    async def among(
        self, principal: Principal, identifier: str, ids: Collection[str]
    ) -> list[Execution]:
        """Ours: those of `ids` that are this actor's, in the order of `ids`."""
        order = {execution_id: place for place, execution_id in enumerate(ids)}

        def read(conn: Connection) -> list[Execution]:
            actor = access.actor_for(conn, principal, identifier, Level.READ)
            return rows.among(conn, actor.id, order)

        found = await self._desk.store.read(read)
        return sorted(found, key=lambda execution: order[execution.id])

    async def check(self, principal: Principal, identifier: str) -> None:
        """Whether one may be added at all: a refusal comes before a bad body's error."""
        await self._desk.store.read(
            lambda conn: access.actor_for(conn, principal, identifier, Level.UPDATE)
        )

    async def account(self, principal: Principal, identifier: str, given: Fields) -> Execution:
        """A COMPLETE record of work that was done elsewhere, which the actor's totals count.

        In the reference no such request succeeds: it never asks for who the executor is.
        """
        desk = self._desk
        execution_id, now = desk.new_execution_id(), desk.clock.now()

        def write(conn: Connection) -> Execution:
            actor = access.actor_for(conn, principal, identifier, Level.UPDATE)
            work = _work(given)
            execution = Execution(
                id=execution_id,
                actor_id=actor.id,
                tenant=actor.tenant,
                api_server=actor.api_server,
                executor=principal.username,
                status=ExecutionStatus.SUBMITTED,
                message_received_time=now,
            )
            rows.insert_many(conn, [execution])
            # Its end is what moves the totals. When the work began and ended nobody has said.
            rows.complete(conn, execution_id, **work)
            return replace(execution, status=ExecutionStatus.COMPLETE, **work)

        return await desk.store.write(write)

    async def halt(self, principal: Principal, identifier: str, execution_id: str) -> None:
        """Returns at once; the execution becomes COMPLETE when its container has stopped."""
        _, execution = await self._desk.store.read(
            lambda conn: _one(conn, principal, identifier, execution_id, Level.UPDATE)
        )
        if execution.status is not ExecutionStatus.RUNNING:
            raise ExecutionNotRunning(
                "Cannot force quit an execution not in RUNNING status. "
                f"Execution was found in status: {execution.status}"
            )
        self._desk.halt(execution.id)

    async def log(
        self, principal: Principal, identifier: str, execution_id: str
    ) -> tuple[Actor, str]:
        """The log so far, running or ended; "" when there is none or it has expired."""
        now = self._desk.clock.now()
        # Asked first: a run that ends in between has its log on record when the read begins.
        live = self._desk.live_log(execution_id)

        def read(conn: Connection) -> tuple[Actor, str]:
            actor, _ = _one(conn, principal, identifier, execution_id, Level.READ)
            return actor, logs.get(conn, execution_id, now) if live is None else live

        return await self._desk.store.read(read)

    async def result(
        self, principal: Principal, identifier: str, execution_id: str, number: int
    ) -> StoredBody:
        """Ours: one of those that nobody has popped, 0 the oldest. It stays."""
        now = self._desk.clock.now()

        def read(conn: Connection) -> list[StoredBody]:
            _one(conn, principal, identifier, execution_id, Level.READ)
            return results.read(conn, execution_id, now)

        found = await self._desk.store.read(read)
        if not 0 <= number < len(found):
            raise NotFound(
                f"The execution {execution_id} has {len(found)} results that nobody has taken and "
                "that have not expired; they are numbered from 0."
            )
        return found[number]

    @asynccontextmanager
    async def popped(
        self, principal: Principal, identifier: str, execution_id: str
    ) -> AsyncIterator[StoredBody | None]:
        """Removes the oldest result; a large one is a file until the block ends.

        None: there is none, also of an execution that nobody knows.
        """
        now, store = self._desk.clock.now(), self._desk.store

        def pop(conn: Connection) -> tuple[str, StoredBody] | None:
            try:
                _one(conn, principal, identifier, execution_id, Level.READ)
            except ExecutionNotFound:
                return None
            return results.pop(conn, execution_id, now)

        key, body = await store.write(pop) or ("", None)
        try:
            yield body
        finally:
            if isinstance(body, Path):
                await store.write(lambda conn: results.forget(conn, execution_id, key))


def _work(given: Fields) -> dict[str, Any]:
    """`runtime`, `cpu` and `io` in the units of the record. Raises InvalidRequest."""
    for name, text in _ACCOUNTING:
        if given.get(name) is None:
            raise InvalidRequest(f"{INVALID}{ {name: text} }")
    work: dict[str, Any] = {}
    for name, _ in _ACCOUNTING:
        try:
            work[name] = int(fields.text(given[name]))
        except ValueError:
            raise InvalidRequest(f"Argument {name} must be an integer.") from None
        if not 0 <= work[name] <= MOST_WORK:
            raise InvalidRequest(
                f"Argument {name} must be from 0 to {MOST_WORK}; {work[name]} was given."
            )
    return work


def _one(
    conn: Connection, principal: Principal, identifier: str, execution_id: str, needed: Level
) -> tuple[Actor, Execution]:
    actor = access.actor_for(conn, principal, identifier, needed)
    execution = rows.get(conn, actor.id, execution_id)
    if execution is None:
        raise ExecutionNotFound(
            f"No executions found with actor id of {actor.id} and execution id of {execution_id}."
        )
    return actor, execution
