"""P8: the newest 100 executions and the totals of an actor with 1 k and with 1 M executions."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median

from abaco_jupyter.wire.codes import ActorStatus, ExecutionStatus
from abaco_jupyter.wire.ids import IdSequence, new_id
from abaco_server.model.actor import Actor
from abaco_server.model.clock import SystemClock
from abaco_server.model.execution import Execution
from abaco_server.store import Store, actors, executions
from benchmarks import tidy
from benchmarks.tidy import SMALL

FEW, MANY, BATCH, READS = 1_000, 20_000 if SMALL else 1_000_000, 5_000, 200


def main() -> None:
    with tidy.home() as home:
        print(json.dumps(asyncio.run(_measure(home)), indent=2))


async def _measure(home: Path) -> dict[str, object]:
    clock = SystemClock()
    url = f"sqlite:///{home / 'abaco.db'}"
    store = Store.open(url, payload_dir=home / "payloads", clock=clock)
    try:
        small = await _fill(store, FEW)
        large = await _fill(store, MANY)
        newest = [await _time(partial(_newest, store, actor)) for actor in (small, large)]
        totals = [await _time(partial(_totals, store, actor)) for actor in (small, large)]
    finally:
        await store.close()
    return {
        "benchmark": "lists",
        "target": "P8: 1.5 times at most",
        "newest_100_of_1k_ms": newest[0],
        "newest_100_of_1M_ms": newest[1],
        "ratio": round(newest[1] / newest[0], 3),
        "totals_of_1k_ms": totals[0],
        "totals_of_1M_ms": totals[1],
    }


async def _fill(store: Store, number: int) -> str:
    now = SystemClock().now()
    actor = Actor(
        id=new_id(),
        tenant="T",
        owner="me",
        api_server="http://here",
        image="image",
        status=ActorStatus.READY,
        create_time=now,
        last_update_time=now,
    )
    await store.write(lambda conn: actors.insert(conn, actor))
    ids = IdSequence()
    for begin in range(0, number, BATCH):
        rows = [
            Execution(
                id=ids(),
                actor_id=actor.id,
                tenant="T",
                api_server="http://here",
                executor="me",
                status=ExecutionStatus.COMPLETE,
                message_received_time=now + timedelta(milliseconds=begin + offset),
            )
            for offset in range(min(BATCH, number - begin))
        ]
        await store.write(lambda conn, rows=rows: executions.insert_many(conn, rows))
    return actor.id


async def _newest(store: Store, actor_id: str) -> None:
    found = await store.read(lambda conn: executions.newest(conn, actor_id, 100))
    assert len(found) == 100


async def _totals(store: Store, actor_id: str) -> None:
    found = await store.read(lambda conn: actors.totals(conn, actor_id))
    assert found.executions in (FEW, MANY)


async def _time(work: Callable[[], Awaitable[None]]) -> float:
    """Median of many, in ms."""
    times = []
    for _ in range(READS):
        begin = time.perf_counter()
        await work()
        times.append(time.perf_counter() - begin)
    return round(median(times) * 1000, 3)


if __name__ == "__main__":
    main()
