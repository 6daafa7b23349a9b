"""What the installation does and has done (abaco-api.md, section 14).

Counted over all tenants, as the reference does: it is one machine that they share, and the
records of `/admin` name the tenant of each actor. Anybody may see how busy it is; the rest is for
admins.
"""

from abaco_jupyter.wire.errors import NotAuthorized
from abaco_server.model.principal import Principal
from abaco_server.model.usage import Accounts, ActorUse, Utilization, WorkerUse
from abaco_server.service.desk import Desk
from abaco_server.store import usage

NOT_ADMIN = "Abaco Admin role required."


class Administration:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def utilization(self) -> Utilization:
        return await self._desk.store.read(usage.utilization)

    async def actors(self, principal: Principal) -> list[ActorUse]:
        check(principal)
        return await self._desk.store.read(usage.of_actors)

    async def workers(self, principal: Principal) -> WorkerUse:
        check(principal)
        return await self._desk.store.read(usage.of_workers)

    async def executions(self, principal: Principal) -> Accounts:
        check(principal)
        return await self._desk.store.read(usage.accounts)

    async def metrics(self, principal: Principal) -> bytes:
        """Ours: all counters, in Prometheus's text format."""
        check(principal)
        return await self._desk.metrics()


def check(principal: Principal) -> None:
    """Raises NotAuthorized for all but admins."""
    if not principal.is_admin:
        raise NotAuthorized(NOT_ADMIN)
