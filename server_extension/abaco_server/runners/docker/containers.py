"""What the runner asks of the engine about containers. Errors come out as RunFailed.

refused: it cannot be created or started          RunFailed(START)
nobody answers, or not in time                    RunFailed(INTERNAL)
"""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import CancellableStream

from abaco_server.model.task import FailureKind, Place, RunFailed, Task
from abaco_server.runners.docker import container as shape
from abaco_server.runners.docker.engine import Engine, EngineGone
from abaco_server.runners.docker.follow import close
from abaco_server.runners.docker.images import Image
from abaco_server.runners.docker.warm.mark import Before
from abaco_server.runners.docker.warm.spare import PROGRAM

_CONFLICT = 409
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


class TryAgain(Exception):
    """Not created: its name is taken (it was begun before), or its linked image was pruned."""


class ArgumentsTooLong(Exception):
    """What runc before 1.1 and crun say at the start; others let the container say it."""


class Containers:
    def __init__(
        self, engine: Engine, *, service_id: str, limits: shape.Limits, patience: timedelta
    ) -> None:
        self._engine = engine
        self._client = engine.client
        self._service_id = service_id
        self._limits = limits
        self._patience = patience.total_seconds()

    # ---- making ----------------------------------------------------------------------------

    async def create(
        self, task: Task, image: Image, directory: Path, environment: dict[str, str]
    ) -> str:
        """Its id. Raises TryAgain or RunFailed."""
        try:
            made = await self._engine.call(self._create, task, image, directory, environment)
        except APIError as error:
            if error.status_code == _CONFLICT or isinstance(error, ImageNotFound):
                raise TryAgain(str(error.explanation)) from error
            name = shape.name(task.execution_id)
            raise RunFailed(FailureKind.START, _not_started(name, error)) from error
        except EngineGone as error:
            # It may have been created all the same: then the next try finds the name taken.
            raise internal(error) from error
        return str(made["Id"])

    def _create(
        self, task: Task, image: Image, directory: Path, environment: dict[str, str]
    ) -> dict[str, Any]:
        host = self._client.create_host_config(
            **shape.host_config(task.place, str(directory), self._limits)
        )
        made: dict[str, Any] = self._client.create_container(
            image.runs_as,
            name=shape.name(task.execution_id),
            user=task.user,
            environment=environment,
            labels=shape.labels(task, self._service_id),
            host_config=host,
        )
        return made

    async def create_waiting(self, place: Place, image: Image, directory: Path, name: str) -> str:
        """Its id. Its first process is the starter of `directory`. Raises RunFailed."""
        try:
            made = await self._engine.call(self._create_waiting, place, image, directory, name)
        except APIError as error:
            raise RunFailed(FailureKind.START, _not_started(name, error)) from error
        except EngineGone as error:
            raise internal(error) from error
        return str(made["Id"])

    def _create_waiting(
        self, place: Place, image: Image, directory: Path, name: str
    ) -> dict[str, Any]:
        host = self._client.create_host_config(
            **shape.host_config(place, str(directory), self._limits)
        )
        made: dict[str, Any] = self._client.create_container(
            image.runs_as,
            list(image.command),
            entrypoint=[f"{shape.INSIDE}/{PROGRAM}"],
            name=name,
            user=place.user,
            labels=shape.waiting_labels(place, self._service_id),
            host_config=host,
        )
        return made

    async def create_staying(
        self, place: Place, image: Image, directory: Path, command: list[str]
    ) -> str:
        """Its id. `command` is our resident interpreter. Raises RunFailed."""
        name = shape.name(directory.name)
        try:
            made = await self._engine.call(self._create_staying, place, image, directory, command)
        except APIError as error:
            raise RunFailed(FailureKind.START, _not_started(name, error)) from error
        except EngineGone as error:
            raise internal(error) from error
        return str(made["Id"])

    def _create_staying(
        self, place: Place, image: Image, directory: Path, command: list[str]
    ) -> dict[str, Any]:
        host = self._client.create_host_config(
            **shape.host_config(place, str(directory), self._limits)
        )
        made: dict[str, Any] = self._client.create_container(
            image.runs_as,
            command[1:],
            entrypoint=command[:1],
            name=shape.name(directory.name),
            user=place.user,
            environment=shape.RESIDENT_ENVIRONMENT,
            labels=shape.staying_labels(place, self._service_id),
            host_config=host,
        )
        return made

    async def last_words(self, container_id: str) -> str:
        """The end of what its first process wrote; empty when nobody can tell."""
        try:
            said = await self._engine.call(self._client.logs, container_id, tail=20)
        except (EngineGone, APIError):
            return ""
        return bytes(said).decode("utf-8", "replace").strip()

    async def rename(self, container_id: str, name: str) -> None:
        """So that `docker ps` and an heir know it by its execution."""
        try:
            await self._engine.call(self._client.rename, container_id, name)
        except (EngineGone, APIError) as error:
            raise internal(error, started=True) from error

    async def start(self, container_id: str) -> None:
        """Raises RunFailed only if its command certainly never began; it is removed then."""
        try:
            await self._engine.call(self._client.start, container_id)
        except APIError as error:
            if not await self._began(container_id):
                if "argument list too long" in str(error).lower():
                    raise ArgumentsTooLong(str(error.explanation)) from error
                await self.remove(container_id)
                reason = _not_started(container_id, error)
                raise RunFailed(FailureKind.START, reason) from error
        except EngineGone as error:
            if not await self._began(container_id):
                await self.remove(container_id)
                raise internal(error) from error

    async def _began(self, container_id: str) -> bool:
        state = await self.state(container_id)
        return state is not None and shape.began(state)

    # ---- looking ---------------------------------------------------------------------------

    async def state(self, container_id: str) -> dict[str, Any] | None:
        """The engine's State object, None when the container is gone.

        An engine that restarts is waited for, and nothing tells when it is back: so it is
        asked again, less and less often. Raises RunFailed(INTERNAL, started=True).
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        pause = _FIRST_PAUSE
        while True:
            try:
                found = await self._engine.call(self._client.inspect_container, container_id)
            except NotFound:
                return None
            except (EngineGone, APIError) as error:
                if loop.time() + pause > deadline:
                    raise internal(error, started=True) from error
            else:
                state: dict[str, Any] = found["State"]
                return state
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def find(self, name: str) -> dict[str, Any] | None:
        """The container of this name or id as `inspect` shows it, if it is ours."""
        try:
            found = await self._engine.call(self._client.inspect_container, name)
        except NotFound:
            return None
        except (EngineGone, APIError) as error:
            raise internal(error) from error
        return found if self._is_ours(found) else None

    async def running(self) -> set[str]:
        """The ids of this service's containers that run now: one call, however many they are."""
        filters = {"label": [f"{shape.SERVICE}={self._service_id}"]}
        try:
            found = await self._engine.call(self._client.containers, filters=filters)
        except (EngineGone, APIError) as error:
            raise internal(error) from error
        return {one["Id"] for one in found}

    async def ours(self) -> list[dict[str, Any]]:
        """All containers that carry this service's label, as `inspect` shows them."""
        filters = {"label": [f"{shape.SERVICE}={self._service_id}"]}
        found = []
        try:
            for one in await self._engine.call(self._client.containers, all=True, filters=filters):
                try:
                    # The list may be behind; `inspect` waits for a start that is under way.
                    found.append(await self._engine.call(self._client.inspect_container, one["Id"]))
                except NotFound:
                    continue
        except (EngineGone, APIError) as error:
            raise internal(error) from error
        return found

    def _is_ours(self, found: dict[str, Any]) -> bool:
        marks = found["Config"].get("Labels") or {}
        return bool(marks.get(shape.SERVICE) == self._service_id)

    # ---- streams, opened and read in a thread ----------------------------------------------

    def attach(self, container_id: str) -> CancellableStream:
        """What it writes from now on."""
        return self._client.attach(container_id, stdout=True, stderr=True, stream=True, logs=False)

    def attach_both(self, container_id: str) -> CancellableStream:
        """As `attach`, in pairs of stdout and stderr."""
        return self._client.attach(
            container_id, stdout=True, stderr=True, stream=True, logs=False, demux=True
        )

    def logs(self, container_id: str) -> CancellableStream:
        """All that it wrote and writes."""
        return self._client.logs(container_id, stdout=True, stderr=True, stream=True, follow=True)

    async def marks_of(self, container_id: str, secret: str) -> int:
        """How many of the marks with this secret its log has by now; it may have lost the oldest.
        Raises RunFailed."""
        if not secret:
            return 0
        try:
            return await self._engine.call(self._marks_of, container_id, Before(secret))
        except NotFound:
            return 0
        except (EngineGone, APIError) as error:
            raise internal(error, started=True) from error

    def _marks_of(self, container_id: str, before: Before) -> int:
        expected = before.left
        log = self._client.logs(container_id, stdout=True, stderr=True, stream=True)
        try:
            for chunk in log:
                before.drop(chunk)
                if not before.left:
                    break
        finally:
            close(log)
        return expected - before.left

    # ---- ending ----------------------------------------------------------------------------

    async def kill(self, container_id: str, signal: str) -> None:
        """One that has ended is no error."""
        try:
            await self._engine.call(self._client.kill, container_id, signal)
        except APIError as error:
            if error.status_code not in (_CONFLICT, 404):
                raise internal(error, started=True) from error
        except EngineGone as error:
            raise internal(error, started=True) from error

    async def stop(self, container_id: str, grace: timedelta) -> None:
        """TERM, grace, KILL by the engine itself; holds a thread for the grace."""
        seconds = int(grace.total_seconds())
        try:
            await self._engine.call(self._client.stop, container_id, timeout=seconds)
        except NotFound:
            pass
        except (EngineGone, APIError) as error:
            raise internal(error, started=True) from error

    async def remove(self, container_id: str) -> None:
        """Running or not. One that is gone, or going, is no error."""
        try:
            await self._engine.call(self._client.remove_container, container_id, v=True, force=True)
        except APIError as error:
            if error.status_code not in (_CONFLICT, 404):
                raise internal(error) from error
        except EngineGone as error:
            raise internal(error) from error

    async def sweep(self, image_id: str, directory: Path) -> None:
        """Empty a directory that holds other users' files, as root of a container."""
        try:
            await self._engine.call(self._sweep, image_id, directory)
        except (EngineGone, APIError) as error:
            raise internal(error) from error

    def _sweep(self, image_id: str, directory: Path) -> None:
        host = self._client.create_host_config(
            binds={str(directory): {"bind": shape.INSIDE, "mode": "rw"}}, network_mode="none"
        )
        made = self._client.create_container(
            image_id,
            entrypoint=["/bin/sh", "-c"],
            command=[f"rm -rf {shape.INSIDE}/out/* {shape.INSIDE}/out/.[!.]*"],
            user="0:0",
            labels={shape.SERVICE: self._service_id},
            host_config=host,
        )["Id"]
        try:
            self._client.start(made)
            self._client.wait(made)
        finally:
            self._client.remove_container(made, v=True, force=True)


def internal(error: Exception, *, started: bool = False) -> RunFailed:
    return RunFailed(FailureKind.INTERNAL, f"The engine failed: {error}", started=started)


def _not_started(container_id: str, error: APIError) -> str:
    """Abaco's own sentence (section 11)."""
    return f"Could not start container {container_id}. Exception {error.explanation or error}"
