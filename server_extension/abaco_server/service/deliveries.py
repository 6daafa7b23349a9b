"""Events on their way to webhooks, as they are shown (ours)."""

from abaco_jupyter.wire.codes import Level
from abaco_server.model.delivery import Delivery
from abaco_server.model.principal import Principal
from abaco_server.service import access
from abaco_server.service.desk import Desk
from abaco_server.store import Connection
from abaco_server.store import deliveries as rows


class Deliveries:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def newest(self, principal: Principal, identifier: str, limit: int) -> list[Delivery]:
        """Newest first."""

        def read(conn: Connection) -> list[Delivery]:
            actor = access.actor_for(conn, principal, identifier, Level.READ)
            return rows.newest(conn, actor.id, limit)

        return await self._desk.store.read(read)
