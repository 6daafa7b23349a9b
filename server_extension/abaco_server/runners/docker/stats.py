"""Processor, network and memory of all running containers, read by one task."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from docker.errors import APIError
from docker.utils import version_gte

from abaco_server.runners.docker.engine import Engine, EngineGone

_log = logging.getLogger(__name__)
_SHARE = 20
"""A pause is at least this many times as long as the reading before it took, so that hundreds
of containers cost the engine no more than a twentieth of its time."""


@dataclass(slots=True, kw_only=True)
class Usage:
    """The last that was seen: an engine forgets these figures when the container ends."""

    cpu: int = 0
    io: int = 0
    first_io: int = 0
    """At the first reading."""
    peak_memory: int = 0


class Sampler:
    """Reads each container once an interval; no task while there is none."""

    def __init__(self, engine: Engine, interval: timedelta = timedelta(seconds=1)) -> None:
        self._engine = engine
        self._interval = interval.total_seconds()
        self._usages: dict[str, Usage] = {}
        self._fresh: list[str] = []
        self._added = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # Engines older than this make every reading wait for two cycles of their own.
        self._options = {"one_shot": True} if version_gte(engine.client._version, "1.41") else {}

    def add(self, container_id: str, *, at_once: bool = True) -> Usage:
        """`at_once` also now: what ends within the interval is seen but once."""
        usage = self._usages[container_id] = Usage()
        if at_once:
            self._fresh.append(container_id)
            self._added.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._sample(), name="abaco-stats")
            self._task.add_done_callback(_report)
        return usage

    def drop(self, container_id: str) -> None:
        self._usages.pop(container_id, None)

    async def close(self) -> None:
        self._usages.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _sample(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._interval
        while self._usages:
            # Somebody who has just come may be read at once, all of them at their time.
            began = loop.time()
            wanted = list(self._usages) if began >= due else self._fresh
            self._fresh = []
            self._added.clear()
            if wanted:
                await self._read_and_note(wanted)
            if began >= due:
                due = began + max(self._interval, _SHARE * (loop.time() - began))
            try:
                async with asyncio.timeout_at(due):
                    await self._added.wait()
            except TimeoutError:
                pass

    async def _read_and_note(self, container_ids: list[str]) -> None:
        try:
            found = await self._engine.call(self._read, container_ids)
        except EngineGone:
            return
        for container_id, stats in found.items():
            if usage := self._usages.get(container_id):
                note(usage, stats)

    def _read(self, container_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        found = {}
        for container_id in container_ids:
            try:
                found[container_id] = self._engine.client.stats(
                    container_id, stream=False, **self._options
                )
            except APIError:
                _log.debug("no statistics of container %s", container_id, exc_info=True)
        return found


def _report(task: "asyncio.Task[None]") -> None:
    """The next container that is added starts a new task."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("statistics are not read for a while", exc_info=error)


def note(usage: Usage, stats: dict[str, Any]) -> None:
    """Keep the highest of each: a container that has just ended reads as zero."""
    cpu = stats.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage") or 0
    memory = stats.get("memory_stats", {})
    peak = memory.get("max_usage") or memory.get("usage") or 0
    received = sum(net.get("rx_bytes", 0) for net in (stats.get("networks") or {}).values())
    usage.first_io = usage.first_io or received
    usage.cpu = max(usage.cpu, cpu)
    usage.io = max(usage.io, received)
    usage.peak_memory = max(usage.peak_memory, peak)
