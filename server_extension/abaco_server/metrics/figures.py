"""Gauges: what the store says of this moment.

Prometheus asks on the event loop and cannot wait for a database. So what it gets is what was read
last, and its asking has the next figures read: they are one scrape old, and nothing polls.
`/abaco/v1/metrics` waits for new ones.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

log = logging.getLogger(__name__)

Counts = Mapping[str, Mapping[str, int]]
"""By gauge, then by status; the empty status is a gauge without one."""

HELP = {
    "messages_waiting": "Messages that wait, without those being worked on.",
    "actors": "Actors, by status.",
    "workers": "Workers, by status.",
    "builds": "Builds on record, by status; only the newest are kept.",
    "webhook_deliveries_waiting": "Events on their way to a webhook.",
    "executions_running": "Executions that run at this moment.",
    "executions_capacity": "How many may.",
}


class Figures:
    """One service's gauges. `open` it on the event loop, `close` it when the service stops."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Counts]],
        now: Callable[[], Mapping[str, int]],
        registry: CollectorRegistry,
    ) -> None:
        """`now` costs nothing and is asked at each scrape."""
        self._read = read
        self._now = now
        self._registry = registry
        self._counts: Counts = {}
        self._reading: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        await self.refresh()
        self._loop = asyncio.get_running_loop()
        self._registry.register(self)

    async def close(self) -> None:
        self._registry.unregister(self)
        self._loop = None
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def refresh(self) -> None:
        self._counts = await self._read()

    async def text(self) -> bytes:
        """All of ours with figures of this moment, in Prometheus's text format."""
        await self.refresh()
        return generate_latest(self._registry)

    def describe(self) -> Iterable[Metric]:
        """Two services in one process are asked one after the other, and nobody complains."""
        return ()

    def collect(self) -> Iterable[Metric]:
        if self._loop is not None:
            # A scrape may come on a thread of its own.
            self._loop.call_soon_threadsafe(self._read_again)
        for name, counts in self._counts.items():
            labels = [] if set(counts) <= {""} else ["status"]
            family = GaugeMetricFamily(f"abaco_{name}", HELP[name], labels=labels)
            for status, count in counts.items():
                family.add_metric([status] if labels else [], count)
            yield family
        for name, count in self._now().items():
            yield GaugeMetricFamily(f"abaco_{name}", HELP[name], value=count)

    def _read_again(self) -> None:
        if self._loop is not None and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._again(), name="abaco-figures")

    async def _again(self) -> None:
        try:
            await self.refresh()
        except Exception:
            log.exception("the figures for Prometheus were not read; the next scrape tries again")
