"""Groups that an earlier life of this service sent, seen through for each execution of its own.

The directory says all: `groups` names the container and the members, the journal what has ended
and what has begun. Whoever resumes one of the executions has the whole group followed.
"""

import asyncio
import contextlib
import logging
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from abaco_server.model.task import (
    NO_STATE,
    Ended,
    FailureKind,
    Handle,
    Outcome,
    ResultBody,
    RunFailed,
)
from abaco_server.runners.docker import container as shape
from abaco_server.runners.docker.containers import Containers
from abaco_server.runners.docker.resident.maker import StayMaker
from abaco_server.runners.protocol import Watch
from abaco_server.runners.resident import paper
from abaco_server.runners.resident.journal import Journal
from abaco_server.runners.resident.stay import Stay
from abaco_server.runners.resident.turn import Turn
from abaco_server.runners.threads import Threads

_log = logging.getLogger(__name__)
_LOOK = 1.0
"""Seconds between two looks whether a container whose interpreter is silent still runs."""


class Legacy:
    """One group."""

    def __init__(self, path: Path, found: paper.Paper, stay: Stay) -> None:
        self.path = path
        self.paper = found
        self.stay = stay
        self.turn = Turn(found.number, found.members)
        self.cleared: set[str] = set()
        self.handed_out: set[str] = set()
        self.over: set[str] = set()
        """That have ended, as far as is known."""
        self.news: defaultdict[str, asyncio.Queue[tuple[str, Any]]] = defaultdict(asyncio.Queue)
        self.task: asyncio.Task[None] | None = None
        self.is_alive = False
        self.image_id: str | None = None

    # ---- as the GroupWatch of its group: each execution hears its own -------------------------

    async def started(self, execution_id: str, at: datetime) -> None:
        self.news[execution_id].put_nowait(("started", at))

    async def log(self, execution_id: str, chunk: bytes) -> None:
        self.news[execution_id].put_nowait(("log", chunk))

    async def result(self, execution_id: str, key: str, body: ResultBody) -> None:
        if not isinstance(body, bytes):
            # Ours is closed, and its file removed, before the execution hears of it.
            body = os.fdopen(os.dup(body.fileno()), "rb")
        self.news[execution_id].put_nowait(("result", (key, body)))

    async def ended(self, ended: Sequence[Ended]) -> None:
        for one in ended:
            self.over.add(one.execution_id)
            self.news[one.execution_id].put_nowait(("ended", one))


