"""Counters and gauges for Prometheus."""

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from abaco_server.metrics import Figures, Meters, meters

pytestmark = pytest.mark.asyncio


async def test_each_thing_is_counted_once() -> None:
    registry = CollectorRegistry()
    meter = Meters(registry)

    async def answers(_: object) -> int:
        return 500

    async def fails(_: object) -> int:
        raise OSError("nobody there")

    meter.accepted()
    submit = meter.submitting("cron", lambda conn, items: [bool(item) for item in items])
    assert submit("conn", [1, 0, 1]) == [True, False, True]
    assert await meter.posting(answers)("delivery") == 500
    with pytest.raises(OSError, match="nobody"):
        await meter.posting(fails)("delivery")
    meter.ended("COMPLETE")
    meter.waited(timedelta(milliseconds=50))
    meter.ran(timedelta(seconds=3))
    meter.committed(3)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"abaco_{name}", labels)

    assert value("messages_accepted_total", source="request") == 1
    assert value("messages_accepted_total", source="cron") == 2
    assert value("webhook_posts_total", outcome="answered") == 1
    assert value("webhook_posts_total", outcome="failed") == 1
    assert value("executions_ended_total", status="COMPLETE") == 1
    assert value("message_wait_seconds_sum") == 0.05
    assert value("execution_run_seconds_bucket", le="2.0") == 0
    assert value("execution_run_seconds_bucket", le="10.0") == 1
    assert value("store_commit_writes_sum") == 3


async def test_a_second_service_in_one_process_counts_on() -> None:
    assert meters() is meters()
    before = REGISTRY.get_sample_value("abaco_messages_accepted_total", {"source": "request"})
    meters().accepted()
    after = REGISTRY.get_sample_value("abaco_messages_accepted_total", {"source": "request"})
    assert after == (before or 0) + 1


async def test_figures_are_read_because_somebody_asked() -> None:
    registry = CollectorRegistry()
    counts, reads = {"messages_waiting": {"": 1}, "actors": {"READY": 2, "ERROR": 0}}, []

    async def read():
        reads.append(1)
        return {name: dict(by) for name, by in counts.items()}

    figures = Figures(read, lambda: {"executions_running": 4}, registry)
    await figures.open()

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert generate_latest(registry).count(b"# TYPE") == 3
    assert value("abaco_messages_waiting") == 1
    counts["messages_waiting"][""] = 7
    # What was asked for meanwhile comes with the next scrape, or at once in our own text.
    for _ in range(3):
        await asyncio.sleep(0)
    assert value("abaco_messages_waiting") == 7
    counts["messages_waiting"][""] = 9
    text = (await figures.text()).decode()
    assert "abaco_messages_waiting 9.0" in text
    assert 'abaco_actors{status="READY"} 2.0' in text
    assert "abaco_executions_running 4.0" in text
    await figures.close()
    before = len(reads)
    assert generate_latest(registry) == b""
    await asyncio.sleep(0)
    assert len(reads) == before
    # Started again, in the same process.
    again = Figures(read, dict, registry)
    await again.open()
    assert value("abaco_messages_waiting") == 9
    await again.close()


async def test_a_store_that_fails_keeps_the_last_figures(caplog) -> None:
    registry = CollectorRegistry()
    broken = False

    async def read():
        if broken:
            raise OSError("the disk is gone")
        return {"messages_waiting": {"": 1}}

    figures = Figures(read, dict, registry)
    await figures.open()
    broken = True
    for _ in range(4):
        assert registry.get_sample_value("abaco_messages_waiting") == 1
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert "the next scrape tries again" in caplog.text
    await figures.close()
