"""Makes containers that wait, gives them away, and removes them."""

import asyncio
import logging
import os
import secrets
import shutil
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from docker.errors import APIError

from abaco_server.model.task import Isolation, Place, RunFailed, Task
from abaco_server.runners import directory
from abaco_server.runners.docker import container as shape
from abaco_server.runners.docker.containers import Containers
from abaco_server.runners.docker.engine import TROUBLE, Engine
from abaco_server.runners.docker.follow import Follower
from abaco_server.runners.docker.images import Image
from abaco_server.runners.docker.warm import claim, starter
from abaco_server.runners.docker.warm.mark import Mark
from abaco_server.runners.docker.warm.spare import PROGRAM, Control, Spare, SpareLost
from abaco_server.runners.mailbox import bind_both

_log = logging.getLogger(__name__)
_HELLO = timedelta(seconds=30)
_UNUSED = "waits-"
"""Begins the name of a directory, and of a container, that has no execution yet."""


class SpareMaker:
    def __init__(
        self,
        *,
        engine: Engine,
        containers: Containers,
        image: Callable[[str], Awaitable[Image]],
        run_dir: Path,
    ) -> None:
        self._engine = engine
        self._containers = containers
        self._image = image
        self._run_dir = run_dir
        self.names: set[str] = set()
        """Of directories and containers that wait, or are being made."""
        self._program: Path | None = None

    async def make(self, place: Place, lost: Callable[[], None]) -> Spare:
        """Raises RunFailed, SpareLost, OSError. `lost` is called when it ends while it waits."""
        image = await self._image(place.image)
        name = f"{_UNUSED}{secrets.token_hex(8)}"
        path = self._run_dir / name
        self.names |= {name, shape.name(name)}
        asked: list[str] = []
        control = Control(lost)
        sockets: dict[str, socket.socket] = {}
        try:
            program = await self._installed()
            await self._engine.threads.call(_prepare, path, program)
            # Not in the thread, whose answer a cancelled call never hears.
            sockets = bind_both(path)
            await control.listen(path)
            # By its name: an engine that does not answer in time may have made it all the same.
            asked.append(shape.name(name))
            container_id = await self._containers.create_waiting(place, image, path, asked[0])
            mark = Mark(secrets.token_hex(16))
            follower = await self._started(place, container_id, mark, control)
        except BaseException:
            # Cancelled, too: the removal is quick, and nobody else knows of this container.
            control.close()
            for bound in sockets.values():
                bound.close()
            await asyncio.shield(self._remove(asked, path))
            self._forget(path.name, shape.name(name))
            raise
        return Spare(
            container_id=container_id,
            path=path,
            place=place,
            image_id=image.id,
            mark=mark,
            follower=follower,
            control=control,
            sockets=sockets,
            name=shape.name(name),
        )

    async def reclaim(self, spare: Spare, path: Path) -> Spare:
        """As it waits for its next execution. `path` is its directory, which has the name of the
        one whose outcome is on record. Raises SpareLost, OSError."""
        waits = self._run_dir / f"{_UNUSED}{secrets.token_hex(8)}"
        self.names |= {waits.name, spare.name}
        try:
            await self._engine.threads.call(_recycle, path, waits)
            spare.control.rest()
            sockets = bind_both(waits)
        except BaseException:
            self._forget(waits.name, spare.name)
            raise
        return replace(
            spare,
            path=waits,
            sockets=sockets,
            mark=Mark(secrets.token_hex(16)),
            after=spare.mark.secret,
            uses=spare.uses + 1,
        )

    async def drop(self, spare: Spare) -> None:
        spare.close()
        await self._remove([spare.container_id], spare.path)
        self.forget(spare)

    def forget(self, spare: Spare) -> None:
        """It was given away: what it leaves is its execution's."""
        self._forget(spare.path.name, spare.name)

    def _forget(self, *names: str) -> None:
        self.names.difference_update(names)

    async def _installed(self) -> Path:
        if self._program is None:
            facts = await self._engine.call(self._engine.client.version)
            home = self._run_dir.parent / "starter"
            self._program = await self._engine.threads.call(starter.install, facts["Arch"], home)
        if self._program is None:
            raise SpareLost(f"there is no starter for machines of the kind {facts['Arch']}")
        return self._program

    async def _started(
        self, place: Place, container_id: str, mark: Mark, control: Control
    ) -> Follower:
        follower = Follower(
            partial(self._containers.attach_both, container_id),
            control.look,
            mark=mark,
            lasts=place.isolation is not Isolation.CONTAINER,
        )
        control.look_at(follower)
        follower.start()
        try:
            await follower.opened
            await self._containers.start(container_id)
            await control.connect(_HELLO)
        except (APIError, *TROUBLE) as error:
            follower.close()
            raise SpareLost(str(error)) from error
        except BaseException:
            follower.close()
            raise
        return follower

    async def _remove(self, containers: list[str], path: Path) -> None:
        for container_id in containers:
            try:
                await self._containers.remove(container_id)
            except RunFailed as failure:
                # It carries our label: the next start finds it.
                _log.warning("a container that waited stays: %s", failure.reason)
        await self._engine.threads.call(directory.remove, path)


def give(
    spare: Spare, task: Task, path: Path, has_runtime: bool, since: datetime
) -> dict[str, str]:
    """Its directory becomes the execution's; the environment of the command.

    Raises FileExistsError when the execution was begun before.
    """
    if path.exists():
        raise FileExistsError(str(path))
    environment = directory.deliver(task, spare.path, seen_as=shape.INSIDE, has_runtime=has_runtime)
    claim.write(
        spare.path,
        claim.Claim(
            container_id=spare.container_id,
            secret=spare.mark.secret,
            execution_id=task.execution_id,
            actor_id=task.actor_id,
            worker_id=task.worker_id,
            image=task.image,
            started=since.isoformat(),
            timeout=None if task.timeout is None else task.timeout.total_seconds(),
            after=spare.after,
        ),
    )
    # The mount follows the directory, whatever its name. Before this line the run has not begun.
    spare.path.rename(path)
    return environment


def _recycle(path: Path, waits: Path) -> None:
    # First: an heir that finds no claim removes the container.
    (path / claim.FILE).unlink()
    directory.empty(path, keep={PROGRAM})
    path.rename(waits)


def _prepare(path: Path, program: Path) -> None:
    directory.make(path)
    try:
        os.link(program, path / PROGRAM)
    except OSError:
        shutil.copy(program, path / PROGRAM)
