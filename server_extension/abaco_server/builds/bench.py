"""The workbench: every build that runs, and how those that ended did.

Builds are content-addressed. What is there already is READY at once; what is being built is
built once, however many ask for it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from abaco_jupyter.wire.codes import BuildStatus
from abaco_jupyter.wire.errors import AbacoError, NotReady
from abaco_jupyter.wire.ids import IdSource
from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.builds.builder import BuildCancelled, Builder
from abaco_server.builds.check import check
from abaco_server.builds.running import BuildProgress, Run
from abaco_server.builds.tail import Tail
from abaco_server.model.build import Build, BuildPlan
from abaco_server.model.clock import Clock
from abaco_server.store import Store, builds

STOPPED = "The server stopped while it was building; run the cell again."
CANCELLED = "The build was cancelled."
LAST_LINES = 20
KEPT_BUILDS = 1000

_log = logging.getLogger(__name__)


class Workbench:
    """Owns running builds: at most `at_once` of them, the others wait in order."""

    def __init__(
        self, builder: Builder, store: Store, clock: Clock, new_id: IdSource, *, at_once: int = 2
    ) -> None:
        self._builder = builder
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._at_once = at_once
        # Two more than builds, so that a question to the builder never waits for one.
        self._threads = ThreadPoolExecutor(at_once + 2, thread_name_prefix="abaco-build")
        self._runs: dict[str, Run] = {}
        self._by_image: dict[tuple[str, str], Run] = {}
        self._waiting: deque[Run] = deque()
        self._building = 0
        self._starting = asyncio.Lock()
        self._closed = False

    async def open(self) -> None:
        """Builds of an earlier life have no builder any more."""
        for build in await self._store.read(builds.unfinished):
            await self._record(build.id, BuildStatus.ERROR, error=STOPPED, log=build.log)

    async def start(self, spec: BuildSpec, owner: str, tenant: str) -> Build:
        """The build that makes, is making or has made this image. Raises InvalidSpec."""
        self._refuse_when_closed()
        await self._call(check, spec)
        await self._call(self._builder.check, spec)
        image = spec.image(self._builder.revision)
        # One at a time: two calls for one image must not both find that nobody builds it.
        async with self._starting:
            self._refuse_when_closed()
            running = self._by_image.get((tenant, image))
            if running is not None:
                return self._seen(running)
            there = await self._call(self._builder.exists, image)
            now = self._clock.now()
            build = Build(
                id=self._new_id(),
                digest=spec.digest(),
                image=image,
                owner=owner,
                tenant=tenant,
                status=BuildStatus.READY if there else BuildStatus.WAITING,
                create_time=now,
                finish_time=now if there else None,
                cached=there,
            )
            await self._store.write(partial(_insert, build=build))
            if not there:
                self._enter(Run(build, spec))
            return build

    async def plan(self, spec: BuildSpec) -> BuildPlan:
        """What `start` would do, without doing it. Raises InvalidSpec."""
        await self._call(check, spec)
        await self._call(self._builder.check, spec)
        image = spec.image(self._builder.revision)
        return BuildPlan(
            image=image,
            digest=spec.digest(),
            cached=await self._call(self._builder.exists, image),
            dockerfile=await self._call(self._builder.describe, spec),
        )

    async def cancel(self, build_id: str) -> Build | None:
        """Stop it; returns when it has ended. One that has ended stays as it is."""
        run = self._runs.get(build_id)
        if run is not None:
            await self._stop(run)
        return await self.get(build_id)

    async def get(self, build_id: str) -> Build | None:
        run = self._runs.get(build_id)
        if run is not None:
            return self._seen(run)
        return await self._store.read(partial(builds.get, build_id=build_id))

    async def follow(self, build_id: str, offset: int = 0) -> AsyncIterator[BuildProgress | Build]:
        """The log from `offset` on as it grows, then the ended build. Nothing for an unknown id."""
        run = self._runs.get(build_id)
        while run is not None:
            begin, text = run.tail.since(offset)
            if text:
                offset = begin + len(text)
                yield BuildProgress(offset=begin, text=text)
            elif run.build.status.ended:
                break
            else:
                await run.change()
        build = await self.get(build_id)
        if build is not None:
            begin, text = Tail.read(build.log).since(offset)
            if text:
                yield BuildProgress(offset=begin, text=text)
            yield build

    async def close(self) -> None:
        """End what runs; it is on record as stopped by the server."""
        self._closed = True
        for run in list(self._runs.values()):
            run.stopped = True
        await asyncio.gather(*(self._stop(run) for run in list(self._runs.values())))
        self._threads.shutdown()

    def _enter(self, run: Run) -> None:
        self._runs[run.build.id] = self._by_image[run.key] = run
        self._waiting.append(run)
        self._next()

    def _next(self) -> None:
        while self._waiting and self._building < self._at_once:
            run = self._waiting.popleft()
            self._building += 1
            run.task = asyncio.create_task(self._carry_out(run), name=f"build {run.build.id}")

    async def _stop(self, run: Run) -> None:
        if run in self._waiting:
            self._waiting.remove(run)
            await self._end(run, *_cancelled(run))
        else:
            # In a thread: a builder's way to stop takes a lock and may close a connection.
            await self._call(run.cancelled.ask)
        if run.task is not None:
            await asyncio.wait([run.task])

    async def _carry_out(self, run: Run) -> None:
        try:
            run.build = replace(run.build, status=BuildStatus.BUILDING)
            await self._record(run.build.id, BuildStatus.BUILDING)
            run.tell()
            status, error = await self._build(run)
            await self._end(run, status, error)
        except Exception:  # noqa: BLE001  logged with its traceback
            # The store failed; at the next start the record says that the server stopped.
            _log.exception("the end of build %s is not on record", run.build.id)
        finally:
            self._building -= 1
            if not self._closed:
                self._next()

    async def _build(self, run: Run) -> tuple[BuildStatus, str | None]:
        loop = asyncio.get_running_loop()
        try:
            await self._call(
                self._builder.build,
                run.spec,
                run.build.image,
                partial(_hand_over, loop, run),
                run.cancelled,
            )
        except BuildCancelled:
            return _cancelled(run)
        except AbacoError as error:
            return BuildStatus.ERROR, f"{error}\n{run.tail.lines(LAST_LINES)}".rstrip()
        except Exception as error:  # noqa: BLE001  logged, and told to whoever builds
            _log.exception("build %s broke", run.build.id, extra={"build": run.build.id})
            return BuildStatus.ERROR, f"The build broke ({type(error).__name__}: {error})."
        return BuildStatus.READY, None

    async def _end(self, run: Run, status: BuildStatus, error: str | None) -> None:
        """On record first, then out of the books, then told: a follower finds it in the store."""
        now, log = self._clock.now(), run.tail.text
        try:
            await self._record(run.build.id, status, finish_time=now, error=error, log=log)
        finally:
            run.build = replace(run.build, status=status, finish_time=now, error=error, log=log)
            self._runs.pop(run.build.id, None)
            self._by_image.pop(run.key, None)
            run.tell()

    async def _record(self, build_id: str, status: BuildStatus, **fields: Any) -> None:
        if status.ended:
            fields.setdefault("finish_time", self._clock.now())
        await self._store.write(
            partial(_set_status, build_id=build_id, status=status, fields=fields)
        )

    async def _call(self, function: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise NotReady("The server is stopping: build again when it is back.")

    def _seen(self, run: Run) -> Build:
        return replace(run.build, log=run.tail.text)


def _hand_over(loop: asyncio.AbstractEventLoop, run: Run, text: str) -> None:
    loop.call_soon_threadsafe(run.add, text)


def _cancelled(run: Run) -> tuple[BuildStatus, str]:
    if run.stopped:
        return BuildStatus.ERROR, STOPPED
    return BuildStatus.CANCELLED, CANCELLED


def _insert(conn: Any, *, build: Build) -> None:
    builds.insert(conn, build)
    builds.delete_old(conn, KEPT_BUILDS)


def _set_status(conn: Any, *, build_id: str, status: BuildStatus, fields: dict[str, Any]) -> bool:
    return builds.set_status(conn, build_id, status, **fields)
