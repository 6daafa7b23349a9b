"""DockerRunner: one message, one container, the image's own command."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from docker.errors import APIError

from abaco_server.model.clock import Clock, SystemClock
from abaco_server.model.task import FailureKind, Group, Handle, Outcome, Place, RunFailed, Task
from abaco_server.runners import directory
from abaco_server.runners.docker import container as shape
from abaco_server.runners.docker.containers import ArgumentsTooLong, Containers, TryAgain, internal
from abaco_server.runners.docker.engine import Engine, EngineGone, gateway
from abaco_server.runners.docker.images import Image, Images
from abaco_server.runners.docker.left import Left
from abaco_server.runners.docker.live import Live, gone
from abaco_server.runners.docker.resident.policy import ReusePolicy
from abaco_server.runners.docker.resident.resident import Resident
from abaco_server.runners.docker.stats import Sampler
from abaco_server.runners.docker.warm import claim, starter
from abaco_server.runners.docker.warm.demand import WarmPolicy
from abaco_server.runners.docker.warm.once import Once
from abaco_server.runners.docker.warm.runs import WarmRuns
from abaco_server.runners.docker.warm.warm import Warm
from abaco_server.runners.one_by_one import OneByOne
from abaco_server.runners.protocol import GroupWatch, Watch

_log = logging.getLogger(__name__)
_TRIES = 3


class DockerRunner:
    """Runs executions on one engine that shares this host's file system.

    `run_dir` belongs to this service alone: what it holds and no container uses is removed.
    """

    name = "docker"

    def __init__(
        self,
        engine: Engine,
        *,
        service_id: str,
        run_dir: Path,
        clock: Clock | None = None,
        max_running: int = 64,
        pids_limit: int = 512,
        grace: timedelta = timedelta(seconds=10),
        patience: timedelta = timedelta(seconds=60),
        warm: WarmPolicy | None = None,
        reuse: ReusePolicy | None = None,
    ) -> None:
        """`grace` is for a run over its time; `patience` for an engine that restarts; `warm` None:
        no container is started before its message."""
        self.engine = engine
        self._clock = clock or SystemClock()
        self._run_dir = run_dir.resolve()
        self._grace = grace
        limits = shape.Limits(pids=pids_limit, engine_socket=engine.socket)
        self._containers = Containers(
            engine, service_id=service_id, limits=limits, patience=patience
        )
        self._images = Images(engine, service_id)
        self._sampler = Sampler(engine)
        # One thread per running container is blocked on its log: this bounds them.
        self._slots = asyncio.Semaphore(max_running)
        self._live: dict[str, Live] = {}
        self._groups = OneByOne(self)
        # Containers that wait are given their message through a directory of this host.
        policy = warm if warm is not None and engine.socket is not None else WarmPolicy(total=0)
        self._warm = Warm(engine, self._containers, self._image, self._run_dir, policy)
        self._in_waiting = WarmRuns(
            self._warm, self._image, engine.threads, self._clock, grace, self._clear_directory
        )
        self._resident = Resident(
            engine, self._containers, self._run_dir, grace, reuse or ReusePolicy(ahead=False)
        )

    async def prepare(self, place: Place) -> str:
        image = await self._image(place.image)
        if self._resident.suits(place, image):
            await self._resident.expect(place, image)
        else:
            self._warm.expect(place)
        return image.id

    def describe(self) -> dict[str, str]:
        """Facts for the status page."""
        return {"engine": self.engine.url, "api_version": str(self.engine.client._version)}

    async def host_address(self) -> str:
        """Where containers find this host. Raises LookupError when the engine does not say."""
        try:
            return await self.engine.call(gateway, self.engine.client)
        except (EngineGone, APIError) as error:
            raise LookupError(str(error)) from error

    async def check(self) -> None:
        """Look whether all that is thought to run still does. Raises RunFailed(INTERNAL).

        Every run sees its own end; but one whose log stream hangs would wait for it for ever.
        A container that is found ended twice in a row has had the time to say so.
        """
        runs = [one for one in self._live.values() if one.began.is_set() and one.container_id]
        if not runs:
            return
        running = await self._containers.running()
        for live in runs:
            ended = live.container_id not in running and not live.over.is_set()
            if ended and live.doubted:
                live.look_again()
            live.doubted = ended

    async def close(self) -> None:
        """Runs are left alone; await or cancel their calls before."""
        await self._resident.close()
        self._in_waiting.close()
        await self._warm.close()
        await self._sampler.close()
        try:
            await self._images.close()
        except (EngineGone, APIError) as error:
            _log.warning("linked images stay until the next start: %s", error)
        self.engine.close()

    # ---- run and resume --------------------------------------------------------------------

    async def run(self, task: Task, watch: Watch) -> Outcome:
        with self._entered(task.execution_id) as live:
            async with self._slots:
                try:
                    return await self._run_anywhere(task, Once(watch), live)
                except RunFailed as failure:
                    if failure.kind is FailureKind.START:
                        self._warm.refuse(task.place)
                    raise

    async def _run_anywhere(self, task: Task, watch: Watch, live: Live) -> Outcome:
        image = await self._image(task.image)
        spare = await self._warm.take(task, image)
        if spare is not None:
            path = self._path(task.execution_id)
            outcome = await self._in_waiting.run(task, image, spare, path, watch, live)
            if outcome is not None:
                return outcome
        if await self._make(task, live):
            return await self._run(task, watch, live)
        # An earlier try got this far and nobody heard of it. It is never run twice.
        return await self._resume(task.execution_id, watch, live)

    async def run_group(self, group: Group, watch: GroupWatch) -> None:
        try:
            image = await self._image(group.place.image)
        except RunFailed:
            image = None  # as each of them says in its turn
        if image is not None and self._resident.suits(group.place, image):
            async with self._slots:
                rest = await self._resident.run_group(group, image, watch)
            group = replace(group, members=tuple(rest))
        await self._groups.run_group(group, watch)

    async def withdraw(self, execution_ids: Sequence[str]) -> list[str]:
        there = await self._resident.withdraw(execution_ids)
        return there + await self._groups.withdraw(execution_ids)

    async def resume(self, handle: Handle, watch: Watch) -> Outcome:
        if self._resident.heirs.knows(handle.execution_id):
            return await self._resident.heirs.resume(handle.execution_id, watch)
        with self._entered(handle.execution_id) as live:
            async with self._slots:
                return await self._resume(handle.execution_id, watch, live)

    async def _run(self, task: Task, watch: Watch, live: Live) -> Outcome:
        try:
            live.bind(self._path(task.execution_id), self.engine.threads)
            await live.attach()
            await watch.started(self._clock.now())
            await self._containers.start(live.container_id)
            return await live.see_through(watch, time_left=task.timeout, grace=self._grace)
        except ArgumentsTooLong as error:
            return await self._too_long(live.container_id, error, watch)
        except RunFailed as failure:
            if not failure.started:
                await self._discard(task.execution_id)
            raise

    async def _resume(self, execution_id: str, watch: Watch, live: Live) -> Outcome:
        known = self._in_waiting.let_go(execution_id)
        found = await self._find(execution_id)
        if found is None:
            raise gone(shape.name(execution_id))
        claimed = await self.engine.threads.call(claim.read, self._path(execution_id))
        since = shape.started_at(found["State"]) if claimed is None else claimed.since
        if since is None:
            raise RunFailed(FailureKind.INTERNAL, f"{shape.name(execution_id)} was never started")
        live.container_id = found["Id"]
        live.stop_signal = found["Config"].get("StopSignal") or live.stop_signal
        lasts = shape.timeout(found["Config"]["Labels"]) if claimed is None else claimed.lasts
        if claimed is not None:
            live.inherit(claimed.secret, claimed.after, since)
        path = self._path(execution_id)
        await self.engine.threads.call(directory.make_anew, path)
        live.bind(path, self.engine.threads)
        await live.read_logs()
        await watch.started(since)
        left = None if lasts is None else since + lasts - self._clock.now()
        outcome = await live.see_through(watch, time_left=left, grace=self._grace)
        if outcome.exit_code == starter.NOT_NEEDED and live.never_ran:
            raise RunFailed(FailureKind.INTERNAL, "its server was killed before it began")
        if lasts is not None and outcome.finish_time - outcome.start_time >= lasts:
            # The earlier life may have been the one that stopped it.
            outcome = replace(outcome, timed_out=True)
        return known or outcome

    async def _too_long(self, container_id: str, error: Exception, watch: Watch) -> Outcome:
        """As on engines where the container itself says it (section 7)."""
        await watch.log(f"{error}\n".encode())
        state = await self._containers.state(container_id) or {}
        return shape.outcome({**state, "ExitCode": 1}, now=self._clock.now())

    # ---- making ----------------------------------------------------------------------------

    async def _make(self, task: Task, live: Live) -> bool:
        """Container and directory. False: an earlier try of this execution has begun."""
        for _ in range(_TRIES):
            try:
                await self._create(task, live)
            except TryAgain as error:
                hindrance = error
            else:
                return True
            found = await self._find(task.execution_id)
            if found is not None and shape.began(found["State"]):
                return False
            await self.clear(task.execution_id)
        await self._discard(task.execution_id)
        raise RunFailed(FailureKind.INTERNAL, f"No container could be created: {hindrance}")

    async def _create(self, task: Task, live: Live) -> None:
        """Raises TryAgain or RunFailed."""
        path = self._path(task.execution_id)
        image = await self._image(task.image)
        live.stop_signal = image.stop_signal
        try:
            environment = await self.engine.threads.call(_fill, task, path, image.has_runtime)
        except FileExistsError as error:
            raise TryAgain(f"{path} is in use") from error
        try:
            live.container_id = await self._containers.create(task, image, path, environment)
        except TryAgain:
            self._images.forget(image)
            raise
        except RunFailed:
            await self._clear_directory(task.execution_id)
            raise

    async def _discard(self, execution_id: str) -> None:
        """Of a run that never began, as far as the engine lets us; `remains` finds the rest."""
        try:
            await self.clear(execution_id)
        except RunFailed as failure:
            _log.warning("execution %s was not cleared away: %s", execution_id, failure.reason)

    # ---- halt ------------------------------------------------------------------------------

    async def halt(self, execution_id: str, grace: timedelta) -> None:
        """A run that is about to start is halted as soon as it has."""
        live = self._live.get(execution_id)
        if live is not None:
            await live.began.wait()
            if not live.over.is_set():
                await live.end(grace)
                return
        if self._in_waiting.is_held(execution_id) or await self._resident.halt(execution_id, grace):
            return
        await self._warm.settled(execution_id)
        found = await self._find(execution_id)
        if found is not None:
            await self._containers.stop(found["Id"], grace)

    # ---- what an earlier life left ---------------------------------------------------------

    async def remains(self) -> list[Handle]:
        left = Left(
            containers=self._containers,
            threads=self.engine.threads,
            run_dir=self._run_dir,
            warm=self._warm,
            resident=self._resident,
        )
        handles = await left.handles(self._live.keys(), self._clear_directory)
        return [handle for handle in handles if handle.execution_id not in self._live]

    async def clear(self, execution_id: str) -> None:
        if self._resident.left_nothing(execution_id):
            return
        if self._resident.heirs.knows(execution_id):
            await self._resident.heirs.clear(execution_id)
            return
        if await self._in_waiting.give_back(execution_id, self._path(execution_id)):
            return
        await self._warm.settled(execution_id)
        found = await self._find(execution_id)
        if found is not None:
            await self._containers.remove(found["Id"])
        await self._clear_directory(execution_id, found["Image"] if found else None)

    async def _clear_directory(self, execution_id: str, image_id: str | None = None) -> None:
        path = self._path(execution_id)
        if await self.engine.threads.call(directory.remove, path):
            return
        # Root in the container made directories that this server's user cannot look into.
        if image_id is not None:
            await self._containers.sweep(image_id, path)
        if not await self.engine.threads.call(directory.remove, path):
            _log.warning("%s belongs to another user: remove it by hand", path)

    # ---- small things ----------------------------------------------------------------------

    @contextmanager
    def _entered(self, execution_id: str) -> Iterator[Live]:
        if execution_id in self._live:
            reason = f"Execution {execution_id} is running here already"
            raise RunFailed(FailureKind.INTERNAL, reason, started=True)
        live = self._live[execution_id] = Live(self._containers, self._sampler, self._clock)
        try:
            yield live
        finally:
            del self._live[execution_id]
            live.close()
            live.began.set()
            live.over.set()

    async def _find(self, execution_id: str) -> dict[str, Any] | None:
        """Its container as `inspect` shows it, by its name or, before it has that, by its claim."""
        found = await self._containers.find(shape.name(execution_id))
        if found is None:
            claimed = await self.engine.threads.call(claim.read, self._path(execution_id))
            if claimed is not None:
                found = await self._containers.find(claimed.container_id)
        return found

    async def _image(self, name: str) -> Image:
        try:
            return await self._images.get(name)
        except (EngineGone, APIError) as error:
            raise internal(error) from error

    def _path(self, execution_id: str) -> Path:
        return self._run_dir / execution_id


def _fill(task: Task, path: Path, has_runtime: bool) -> dict[str, str]:
    """The directory with its message; the environment that goes with it."""
    directory.make(path)
    return directory.deliver(task, path, seen_as=shape.INSIDE, has_runtime=has_runtime)
