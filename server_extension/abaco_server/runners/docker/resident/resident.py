"""The runner's side of containers that stay."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Sequence, Set
from datetime import timedelta
from functools import partial
from pathlib import Path

from abaco_server.model.task import Ended, FailureKind, Group, Isolation, Member, Place, RunFailed
from abaco_server.runners.docker.containers import Containers, internal
from abaco_server.runners.docker.engine import Engine, EngineGone
from abaco_server.runners.docker.images import Image
from abaco_server.runners.docker.resident.heirs import Heirs
from abaco_server.runners.docker.resident.maker import NotStaying, StayMaker
from abaco_server.runners.docker.resident.policy import ReusePolicy
from abaco_server.runners.docker.resident.pool import Guest, Stays
from abaco_server.runners.protocol import GroupWatch
from abaco_server.runners.resident.frames import MAX_MEMBERS
from abaco_server.runners.resident.stay import Stay

_log = logging.getLogger(__name__)
_TRIES = 3
"""Containers that may end in a row before an execution of a group has begun."""
_REMEMBERED = 10_000


class _Batch:
    """A group, on its way from one container to the next."""

    def __init__(self, rest: list[Member]) -> None:
        self.rest = rest
        """That were not told as ended."""
        self.withdrawn: set[str] = set()

    def withdraw(self, wanted: Set[str]) -> list[str]:
        """Of those that no container has."""
        found = [one.execution_id for one in self.rest if one.execution_id in wanted]
        self.withdrawn.update(found)
        self.rest = [one for one in self.rest if one.execution_id not in self.withdrawn]
        return found


class Resident:
    def __init__(
        self,
        engine: Engine,
        containers: Containers,
        run_dir: Path,
        grace: timedelta,
        policy: ReusePolicy,
    ) -> None:
        self.maker = StayMaker(engine=engine, containers=containers, run_dir=run_dir, grace=grace)
        self.heirs = Heirs(self.maker, containers, engine.threads, grace)
        self._containers = containers
        self._stays = Stays(self.maker.make, self.maker.drop, policy)
        self._running: set[Stay] = set()
        self._unfit: set[str] = set()
        """Ids of images whose interpreter does not come up."""
        self._past: deque[str] = deque(maxlen=_REMEMBERED)
        self._known: set[str] = set()
        self._batches: list[_Batch] = []

    def __len__(self) -> int:
        """How many are idle."""
        return len(self._stays)

    def suits(self, place: Place, image: Image) -> bool:
        shares = place.isolation is not Isolation.CONTAINER
        return shares and image.has_resident and image.id not in self._unfit

    async def expect(self, place: Place, image: Image) -> None:
        """Returns when a container stays for one more worker, or cannot."""
        await self._stays.expect(place, image)

    async def close(self) -> None:
        """What runs is left alone; await or cancel its calls before."""
        await self._stays.close()
        await self.heirs.close()

    def is_ours(self, name: str) -> bool:
        """Whether a container or directory of this name belongs to this life of the service."""
        return name in self.maker.names

    # ---- a group -----------------------------------------------------------------------------

    async def run_group(self, group: Group, image: Image, watch: GroupWatch) -> Sequence[Member]:
        """Those that cannot be run this way; none: all were told."""
        batch = _Batch(list(group.members))
        self._batches.append(batch)
        try:
            return await self._run_batch(group, image, batch, watch)
        finally:
            self._batches.remove(batch)

    async def _run_batch(
        self, group: Group, image: Image, batch: "_Batch", watch: GroupWatch
    ) -> Sequence[Member]:
        failures = 0
        while batch.rest:
            try:
                guest = await self._stays.take(group.place, image)
            except NotStaying as error:
                _log.warning("no interpreter stays in containers of %s: %s", image.id, error)
                self._unfit.add(image.id)
                return batch.rest
            except (RunFailed, EngineGone, OSError) as error:
                failure = error if isinstance(error, RunFailed) else internal(error)
                await _fail(batch.rest, failure, watch)
                return ()
            before = len(batch.rest)
            await self._run(guest, group, batch, watch)
            failures = 0 if len(batch.rest) < before else failures + 1
            if failures == _TRIES:
                reason = f"{_TRIES} containers ended before it began, the last so: "
                reason += await self.maker.why(guest.stay)
                await _fail(batch.rest, RunFailed(FailureKind.INTERNAL, reason), watch)
                return ()
        return ()

    async def _run(self, guest: Guest, group: Group, batch: "_Batch", watch: GroupWatch) -> None:
        stay, members = guest.stay, batch.rest[:MAX_MEMBERS]
        self._running.add(stay)
        try:
            why = partial(self.maker.why, stay)
            left = await stay.run(group, members, watch, why, batch.withdrawn)
        except BaseException:
            # The service stops: its heir finds the group by the directory.
            stay.close()
            self.maker.forget(stay)
            raise
        finally:
            self._running.discard(stay)
        ids = {one.execution_id for one in members}.difference(left)
        batch.rest = [one for one in batch.rest if one.execution_id not in ids]
        self._remember(ids)
        self._stays.give_back(guest)

    async def withdraw(self, execution_ids: Sequence[str]) -> list[str]:
        """Those of them that have not begun, and never will."""
        wanted, found = set(execution_ids), []
        for stay in list(self._running):
            asked = {one for one in wanted if stay.runs(one)}
            # Those that have ended there, too: they are of a batch until all have.
            wanted = {one for one in wanted if not stay.has(one)}
            if asked:
                found += await stay.withdraw(asked)
        for batch in self._batches:
            found += batch.withdraw(wanted)
        return found

    def _remember(self, execution_ids: Iterable[str]) -> None:
        for execution_id in execution_ids:
            if len(self._past) == _REMEMBERED:
                self._known.discard(self._past[0])
            self._past.append(execution_id)
            self._known.add(execution_id)

    def left_nothing(self, execution_id: str) -> bool:
        """It ran here a while ago, so there is nothing to clear away."""
        return execution_id in self._known

    async def halt(self, execution_id: str, grace: timedelta) -> bool:
        """False: it does not run here."""
        if self.heirs.knows(execution_id):
            await self.heirs.halt(execution_id, grace)
            return True
        for stay in self._running:
            if stay.runs(execution_id):
                if not await stay.halt(execution_id, grace):
                    await asyncio.shield(self._containers.remove(stay.container_id))
                return True
        return False


async def _fail(members: Sequence[Member], failure: RunFailed, watch: GroupWatch) -> None:
    await watch.ended([Ended(execution_id=one.execution_id, end=failure) for one in members])
