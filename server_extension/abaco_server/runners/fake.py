"""FakeRunner: runs that a test scripts or steps by hand. Passes the contract suite of runners.

Scripted, the same for all or one for each image:

    async def double(run: FakeRun) -> int:
        run.log(b"working")
        run.result(run.task.text.encode() * 2)
        return 0

    runner = FakeRunner(double)

By hand: `run = await runner.begun(execution_id)`, then `run.log(...)`, `run.end(0)`.
What outlives a server lives in the FakeEngine, so a second FakeRunner on it plays the heir.
"""

import asyncio
import traceback
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from abaco_server.model.clock import Clock, SystemClock
from abaco_server.model.task import FailureKind, Group, Handle, Outcome, Place, RunFailed, Task
from abaco_server.runners.one_by_one import OneByOne
from abaco_server.runners.protocol import GroupWatch, Watch

Script = Callable[["FakeRun"], Awaitable[int]]

TERMINATED = 143
KILLED = 137


class FakeRun:
    """One execution, as its user code sees it."""

    def __init__(self, task: Task, clock: Clock) -> None:
        self.task = task
        self.start_time: datetime | None = None
        self.obeys_term = True
        """Whether TERM ends it with 143, as a program without handlers under a shell."""
        self.terminated = asyncio.Event()
        self.over = asyncio.Event()
        self.cpu = self.io = self.peak_memory = 0
        self._clock = clock
        self._log: list[bytes] = []
        self._results: list[tuple[str, bytes]] = []
        self._count = 0
        self._exception: dict[str, Any] | None = None
        self._exit_code = 0
        self._finish_time: datetime | None = None
        self._timed_out = False
        self._more = asyncio.Event()

    # ---- what user code does ---------------------------------------------------------------

    def log(self, chunk: bytes) -> None:
        self._log.append(chunk)
        self._more.set()

    def result(self, body: bytes) -> None:
        self._count += 1
        self._results.append((f"{self._count:06d}.result", body))
        self._more.set()

    def fail(self, exception: dict[str, Any]) -> None:
        """What abaco_runtime reports of an uncaught exception; `end` comes after it."""
        self._exception = exception

    def end(self, exit_code: int = 0) -> None:
        if not self.over.is_set():
            self._exit_code = exit_code
            self._finish_time = self._clock.now()
            self.over.set()
            self._more.set()

    # ---- what is done to it ----------------------------------------------------------------

    def begin(self) -> None:
        self.start_time = self._clock.now()

    def terminate(self) -> None:
        self.terminated.set()
        if self.obeys_term:
            self.end(TERMINATED)

    def time_out(self) -> None:
        self._timed_out = True
        self.terminate()

    async def tell(self, watch: Watch) -> None:
        """To its end: the whole log, and the results that nobody has heard of yet."""
        told = 0
        while True:
            self._more.clear()
            while told < len(self._log):
                told += 1
                await watch.log(self._log[told - 1])
            while self._results:
                await watch.result(*self._results[0])
                self._results.pop(0)
            if self.over.is_set() and told == len(self._log) and not self._results:
                return
            if not self._more.is_set():
                await self._more.wait()

    def outcome(self) -> Outcome:
        assert self.start_time is not None
        assert self._finish_time is not None
        return Outcome(
            exit_code=self._exit_code,
            start_time=self.start_time,
            finish_time=self._finish_time,
            final_state={"Status": "exited", "Running": False, "ExitCode": self._exit_code},
            cpu=self.cpu,
            io=self.io,
            peak_memory=self.peak_memory,
            timed_out=self._timed_out,
            exception=self._exception,
        )


