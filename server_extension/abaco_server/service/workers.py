"""The workers of an actor, as they are shown (abaco-api.md, section 9)."""

from abaco_jupyter.wire.codes import Level
from abaco_jupyter.wire.errors import WorkerNotFound
from abaco_server.model.principal import Principal
from abaco_server.model.worker import Worker
from abaco_server.service import access
from abaco_server.service.desk import Desk
from abaco_server.store import Connection
from abaco_server.store import workers as rows


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
            worker = rows.get(conn, actor.id, worker_id)
            if worker is None:
                raise WorkerNotFound("Worker not found.")
            return worker

        return await self._desk.store.read(read)
