"""The private state of a stateful actor (abaco-api.md, section 9)."""

from dataclasses import replace
from typing import Any

from abaco_jupyter.wire.codes import Level
from abaco_jupyter.wire.errors import ActorIsStateless, InvalidRequest
from abaco_server.model.actor import Actor
from abaco_server.model.principal import Principal
from abaco_server.service import access
from abaco_server.service.desk import Desk
from abaco_server.store import Connection, actors

UNFIT = "Invalid actor state description: state must be JSON serializable."


class States:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get(self, principal: Principal, identifier: str) -> Any:
        """Stateless actors may be asked as well."""
        actor = await self._desk.store.read(
            lambda conn: access.actor_for(conn, principal, identifier, Level.READ)
        )
        return actor.state

    async def set(self, principal: Principal, identifier: str, state: Any) -> Actor:
        """Any JSON value but an empty or false one."""

        def write(conn: Connection) -> Actor:
            actor = access.actor_for(conn, principal, identifier, Level.UPDATE)
            if actor.stateless:
                raise ActorIsStateless("actor is stateless.")
            if not state:
                raise InvalidRequest(UNFIT)
            actors.set_state(conn, actor.id, state)
            return replace(actor, state=state)

        return await self._desk.store.write(write)
