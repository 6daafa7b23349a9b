"""ProcessRunner: one message, one subprocess, for what %%abaco_actor built."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from abaco_server.model.clock import Clock, SystemClock
from abaco_server.model.task import FailureKind, Group, Handle, Outcome, Place, RunFailed, Task
from abaco_server.runners import directory
from abaco_server.runners.mailbox import Mailbox
from abaco_server.runners.one_by_one import OneByOne
from abaco_server.runners.process import place
from abaco_server.runners.process.shims import Shim
from abaco_server.runners.protocol import GroupWatch, Watch
from abaco_server.runners.threads import Threads

_PIECE = 1 << 20
_KILL_SECONDS = 10


class ProcessRunner:
    """Subprocesses of this server's user: no isolation boundary, and it says so in `describe`.

    Of a task it cannot honour user, mounts and privileges; memory is limited per process, and
    processors are counted whole. `abaco_runtime` and cloudpickle come with the build.
    """

    name = "process"

    def __init__(
        self,
        *,
        environments: Path,
        service_id: str,
        run_dir: Path,
        clock: Clock | None = None,
        limits: place.ProcessLimits | None = None,
        grace: timedelta = timedelta(seconds=10),
    ) -> None:
        self._environments = environments
        self._service_id = service_id
        self._run_dir = run_dir.resolve()
        self._clock = clock or SystemClock()
        self._limits = limits or place.ProcessLimits()
        self._grace = grace
        self._threads = Threads()
        self._live: dict[str, _Live] = {}
        self._groups = OneByOne(self)

    async def prepare(self, wanted: Place) -> str:
        found = await self._threads.call(place.find_environment, self._environments, wanted.image)
        return found.tag

    def describe(self) -> dict[str, str]:
        """Facts for the status page."""
        return {"engine": "subprocesses of the notebook server: no isolation boundary"}

    async def host_address(self) -> str:
        """Where what it runs finds this host."""
        return "127.0.0.1"

    async def close(self) -> None:
        """Runs are left alone; await or cancel their calls before."""
        self._threads.close()

    # ---- run and resume --------------------------------------------------------------------

    async def run(self, task: Task, watch: Watch) -> Outcome:
        path = self._path(task.execution_id)
        with self._entered(path) as live:
            if not await self._prepare(task, path):
                return await self._resume(path, watch, live)
            live.mailbox.open()
            await watch.started(self._clock.now())
            live.shim = Shim.start(path, live.bell.set)
            return await self._see_through(path, watch, live)

    async def run_group(self, group: Group, watch: GroupWatch) -> None:
        await self._groups.run_group(group, watch)

    async def withdraw(self, execution_ids: Sequence[str]) -> list[str]:
        return await self._groups.withdraw(execution_ids)

    async def resume(self, handle: Handle, watch: Watch) -> Outcome:
        path = self._path(handle.execution_id)
        with self._entered(path) as live:
            return await self._resume(path, watch, live)

    async def _prepare(self, task: Task, path: Path) -> bool:
        """False: an earlier try of this execution has begun."""
        environment = await self._threads.call(
            place.find_environment, self._environments, task.image
        )
        for _ in range(2):
            try:
                await self._threads.call(
                    place.prepare,
                    task,
                    environment,
                    path,
                    service_id=self._service_id,
                    limits=self._limits,
                    grace=self._grace,
                )
            except FileExistsError:
                left = await self._threads.call(place.handle, path, self._service_id)
                if left is not None and left.started:
                    return False
                await self._threads.call(directory.remove, path)
            except OSError as error:
                await self._threads.call(directory.remove, path)
                reason = f"The execution's directory cannot be made: {error}"
                raise RunFailed(FailureKind.INTERNAL, reason) from error
            else:
                return True
        raise RunFailed(FailureKind.INTERNAL, f"{path} is in use and cannot be removed")

    async def _resume(self, path: Path, watch: Watch, live: "_Live") -> Outcome:
        known = await self._threads.call(place.shim, path)
        if known is None or not place.claimed(path):
            raise RunFailed(FailureKind.INTERNAL, f"Execution {path.name} was never started")
        live.mailbox.open()
        live.shim = Shim.find(*known, live.bell.set)
        started = await self._threads.call(place.started, path)
        await watch.started(started)
        live.bell.set()
        return await self._see_through(path, watch, live)

    async def _see_through(self, path: Path, watch: Watch, live: "_Live") -> Outcome:
        live.began.set()
        told = 0
        # None: it had ended before we came.
        while live.shim is not None and not live.shim.ended:
            await live.bell.wait()
            live.bell.clear()
            # In this order: what was written before a poke that is taken here is read after it.
            await live.mailbox.collect(watch)
            told = await self._tell_log(path, told, watch)
        live.over.set()
        await self._tell_log(path, told, watch)
        await live.mailbox.collect(watch, last=True)
        return await self._outcome(path, await live.mailbox.exception())

    async def _tell_log(self, path: Path, told: int, watch: Watch) -> int:
        while chunk := await self._threads.call(_read_log, path, told):
            told += len(chunk)
            await watch.log(chunk)
        return told

    async def _outcome(self, path: Path, exception: dict[str, Any] | None) -> Outcome:
        facts = await self._threads.call(place.ended, path)
        if facts is None:
            # Its supervisor was killed, and user code with it.
            reason = await self._threads.call(place.last_words, path)
            raise RunFailed(FailureKind.INTERNAL, reason, started=place.may_have_run(path))
        if "error" in facts:
            await self._threads.call(directory.remove, path)
            raise RunFailed(FailureKind.START, f"Could not start the process: {facts['error']}")
        return Outcome(
            exit_code=facts["exit_code"],
            start_time=place.at(facts["started"]),
            finish_time=place.at(facts["finished"]),
            final_state=place.final_state(facts),
            cpu=facts["cpu"],
            peak_memory=facts["peak_memory"],
            timed_out=facts["timed_out"],
            exception=exception,
        )

    # ---- halt ------------------------------------------------------------------------------

    async def halt(self, execution_id: str, grace: timedelta) -> None:
        """A run that is about to start is halted as soon as it has."""
        live = self._live.get(execution_id)
        if live is not None:
            await live.began.wait()
            if live.shim is not None and not live.over.is_set():
                await _end(live.shim, live.over, grace)
            return
        over = asyncio.Event()
        known = await self._threads.call(place.shim, self._path(execution_id))
        shim = None if known is None else Shim.find(*known, over.set)
        if shim is not None:
            try:
                await _end(shim, over, grace)
            finally:
                shim.close()

    # ---- what an earlier life left ---------------------------------------------------------

    async def remains(self) -> list[Handle]:
        handles = []
        for path in await self._threads.call(directory.listed, self._run_dir):
            if path.name in self._live:
                continue
            found = await self._threads.call(place.handle, path, self._service_id)
            if found is not None:
                handles.append(found)
        return handles

    async def clear(self, execution_id: str) -> None:
        await self.halt(execution_id, timedelta(0))
        await self._threads.call(directory.remove, self._path(execution_id))

    # ---- small things ----------------------------------------------------------------------

    @contextmanager
    def _entered(self, path: Path) -> Iterator["_Live"]:
        if path.name in self._live:
            reason = f"Execution {path.name} is running here already"
            raise RunFailed(FailureKind.INTERNAL, reason, started=True)
        live = self._live[path.name] = _Live(path, self._threads)
        try:
            yield live
        finally:
            del self._live[path.name]
            live.close()

    def _path(self, execution_id: str) -> Path:
        return self._run_dir / execution_id


class _Live:
    """A run that this object sees through."""

    def __init__(self, path: Path, threads: Threads) -> None:
        self.bell = asyncio.Event()
        """Something came: log, result or the end."""
        self.began = asyncio.Event()
        """Its shim was started, or never will be."""
        self.over = asyncio.Event()
        self.mailbox = Mailbox(path, threads, self.bell.set)
        self.shim: Shim | None = None

    def close(self) -> None:
        """The process is left alone."""
        self.began.set()
        self.over.set()
        self.mailbox.close()
        if self.shim is not None:
            self.shim.close()


async def _end(shim: Shim, over: asyncio.Event, grace: timedelta) -> None:
    """TERM, grace, KILL."""
    shim.terminate()
    try:
        async with asyncio.timeout(grace.total_seconds()):
            await over.wait()
        return
    except TimeoutError:
        shim.kill()
    try:
        async with asyncio.timeout(_KILL_SECONDS):
            await over.wait()
    except TimeoutError:
        reason = "A process could not be killed: it waits for a device, perhaps"
        raise RunFailed(FailureKind.INTERNAL, reason, started=True) from None


def _read_log(path: Path, told: int) -> bytes:
    try:
        with open(path / place.LOG, "rb") as file:
            file.seek(told)
            return file.read(_PIECE)
    except FileNotFoundError:
        return b""