class Heirs:
    def __init__(
        self, maker: StayMaker, containers: Containers, threads: Threads, grace: timedelta
    ) -> None:
        self._maker = maker
        self._containers = containers
        self._threads = threads
        self._grace = grace
        self._legacies: dict[Path, Legacy] = {}
        self._by_execution: dict[str, Legacy] = {}

    def knows(self, execution_id: str) -> bool:
        return execution_id in self._by_execution

    # ---- what is left ------------------------------------------------------------------------

    async def handles(
        self, paths: Sequence[Path], containers: Mapping[str, dict[str, Any]]
    ) -> list[Handle]:
        """`paths` of directories of an earlier life, `containers` as `inspect` shows them, by id.
        What nobody needs any more is removed."""
        found = []
        names = {shape.name(path.name) for path in paths}
        for container_id, one in containers.items():
            if one["Name"].lstrip("/") not in names:
                await self._containers.remove(container_id)
        for path in paths:
            legacy = self._legacies.get(path)
            if legacy is None:
                legacy = await self._take_up(path, containers)
            if legacy is not None:
                found += self._handles(legacy)
        return found

    async def _take_up(self, path: Path, containers: Mapping[str, dict[str, Any]]) -> Legacy | None:
        written = await self._threads.call(paper.read, path)
        name = shape.name(path.name)
        inside = next((one for one in containers.values() if one["Name"].lstrip("/") == name), None)
        if written is None:
            await self._maker.remove(name, path)
            return None
        stay = Stay(path, self._threads, self._grace)
        stay.container_id, stay.magic = written.container_id, bytes.fromhex(written.magic)
        legacy = Legacy(path, written, stay)
        legacy.is_alive = inside is not None and shape.running(inside["State"])
        legacy.image_id = None if inside is None else inside["Image"]
        try:
            await self._threads.call(stay.open, written.journal)
            turn = await self._threads.call(_state, stay, written)
            if legacy.is_alive and not turn.arrived:
                # It may be about to begin: only one that has ended certainly never does.
                await self._containers.kill(stay.container_id, "SIGKILL")
                legacy.is_alive = False
                turn = await self._threads.call(_state, stay, written)
        except OSError as error:
            _log.warning("nothing can be read of %s: %s", path, error)
            await self._maker.remove(written.container_id, path, legacy.image_id)
            return None
        known = {written.members[index] for index in turn.withdrawn | turn.passed_over}
        begun = turn.current + (turn.now_running is not None)
        if not legacy.is_alive:
            stay.line.close()
        legacy.over = set(written.members[: turn.current])
        last = None if legacy.is_alive else begun
        legacy.handed_out = set(written.members[:last]) - known
        if not legacy.handed_out:
            await self._drop(legacy)
            return None
        self._legacies[path] = legacy
        self._by_execution |= dict.fromkeys(legacy.handed_out, legacy)
        return legacy

    def _handles(self, legacy: Legacy) -> list[Handle]:
        written = legacy.paper
        return [
            Handle(
                execution_id=execution_id,
                actor_id=written.actor_id,
                worker_id=written.worker_id,
                image=written.image,
                facts={"container": written.container_id},
            )
            for execution_id in written.members
            if execution_id in legacy.handed_out - legacy.cleared
        ]

    # ---- seeing one through ------------------------------------------------------------------

    async def resume(self, execution_id: str, watch: Watch) -> Outcome:
        """Raises RunFailed."""
        legacy = self._by_execution[execution_id]
        self._begin(legacy)
        news, has_started = legacy.news[execution_id], False
        while True:
            kind, what = await news.get()
            if kind == "started":
                has_started = True
                await watch.started(what)
            elif kind == "log":
                await watch.log(what)
            elif kind == "result":
                key, body = what
                await watch.result(key, body)
                if not isinstance(body, bytes):
                    body.close()
            else:
                return await _tell(what, watch, has_started=has_started)

    async def halt(self, execution_id: str, grace: timedelta) -> None:
        legacy = self._by_execution[execution_id]
        task = self._begin(legacy)
        ready = asyncio.ensure_future(legacy.stay.line.ready.wait())
        await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if task.done():
            return
        if not await legacy.stay.halt(execution_id, grace):
            await self._containers.kill(legacy.stay.container_id, "SIGKILL")

    async def clear(self, execution_id: str) -> None:
        legacy = self._by_execution[execution_id]
        legacy.cleared.add(execution_id)
        if legacy.is_alive and execution_id not in legacy.over:
            await self.halt(execution_id, timedelta())
        self._by_execution.pop(execution_id, None)
        if legacy.cleared >= legacy.handed_out:
            await self._drop(legacy)

    async def close(self) -> None:
        """Interpreters are left alone."""
        for legacy in self._legacies.values():
            await self._stop(legacy)

    def _begin(self, legacy: Legacy) -> "asyncio.Task[None]":
        if legacy.task is None:
            legacy.task = asyncio.create_task(self._follow(legacy), name="abaco-heir")
        return legacy.task

    async def _follow(self, legacy: Legacy) -> None:
        stay = legacy.stay
        why = partial(self._maker.why, stay)
        stay.turn = legacy.turn
        looking = None
        try:
            if legacy.is_alive:
                await stay.line.listen(legacy.path)
                looking = asyncio.create_task(self._look_for_it(stay))
            await stay.follow(legacy.turn, legacy, why)
            if rest := legacy.turn.left:
                reason = f"Before it began: {await why()}"
                failure = RunFailed(FailureKind.INTERNAL, reason, started=False)
                await legacy.ended([Ended(execution_id=one, end=failure) for one in rest])
        except Exception as error:  # noqa: BLE001  each must hear of an end
            _log.exception("a group of an earlier life is lost")
            failure = RunFailed(FailureKind.INTERNAL, repr(error), started=True)
            rest = legacy.turn.left
            await legacy.ended([Ended(execution_id=one, end=failure) for one in rest])
        finally:
            if looking is not None:
                looking.cancel()
                await asyncio.wait([looking])

    async def _look_for_it(self, stay: Stay) -> None:
        """It comes back by itself, unless it ended before."""
        while not stay.line.ready.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK):
                    await stay.line.ready.wait()
                    return
            try:
                state = await self._containers.state(stay.container_id)
            except RunFailed:
                continue  # it has waited for the engine
            if state is None or not shape.running(state):
                stay.line.close()
                stay.line.wake()

    async def _stop(self, legacy: Legacy) -> None:
        if legacy.task is not None:
            legacy.task.cancel()
            await asyncio.wait([legacy.task])
        legacy.stay.close()

    async def _drop(self, legacy: Legacy) -> None:
        await self._stop(legacy)
        await self._maker.remove(legacy.paper.container_id, legacy.path, legacy.image_id)
        self._legacies.pop(legacy.path, None)


async def _tell(end: Ended, watch: Watch, *, has_started: bool) -> Outcome:
    if not has_started and isinstance(end.end, Outcome):
        await watch.started(end.end.start_time)
    if end.log:
        await watch.log(end.log)
    for key, body in end.results:
        await watch.result(key, body)
    if end.state is not NO_STATE:
        await watch.state(end.state)
    if isinstance(end.end, RunFailed):
        raise end.end
    return end.end


def _state(stay: Stay, written: paper.Paper) -> Turn:
    """How far it has come. Blocking."""
    journal = Journal(stay.journal_file, stay.magic, written.journal)
    turn = Turn(written.number, written.members)
    while records := journal.read():
        for record, _ in records:
            turn.pass_by(record)
    return turn
