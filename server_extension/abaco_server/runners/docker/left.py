"""What an earlier life of this service left on the engine and in its directory."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from abaco_server.model.task import Handle
from abaco_server.runners import directory
from abaco_server.runners.docker import container as shape
from abaco_server.runners.docker.containers import Containers
from abaco_server.runners.docker.resident.maker import PREFIX
from abaco_server.runners.docker.resident.resident import Resident
from abaco_server.runners.docker.warm.warm import Warm, claims
from abaco_server.runners.threads import Threads


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    containers: Containers
    threads: Threads
    run_dir: Path
    warm: Warm
    resident: Resident

    async def handles(
        self, live: Collection[str], clear_directory: Callable[[str], Awaitable[None]]
    ) -> list[Handle]:
        """What nobody has a use for is removed. `live` are the ids of what runs here already."""
        handles = []
        ours = await self.containers.ours()
        paths = await self.threads.call(directory.listed, self.run_dir)
        given = await self.threads.call(claims, paths)
        staying = {}
        for found in ours:
            marks = found["Config"]["Labels"]
            if self._is_used(found["Name"].lstrip("/")):
                continue
            if shape.STAYS in marks:
                staying[found["Id"]] = found
            elif shape.EXECUTION in marks:
                started = shape.began(found["State"])
                handles.append(shape.handle(found["Id"], marks, started=started))
            elif found["Id"] in given:
                handles.append(await self.warm.identify(given[found["Id"]]))
            else:
                # Made for an image's links, to empty a directory or to wait, by a server that died.
                await self.containers.remove(found["Id"])
        used = {handle.execution_id for handle in handles} | set(live)
        unused = [path for path in paths if not self._is_used(path.name)]
        for path in unused:
            if path.name not in used and not path.name.startswith(PREFIX):
                await clear_directory(path.name)
        stayed = [path for path in unused if path.name.startswith(PREFIX)]
        return handles + await self.resident.heirs.handles(stayed, staying)

    def _is_used(self, name: str) -> bool:
        """A container or directory that waits, or stays, in this life of the service."""
        return self.warm.is_ours(name) or self.resident.is_ours(name)
