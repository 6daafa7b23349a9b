"""Actors: made, shown, replaced, removed (abaco-api.md, section 6)."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from abaco_jupyter.wire.codes import ActorStatus, ExecutionStatus, Level
from abaco_jupyter.wire.errors import ActorNotFound, InvalidRequest
from abaco_server import queue
from abaco_server.model.actor import Actor
from abaco_server.model.principal import Principal
from abaco_server.service import access, cron_schedule, fields, links, placement
from abaco_server.service.desk import Desk
from abaco_server.service.fields import Fields
from abaco_server.service.placement import Account
from abaco_server.store import Connection, executions, logs, nonces, permissions, schedules
from abaco_server.store import actors as rows

ACTOR_DELETED = "The actor was deleted before this message was run."


class Actors:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, principal: Principal) -> list[Actor]:
        """Those on which the user has READ; an admin sees no more."""
        return await self._desk.store.read(
            lambda conn: rows.owned_or_shared(conn, principal.tenant, principal.username)
        )

    async def get(self, principal: Principal, identifier: str) -> Actor:
        return await self._desk.store.read(
            lambda conn: access.actor_for(conn, principal, identifier, Level.READ, itself=True)
        )

    async def create(self, principal: Principal, given: Fields) -> Actor:
        desk = self._desk
        fields.check_role(principal, given)
        values = fields.parse(given, queues=desk.config.queues)
        account = await self._account(principal)
        values |= placement.place(desk.config.placement, principal, account, values)
        now = desk.clock.now()
        actor = Actor(
            id=desk.new_id(),
            tenant=principal.tenant,
            owner=principal.username,
            api_server=principal.api_server,
            status=ActorStatus.SUBMITTED,
            create_time=now,
            last_update_time=now,
            **values,
        )
        if actor.cron_schedule:
            schedule = cron_schedule.parse(actor.cron_schedule, now)
            actor = replace(actor, cron_on=True, cron_next_ex=schedule.next_text)

        def insert(conn: Connection) -> None:
            links.check(conn, principal, actor.link)
            rows.insert(conn, actor)
            links.remember(conn, principal, actor.id, actor.link)
            permissions.set(conn, actor.id, principal.username, Level.UPDATE)

        await desk.store.write(insert)
        desk.stirred(actor.id)
        desk.wake(actor.id)
        if actor.cron_schedule:
            desk.clock_set()
        return actor

    async def update(self, principal: Principal, identifier: str, given: Fields) -> Actor:
        """A full replacement: what `given` leaves out goes back to its default."""
        desk = self._desk
        fields.check_role(principal, given)
        now = desk.clock.now()
        account = await self._account(principal)

        def place(values: dict[str, Any]) -> dict[str, Any]:
            return placement.place(desk.config.placement, principal, account, values)

        def put(conn: Connection) -> tuple[Actor, bool]:
            before = access.actor_for(conn, principal, identifier, Level.UPDATE)
            after = _replaced(before, given, now, desk.config.queues, place)
            links.check(conn, principal, after.link, source=before)
            restart = after.revision != before.revision
            if restart and not rows.set_status(conn, before.id, after.status, None):
                raise InvalidRequest(f"Actor {before.id} is being deleted: it takes no update.")
            rows.replace(conn, after)
            links.remember(conn, principal, after.id, after.link)
            if principal.username != before.owner:
                permissions.set(conn, before.id, principal.username, Level.UPDATE)
            return after, restart

        actor, restart = await desk.store.write(put)
        desk.stirred(actor.id)
        if restart:
            desk.refresh(actor.id)
        else:
            desk.changed(actor.id)
        if actor.cron_schedule:
            desk.clock_set()
        return actor

    async def delete(self, principal: Principal, identifier: str) -> bool:
        """Whether everything was gone in time; False: cleaning up goes on."""
        desk = self._desk

        def shut(conn: Connection) -> str | None:
            try:
                actor = access.actor_for(conn, principal, identifier, Level.UPDATE)
            except ActorNotFound:
                if access.resolve(conn, principal.tenant, identifier) is None:
                    raise
                return None  # An admin deleting what does not exist is told that it is gone.
            rows.set_status(conn, actor.id, ActorStatus.SHUTTING_DOWN, None)
            return actor.id

        actor_id = await desk.store.write(shut)
        return True if actor_id is None else await self._retire(actor_id)

    async def finish_deletions(self) -> None:
        """Those that an earlier life of the service began and did not live to end."""
        for actor_id in await self._desk.store.read(rows.leaving):
            await self._retire(actor_id)

    async def _account(self, principal: Principal) -> Account | None:
        desk = self._desk
        return await placement.look_up(
            desk.config.placement, desk.account, desk.store, principal.username
        )

    async def _retire(self, actor_id: str) -> bool:
        desk = self._desk
        desk.stirred(actor_id)
        clean = await desk.retire(actor_id)
        now = desk.clock.now()
        ended = await desk.store.write(lambda conn: _remove(conn, actor_id, now))
        desk.failed(actor_id, ended)
        desk.stirred(actor_id)
        return clean


def end_waiting(
    conn: Connection,
    actor_id: str,
    reason: str,
    now: datetime,
    among: Collection[str] | None = None,
) -> list[str]:
    """Take what waits off the queue, all or `among` these; its executions end in ERROR. Their
    ids."""
    ended = queue.purge(conn, actor_id, among)
    for execution_id in ended:
        executions.end(
            conn, execution_id, status=ExecutionStatus.ERROR, reason=reason, finish_time=now
        )
    return ended


def _remove(conn: Connection, actor_id: str, now: datetime) -> list[str]:
    """Executions stay. A run that outlives its actor is recorded by whoever runs it.

    Returns those that waited and will never run.
    """
    ended = end_waiting(conn, actor_id, ACTOR_DELETED, now)
    queue.delete_of_actor(conn, actor_id)
    logs.delete_of_actor(conn, actor_id)
    permissions.delete_all(conn, actor_id)
    permissions.delete_all(conn, permissions.of_link(actor_id))
    nonces.delete_of_actor(conn, actor_id)
    schedules.delete_of_actor(conn, actor_id)
    rows.delete(conn, actor_id)
    return ended


def _replaced(
    before: Actor,
    given: Fields,
    now: datetime,
    queues: tuple[str, ...],
    place: Callable[[dict[str, Any]], dict[str, Any]],
) -> Actor:
    """`place` says where and as whom the new one runs: that goes by who updates it."""
    values = fields.parse(given, queues=queues, put=True)
    if values["stateless"] and not before.stateless:
        raise InvalidRequest(
            f"{fields.INVALID}an actor that was not stateless cannot be updated to be stateless."
        )
    schedule, next_ex = before.cron_schedule, before.cron_next_ex
    if values["cron_schedule"] and values["cron_schedule"] != schedule:
        schedule = values["cron_schedule"]
        next_ex = cron_schedule.parse(schedule, now).next_text
    values |= {"cron_schedule": schedule, "cron_next_ex": next_ex} | place(values)
    after = replace(before, **values, state={}, last_update_time=now)
    if values["image"] == before.image and not fields.force(given):
        return after
    return replace(
        after,
        status=ActorStatus.SUBMITTED,
        status_message=None,
        revision=before.revision + 1,
    )
