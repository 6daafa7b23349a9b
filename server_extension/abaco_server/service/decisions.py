"""Why an actor has as many workers as it has (ours)."""

from abaco_jupyter.wire.codes import Level
from abaco_server.model.decision import Decision
from abaco_server.model.principal import Principal
from abaco_server.service import access
from abaco_server.service.desk import Desk


class Decisions:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def newest(self, principal: Principal, identifier: str) -> list[Decision]:
        """Those that are still in memory, newest first."""
        actor = await self._desk.store.read(
            lambda conn: access.actor_for(conn, principal, identifier, Level.READ)
        )
        return self._desk.decisions(actor.id)
