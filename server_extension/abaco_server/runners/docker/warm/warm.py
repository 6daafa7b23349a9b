"""The runner's side of containers that wait: take one, give it back, know one again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from abaco_server.model.task import Handle, Place, RunFailed, Task
from abaco_server.runners.docker import container as shape
from abaco_server.runners.docker.containers import Containers
from abaco_server.runners.docker.engine import Engine
from abaco_server.runners.docker.images import Image
from abaco_server.runners.docker.warm import claim
from abaco_server.runners.docker.warm.demand import WarmPolicy
from abaco_server.runners.docker.warm.maker import SpareMaker
from abaco_server.runners.docker.warm.pool import Spares
from abaco_server.runners.docker.warm.spare import Spare, SpareLost

_log = logging.getLogger(__name__)
_MOMENT = 0.1
"""Seconds after which a running command's container gets its execution's name."""


class Warm:
    def __init__(
        self,
        engine: Engine,
        containers: Containers,
        image: Callable[[str], Awaitable[Image]],
        run_dir: Path,
        policy: WarmPolicy,
    ) -> None:
        self._containers = containers
        self._maker = SpareMaker(engine=engine, containers=containers, image=image, run_dir=run_dir)
        self._naming: dict[str, _Naming] = {}
        self._uses = policy.uses
        self._spares = Spares(self._maker.make, self._maker.drop, policy)

    def __len__(self) -> int:
        """How many wait now."""
        return len(self._spares)

    @property
    def making(self) -> int:
        return self._spares.making

    def gave_up(self, place: Place) -> bool:
        """No container can wait there."""
        return self._spares.gave_up(place)

    def refuse(self, place: Place) -> None:
        """The actor's command does not start, so that nothing has to wait for it."""
        self._spares.refuse(place)

    def expect(self, place: Place) -> None:
        """Messages may come for this place soon."""
        self._spares.expect(place)

    async def take(self, task: Task, image: Image) -> Spare | None:
        spare = await self._spares.take(task.place, image.id)
        if spare is not None:
            self._maker.forget(spare)
        return spare

    async def give_back(self, spare: Spare, path: Path) -> None:
        """It waits for the next execution; `path` is its directory. Raises SpareLost, OSError."""
        if spare.uses + 1 >= self._uses:
            raise SpareLost(f"it served {spare.uses + 1} executions")
        self._spares.give_back(await self._maker.reclaim(spare, path))

    def lose(self, spare: Spare) -> None:
        """It serves nobody else."""
        spare.control.close()
        self._spares.lose(spare)

    async def drop(self, spare: Spare) -> None:
        await self._maker.drop(spare)

    async def close(self) -> None:
        await self._spares.close()
        for execution_id in list(self._naming):
            await self.settled(execution_id)

    # ---- knowing one again -------------------------------------------------------------------

    def begin_naming(self, container_id: str, execution_id: str) -> None:
        """In a moment, as it costs the processor more than most commands do."""
        naming = _Naming(container_id=container_id, execution_id=execution_id)
        naming.timer = asyncio.get_running_loop().call_later(_MOMENT, self._start_naming, naming)
        self._naming[execution_id] = naming

    def _start_naming(self, naming: "_Naming") -> None:
        naming.task = asyncio.create_task(self._name(naming.container_id, naming.execution_id))

    async def settled(self, execution_id: str) -> None:
        """Returns when its container changes its name no more."""
        naming = self._naming.pop(execution_id, None)
        if naming is None:
            return
        if naming.timer is not None:
            naming.timer.cancel()
        if naming.task is not None:
            await asyncio.wait([naming.task])

    async def _name(self, container_id: str, execution_id: str) -> None:
        """As containers that were made for their message are called."""
        try:
            await self._containers.rename(container_id, shape.name(execution_id))
        except RunFailed as failure:
            # An heir finds it by its claim all the same.
            _log.info("a container keeps its name: %s", failure.reason)

    def is_ours(self, name: str) -> bool:
        """Whether a container or directory of this name waits in this life of the service."""
        return name in self._maker.names

    async def identify(self, claimed: claim.Claim) -> Handle:
        """The run of a container that waited in an earlier life."""
        await self._name(claimed.container_id, claimed.execution_id)
        return Handle(
            execution_id=claimed.execution_id,
            actor_id=claimed.actor_id,
            worker_id=claimed.worker_id,
            image=claimed.image,
            facts={"container": claimed.container_id},
        )


@dataclass(slots=True, kw_only=True)
class _Naming:
    container_id: str
    execution_id: str
    timer: asyncio.TimerHandle | None = None
    task: "asyncio.Task[None] | None" = None


def claims(paths: list[Path]) -> dict[str, claim.Claim]:
    """By container id; blocking."""
    found = [claim.read(path) for path in paths]
    return {one.container_id: one for one in found if one is not None}
