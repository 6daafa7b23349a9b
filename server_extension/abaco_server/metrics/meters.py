"""Counters and histograms. An increment costs about a microsecond and never waits."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric

T = TypeVar("T")

_SECONDS = (0.005, 0.02, 0.1, 0.5, 2, 10, 60, 300, 1800, 7200)
_GROUP = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Meters:
    """Everything that is counted. Made once a process: see `meters`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._accepted = Counter(
            "abaco_messages_accepted_total",
            "Messages that were taken, by where they came from.",
            ["source"],
            registry=registry,
        )
        self._ended = Counter(
            "abaco_executions_ended_total",
            "Executions that have ended, by status.",
            ["status"],
            registry=registry,
        )
        self._wait = Histogram(
            "abaco_message_wait_seconds",
            "From the message on disk to user code about to run.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._run = Histogram(
            "abaco_execution_run_seconds",
            "How long user code ran.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._posts = Counter(
            "abaco_webhook_posts_total",
            "Attempts to post to a webhook: `answered`, whatever the answer, or `failed`.",
            ["outcome"],
            registry=registry,
        )
        self._commits = Histogram(
            "abaco_store_commit_writes",
            "Writes that one commit of the store made durable.",
            buckets=_GROUP,
            registry=registry,
        )
        # Looked up once: `labels` costs more than the counting itself.
        self._from_requests = self._accepted.labels("request")

    def accepted(self) -> None:
        """A message came by HTTP and is on disk."""
        self._from_requests.inc()

    def submitting(
        self, source: str, submit: Callable[[T, Any], list[bool]]
    ) -> Callable[[T, Any], list[bool]]:
        """The same `submit`, and what it takes is counted as of this source."""
        counter = self._accepted.labels(source)

        def counted(conn: T, items: Any) -> list[bool]:
            taken = submit(conn, items)
            counter.inc(sum(taken))
            return taken

        return counted

    def posting(self, post: Callable[[T], Awaitable[int]]) -> Callable[[T], Awaitable[int]]:
        """The same `post`, with its attempts counted."""
        answered, failed = self._posts.labels("answered"), self._posts.labels("failed")

        async def counted(delivery: T) -> int:
            try:
                answer = await post(delivery)
            except Exception:
                failed.inc()
                raise
            answered.inc()
            return answer

        return counted

    def ended(self, status: str) -> None:
        self._ended.labels(status).inc()

    def waited(self, wait: timedelta) -> None:
        self._wait.observe(wait.total_seconds())

    def ran(self, run: timedelta) -> None:
        self._run.observe(run.total_seconds())

    def committed(self, writes: int) -> None:
        self._commits.observe(writes)


class _Bridge:
    """Shows our registry in the default one, which Jupyter's `/metrics` prints."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        return self._registry.collect()

    def describe(self) -> Iterable[Metric]:
        return ()


@cache
def meters() -> Meters:
    """The process's own: Prometheus knows no second series of the same name."""
    registry = CollectorRegistry()
    REGISTRY.register(_Bridge(registry))
    return Meters(registry)
