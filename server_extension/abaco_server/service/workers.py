"""The workers of an actor: shown, asked for, removed (abaco-api.md, section 9)."""

from dataclasses import dataclass

from abaco_jupyter.wire.codes import ActorStatus, Level, WorkerStatus
from abaco_jupyter.wire.errors import InvalidRequest, NotAuthorized, WorkerNotFound
from abaco_server.model.actor import Actor
from abaco_server.model.principal import Principal
from abaco_server.model.worker import Worker
from abaco_server.service import access, fields
from abaco_server.service.desk import Desk
from abaco_server.service.fields import Fields
from abaco_server.store import Connection
from abaco_server.store import workers as rows

INVALID = "Invalid POST: "
MALFORMED = f"{INVALID}{fields.UNREADABLE}"
ONLY_ADMINS = "Not authorized -- only admins are authorized to update workers."
_HELP = {"num": "Number of workers to start (default is 1)."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensured:
    asked: int
    before: int
    """Workers that the actor had already."""


class Workers:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list(self, principal: Principal, identifier: str) -> list[Worker]:
        def read(conn: Connection) -> list[Worker]:
            actor = access.actor_for(conn, principal, identifier, Level.READ)
            return rows.of_actor(conn, actor.id)

        return await self._desk.store.read(read)

    async def get(self, principal: Principal, identifier: str, worker_id: str) -> Worker:
        def read(conn: Connection) -> Worker:
            actor = access.actor_for(conn, principal, identifier, Level.READ)
            return _worker(conn, actor, worker_id)

        return await self._desk.store.read(read)

    async def check(self, principal: Principal, identifier: str) -> Actor:
        """Whether workers may be asked for at all: that is for admins."""

        def read(conn: Connection) -> Actor:
            access.identified(conn, principal.tenant, identifier)
            if not principal.is_admin:
                raise NotAuthorized(ONLY_ADMINS)
            return access.actor_for(conn, principal, identifier, Level.UPDATE)

        return await self._desk.store.read(read)

    async def ensure(self, principal: Principal, identifier: str, given: Fields) -> Ensured:
        """At least so many workers; they leave as all others do when they have no work."""
        actor = await self.check(principal, identifier)
        asked = _number(given)
        _check_limit(actor, asked, self._desk.config.max_workers)
        before = await self._desk.ensure_workers(actor, asked)
        return Ensured(asked=asked, before=before)

    async def remove(self, principal: Principal, identifier: str, worker_id: str) -> None:
        """It finishes what it runs, then it is gone."""

        def write(conn: Connection) -> Actor:
            actor = access.actor_for(conn, principal, identifier, Level.UPDATE)
            worker = _worker(conn, actor, worker_id)
            rows.set_status(conn, worker.id, WorkerStatus.SHUTDOWN_REQUESTED)
            return actor

        actor = await self._desk.store.write(write)
        self._desk.remove_worker(actor.id, worker_id)


def _worker(conn: Connection, actor: Actor, worker_id: str) -> Worker:
    worker = rows.get(conn, actor.id, worker_id)
    if worker is None:
        raise WorkerNotFound("Worker not found.")
    return worker


def _number(given: Fields) -> int:
    """0 counts as not said."""
    value = given.get("num")
    try:
        return (0 if value is None else fields.count(value)) or 1
    except (ValueError, TypeError):
        raise InvalidRequest(f"{INVALID}{_HELP}") from None


def _check_limit(actor: Actor, asked: int, max_workers: int) -> None:
    if actor.status is ActorStatus.SHUTTING_DOWN:
        raise InvalidRequest(f"{INVALID}actor {actor.id} is being deleted.")
    if not actor.stateless:
        limit = 1
        why = "it is stateful, so its messages run one at a time"
    elif actor.max_workers:
        limit, why = actor.max_workers, "its maxWorkers; update the actor to have more"
    else:
        limit = max_workers
        why = "the max_workers of this server; set the actor's own maxWorkers to have more"
    if asked > limit:
        raise InvalidRequest(
            f"{INVALID}actor {actor.id} has at most {limit} worker(s), not {asked}: {why}."
        )