class FakeEngine:
    """What outlives a server: runs, and the tasks that play user code."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.runs: dict[str, FakeRun] = {}
        self.begins: list[str] = []
        """Execution ids in the order in which user code began: nothing is in it twice."""
        self._waiting: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, run: FakeRun, script: Script | None) -> None:
        run.begin()
        self.begins.append(run.task.execution_id)
        self._waiting[run.task.execution_id].set()
        if script is not None:
            task = asyncio.create_task(self._play(run, script))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def begun(self, execution_id: str) -> FakeRun:
        """Waits until its user code has begun."""
        await self._waiting[execution_id].wait()
        return self.runs[execution_id]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _play(self, run: FakeRun, script: Script) -> None:
        playing = asyncio.ensure_future(script(run))
        over = asyncio.create_task(run.over.wait())
        try:
            await asyncio.wait([playing, over], return_when=asyncio.FIRST_COMPLETED)
            if playing.done():
                self._finish(run, playing)
        finally:
            for task in (playing, over):
                task.cancel()
            await asyncio.wait([playing, over])

    def _finish(self, run: FakeRun, playing: "asyncio.Future[int]") -> None:
        error = playing.exception()
        if error is not None:
            # As user code that raises: the traceback is its log.
            run.log("".join(traceback.format_exception(error)).encode())
        run.end(playing.result() if error is None else 1)


class FakeRunner:
    """`images` None: every image can be had. Each of `failures` makes one run fail."""

    name = "fake"

    def __init__(
        self,
        script: Script | None = None,
        *,
        engine: FakeEngine | None = None,
        images: set[str] | None = None,
        grace: timedelta = timedelta(seconds=10),
    ) -> None:
        self.engine = engine or FakeEngine()
        self.images = images
        self.scripts: dict[str, Script] = {}
        """Image name -> script, where it differs from the one for all."""
        self.failures: list[RunFailed] = []
        self.prepared: list[str] = []
        self.cleared: list[str] = []
        self._groups = OneByOne(self)
        self._script = script
        self._grace = grace

    async def begun(self, execution_id: str) -> FakeRun:
        return await self.engine.begun(execution_id)

    async def prepare(self, place: Place) -> str:
        self._require(place.image)
        self.prepared.append(place.image)
        return f"fake:{place.image}"

    async def run(self, task: Task, watch: Watch) -> Outcome:
        self._require(task.image)
        if self.failures:
            raise self.failures.pop(0)
        run = self.engine.runs.setdefault(task.execution_id, FakeRun(task, self.engine.clock))
        if run.start_time is None:
            await watch.started(self.engine.clock.now())
            self.engine.begin(run, self.scripts.get(task.image, self._script))
        return await self._see_through(run, watch)

    async def halt(self, execution_id: str, grace: timedelta) -> None:
        run = self.engine.runs.get(execution_id)
        if run is None or run.over.is_set():
            return
        run.terminate()
        try:
            async with asyncio.timeout(grace.total_seconds()):
                await run.over.wait()
        except TimeoutError:
            run.end(KILLED)

    async def remains(self) -> list[Handle]:
        return [
            Handle(
                execution_id=run.task.execution_id,
                actor_id=run.task.actor_id,
                worker_id=run.task.worker_id,
                image=run.task.image,
                started=run.start_time is not None,
            )
            for run in self.engine.runs.values()
        ]

    async def run_group(self, group: Group, watch: GroupWatch) -> None:
        await self._groups.run_group(group, watch)

    async def withdraw(self, execution_ids: Sequence[str]) -> list[str]:
        return await self._groups.withdraw(execution_ids)

    async def resume(self, handle: Handle, watch: Watch) -> Outcome:
        run = self.engine.runs.get(handle.execution_id)
        if run is None or run.start_time is None:
            gone = f"Execution {handle.execution_id} is gone"
            raise RunFailed(FailureKind.INTERNAL, gone, started=handle.started)
        await watch.started(run.start_time)
        return await self._see_through(run, watch)

    async def clear(self, execution_id: str) -> None:
        self.cleared.append(execution_id)
        run = self.engine.runs.pop(execution_id, None)
        if run is not None:
            run.end(KILLED)

    async def close(self) -> None:
        """User code goes on; it ends with the engine."""

    def describe(self) -> dict[str, str]:
        return {"engine": "none"}

    def _require(self, image: str) -> None:
        if self.images is not None and image not in self.images:
            reason = f"Image {image} was not found on the public registry."
            raise RunFailed(FailureKind.IMAGE, reason)

    async def _see_through(self, run: FakeRun, watch: Watch) -> Outcome:
        limit = None
        if run.task.timeout is not None:
            limit = asyncio.create_task(self._end_after(run, run.task.timeout))
        try:
            await run.tell(watch)
        finally:
            if limit is not None:
                limit.cancel()
                await asyncio.wait([limit])
        return run.outcome()

    async def _end_after(self, run: FakeRun, time_left: timedelta) -> None:
        await asyncio.sleep(time_left.total_seconds())
        run.time_out()
        await self.halt(run.task.execution_id, self._grace)
