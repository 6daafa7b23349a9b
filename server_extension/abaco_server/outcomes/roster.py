"""What the workers have to know and say about actors and about themselves."""

import logging
import socket
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from abaco_jupyter.wire.codes import ActorStatus, EventType, WorkerStatus
from abaco_jupyter.wire.errors import ActorNotFound
from abaco_server import queue
from abaco_server.model.actor import Actor
from abaco_server.model.clock import Clock
from abaco_server.model.event import Event
from abaco_server.model.worker import Worker
from abaco_server.store import Connection, Store, actors, outbox, workers

log = logging.getLogger(__name__)

READY_MESSAGE = " "
"""Abaco's statusMessage of a READY actor is one blank (section 11)."""

MANY = 1000
"""More messages than this need no exact count: no actor has that many workers."""


ConfigsOf = Callable[[Connection, Actor], dict[str, str]]
"""The values that an execution of this actor is given, by the names of their configs."""


def _no_configs(conn: Connection, actor: Actor) -> dict[str, str]:
    return {}


def _nobody_looks(_: str) -> None:
    """Nobody is shown anything."""


class Roster:
    """Actors and their workers. `noted` is called after an event went into the outbox."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        noted: Callable[[], None],
        *,
        location: str,
        configs_of: ConfigsOf = _no_configs,
        stirred: Callable[[str], None] = _nobody_looks,
    ) -> None:
        """`stirred` is told of each actor that is shown with another status or worker."""
        self._store = store
        self._clock = clock
        self._noted = noted
        self._location = location
        self._configs_of = configs_of
        self._stirred = stirred
        self._host_id = socket.gethostname()

    async def look(
        self, actor_ids: Iterable[str], *, in_error: bool = True
    ) -> list[tuple[Actor, int]]:
        """These actors, as far as they are there, with the number of messages that wait."""
        unwanted = {ActorStatus.SHUTTING_DOWN, *(() if in_error else (ActorStatus.ERROR,))}

        def work(conn: Connection) -> list[tuple[Actor, int]]:
            found = (actors.get_any(conn, actor_id) for actor_id in actor_ids)
            return [
                (actor, queue.waiting(conn, actor.id, up_to=MANY))
                for actor in found
                if actor is not None and actor.status not in unwanted
            ]

        return await self._store.read(work)

    async def who_has_waiting(self) -> list[str]:
        """The ids of all actors for which a message waits, due or not."""
        return await self._store.read(queue.who_has_waiting)

    async def actor(self, actor_id: str) -> Actor | None:
        return await self._store.read(lambda conn: actors.get_any(conn, actor_id))

    async def actor_with_configs(self, actor_id: str) -> tuple[Actor, dict[str, str]] | None:
        """What a run has to know of its actor, in one look."""

        return await self._store.read(lambda conn: self.actor_of_run(conn, actor_id))

    def actor_of_run(self, conn: Connection, actor_id: str) -> tuple[Actor, dict[str, str]] | None:
        """As `actor_with_configs`, in somebody else's transaction."""
        actor = actors.get_any(conn, actor_id)
        return None if actor is None else (actor, self._configs_of(conn, actor))

    async def actors_with_waiting(self) -> list[str]:
        found = await self._store.read(actors.with_waiting)
        return [actor.id for actor in found]

    async def begin_worker(self, actor_id: str, worker_id: str, image: str) -> None:
        """A record for a new worker, up to the point where its image is pulled."""
        now = self._clock.now()

        def work(conn: Connection) -> None:
            actor = actors.get_any(conn, actor_id)
            if actor is None:
                raise ActorNotFound(f"Actor {actor_id} was deleted")
            worker = Worker(
                id=worker_id,
                actor_id=actor_id,
                tenant=actor.tenant,
                status=WorkerStatus.REQUESTED,
                create_time=now,
                image=image,
                location=self._location,
                host_id=self._host_id,
                host_ip="127.0.0.1",
            )
            workers.insert(conn, worker)
            workers.set_status(conn, worker_id, WorkerStatus.SPAWNER_SETUP)
            workers.set_status(conn, worker_id, WorkerStatus.PULLING_IMAGE)

        await self._store.write(work)
        self._stirred(actor_id)

    async def worker_ready(self, worker_id: str) -> None:
        def work(conn: Connection) -> str | None:
            workers.set_status(conn, worker_id, WorkerStatus.CREATING_CONTAINER)
            workers.set_status(
                conn, worker_id, WorkerStatus.READY, last_health_check_time=self._clock.now()
            )
            return workers.actor_of(conn, worker_id)

        if (actor_id := await self._store.write(work)) is not None:
            self._stirred(actor_id)

    async def end_worker(self, worker_id: str) -> None:
        def work(conn: Connection) -> str | None:
            actor_id = workers.actor_of(conn, worker_id)
            workers.delete(conn, worker_id)
            return actor_id

        if (actor_id := await self._store.write(work)) is not None:
            self._stirred(actor_id)

    async def checked(self, worker_ids: Sequence[str], *, stray_after: timedelta) -> None:
        """These workers are well. Others that are older than this have no business here."""
        now = self._clock.now()

        def work(conn: Connection) -> int:
            workers.set_checked(conn, worker_ids, now)
            return workers.delete_unchecked(conn, now, made_before=now - stray_after)

        if strays := await self._store.write(work):
            log.warning("%d records of workers that nobody knows were removed", strays)

    async def forget_workers(self) -> None:
        """The workers of an earlier life."""
        await self._store.write(workers.delete_all)

    async def actor_ready(self, actor_id: str) -> None:
        await self._change(actor_id, ActorStatus.READY, READY_MESSAGE, EventType.ACTOR_READY)

    async def actor_error(self, actor_id: str, message: str) -> None:
        await self._change(actor_id, ActorStatus.ERROR, message, EventType.ACTOR_ERROR)

    async def _change(
        self, actor_id: str, status: ActorStatus, message: str, event_type: EventType
    ) -> None:
        """Status and event in one transaction; a status that the actor has already is no event."""
        now = self._clock.now()

        def work(conn: Connection) -> bool:
            actor = actors.get_any(conn, actor_id)
            if actor is None or (actor.status is status and actor.status_message == message):
                return False
            changed = actors.set_status(conn, actor_id, status, message)
            if changed and actor.status is not status:
                facts: dict[str, Any] = {"status_message": message}
                outbox.append(
                    conn,
                    Event(
                        type=event_type,
                        actor_id=actor_id,
                        tenant=actor.tenant,
                        time=now,
                        facts=facts,
                    ),
                )
            return changed

        if await self._store.write(work):
            self._noted()
            self._stirred(actor_id)
