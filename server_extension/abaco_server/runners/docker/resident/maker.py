"""Makes containers that stay, and removes them."""

import asyncio
import logging
import secrets
from datetime import timedelta
from pathlib import Path

from abaco_server.model.task import Place, RunFailed
from abaco_server.runners import directory
from abaco_server.runners.docker import container as shape
from abaco_server.runners.docker.containers import Containers
from abaco_server.runners.docker.engine import Engine
from abaco_server.runners.docker.images import Image
from abaco_server.runners.resident.stay import Stay

_log = logging.getLogger(__name__)
PREFIX = "stays-"
"""Begins the name of its directory, and of the container."""
_HELLO = 30.0
_LOOK = 1.0
_PYTHON = "python"
_MODULE = "abaco_runtime.resident"


class NotStaying(Exception):
    """Its interpreter does not come up: such an image is run in another way."""


class StayMaker:
    def __init__(
        self, *, engine: Engine, containers: Containers, run_dir: Path, grace: timedelta
    ) -> None:
        self._engine = engine
        self._containers = containers
        self._run_dir = run_dir
        self._grace = grace
        self.names: set[str] = set()
        """Of directories and containers of this life of the service."""

    async def make(self, place: Place, image: Image) -> Stay:
        """Raises NotStaying, RunFailed, OSError."""
        name = f"{PREFIX}{secrets.token_hex(8)}"
        stay = Stay(self._run_dir / name, self._engine.threads, self._grace)
        self.names |= {name, shape.name(name)}
        stay.image_id = image.id
        # By its name: an engine that does not answer in time may have made it all the same.
        stay.container_id = shape.name(name)
        try:
            await self._engine.threads.call(stay.lay_out)
            await stay.line.listen(stay.path)
            command = [_PYTHON, "-m", _MODULE, str(place.isolation), stay.magic.hex()]
            stay.container_id = await self._containers.create_staying(
                place, image, stay.path, command
            )
            await self._containers.start(stay.container_id)
            await self._hello(stay)
        except BaseException:
            await asyncio.shield(self.drop(stay))
            raise
        return stay

    async def _hello(self, stay: Stay) -> None:
        """Its start takes some tenths of a second; one that ended is found out by the engine."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _HELLO
        while not stay.line.ready.is_set():
            try:
                async with asyncio.timeout(_LOOK):
                    await stay.line.ready.wait()
            except TimeoutError:
                state = await self._containers.state(stay.container_id)
                if state is None or not shape.running(state) or loop.time() > deadline:
                    said = await self._containers.last_words(stay.container_id)
                    raise NotStaying(said or "it says nothing") from None
        if stay.gone:
            raise NotStaying(await self._containers.last_words(stay.container_id))

    async def drop(self, stay: Stay) -> None:
        stay.close()
        await self.remove(stay.container_id, stay.path, stay.image_id)
        self.forget(stay)

    def forget(self, stay: Stay) -> None:
        """It is not of this life any more."""
        self.names -= {stay.path.name, shape.name(stay.path.name)}

    async def remove(self, container_id: str, path: Path, image_id: str | None = None) -> None:
        try:
            await self._containers.remove(container_id)
        except RunFailed as failure:
            # It carries our label: the next start finds it.
            _log.warning("a container that stayed is left: %s", failure.reason)
            return
        if await self._engine.threads.call(directory.remove, path):
            return
        if image_id is not None:
            await self._containers.sweep(image_id, path)
        if not await self._engine.threads.call(directory.remove, path):
            _log.warning("%s belongs to another user: remove it by hand", path)

    async def why(self, stay: Stay) -> str:
        """What became of its container."""
        try:
            state = await self._containers.state(stay.container_id)
        except RunFailed as failure:
            return f"Its container is lost while it ran: {failure.reason}"
        if state is None:
            return "Its container was removed while it ran."
        if state.get("OOMKilled"):
            return "Its container was killed while it ran: its memory was used up."
        ended = "Its container was ended from outside while it ran"
        # An engine that has not noticed yet shows 0.
        known = not shape.running(state)
        return f"{ended}, with exit code {state.get('ExitCode')}." if known else f"{ended}."
