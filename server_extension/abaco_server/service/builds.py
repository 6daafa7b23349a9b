"""Builds, ours: an image is made before there is an actor."""

from collections.abc import AsyncIterator

from abaco_jupyter.wire.errors import BuildNotFound, NotAuthorized, RunnerUnavailable
from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.model.build import Build, BuildPlan
from abaco_server.model.principal import Principal
from abaco_server.service.desk import BuildStep, Desk, Workbench


class Builds:
    """Equal specs that are asked for at once share one build, so everybody in the tenant who
    was told its id may follow it; only its owner may stop it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def start(self, principal: Principal, spec: BuildSpec) -> Build:
        return await self._bench.start(spec, principal.username, principal.tenant)

    async def plan(self, spec: BuildSpec) -> BuildPlan:
        """What a build would be; nothing is begun, so nobody's right is asked."""
        return await self._bench.plan(spec)

    async def get(self, principal: Principal, build_id: str) -> Build:
        build = await self._bench.get(build_id)
        if build is None or build.tenant != principal.tenant:
            raise BuildNotFound(f"No build found with id: {build_id}.")
        return build

    async def cancel(self, principal: Principal, build_id: str) -> Build:
        build = await self.get(principal, build_id)
        if not (principal.is_admin or build.owner == principal.username):
            raise NotAuthorized("Not authorized -- you do not have access to this build.")
        await self._bench.cancel(build_id)
        return await self.get(principal, build_id)

    async def follow(
        self, principal: Principal, build_id: str, offset: int
    ) -> AsyncIterator[BuildStep | Build]:
        """What `Workbench.follow` yields; the right is checked before the first item is made."""
        await self.get(principal, build_id)
        return self._bench.follow(build_id, offset)

    @property
    def _bench(self) -> Workbench:
        if self._desk.workbench is None:
            raise RunnerUnavailable("This server cannot build images: it has no builder.")
        return self._desk.workbench
