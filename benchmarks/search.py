"""Search over the executions of one actor that has 1 k of them and of one that has 100 k."""

import asyncio
import json
import time
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from statistics import median

from abaco_jupyter.wire.codes import ActorStatus, ExecutionStatus, Level
from abaco_jupyter.wire.ids import IdSequence, new_id
from abaco_server.model.actor import Actor
from abaco_server.model.clock import SystemClock
from abaco_server.model.execution import Execution
from abaco_server.model.principal import Principal
from abaco_server.service.desk import Desk, ServiceConfig
from abaco_server.service.search import Kind, Search
from abaco_server.store import Store, actors, executions, permissions
from benchmarks import tidy

SMALL, LARGE, BATCH, ROUNDS = 1_000, 100_000, 5_000, 15
ME = Principal(username="me", tenant="T", roles=frozenset(), api_server="http://here")
STATE = {"Status": "exited", "OOMKilled": False, "StartedAt": "2026-11-21T17:18:35.464052123Z"}
SEARCHES = {
    "all": {},
    "last page": {"skip": "-100"},
    "status (1 in 100)": {"status": "ERROR"},
    "exit code (1 in 100)": {"exit_code.neq": "0"},
    "a second of time": {"message_received_time.between": "{begin},{end}"},
    "field of JSON": {"final_state.OOMKilled": "true"},
    "regular expression": {"status.like": "^E.*R$"},
    "words": {"search": "error"},
}


def main() -> None:
    with tidy.home() as home:
        print(json.dumps(asyncio.run(_measure(home)), indent=2))


async def _measure(home: Path) -> dict[str, object]:
    clock = SystemClock()
    store = Store.open(f"sqlite:///{home / 'abaco.db'}", payload_dir=home / "p", clock=clock)
    search = Search(Desk(store=store, clock=clock, new_id=new_id, config=ServiceConfig(tenant="T")))
    figures: dict[str, object] = {"benchmark": "search", "unit": "ms, median"}
    try:
        for number in (SMALL, LARGE):
            begin = clock.now()
            actor_id = await _fill(store, number, begin)
            for name, given in SEARCHES.items():
                figures[f"{name}, {number}"] = await _time(
                    search, actor_id, _filled(given, number, begin)
                )
    finally:
        await store.close()
    return figures


def _filled(given: dict[str, str], number: int, begin) -> dict[str, str]:
    middle = begin + timedelta(milliseconds=number // 2)
    times = {
        "begin": middle.isoformat(timespec="milliseconds"),
        "end": (middle + timedelta(seconds=1)).isoformat(timespec="milliseconds"),
    }
    found = {key: value.format(**times) for key, value in given.items()}
    return found | {"skip": str(number - 100)} if "skip" in found else found


async def _fill(store: Store, number: int, begin) -> str:
    actor = Actor(
        id=new_id(),
        tenant="T",
        owner="me",
        api_server="http://here",
        image="image",
        status=ActorStatus.READY,
        create_time=begin,
        last_update_time=begin,
    )

    def write(conn) -> None:
        actors.insert(conn, actor)
        permissions.set(conn, actor.id, "me", Level.UPDATE)

    await store.write(write)
    ids = IdSequence()
    sample = Execution(
        id="",
        actor_id=actor.id,
        tenant="T",
        api_server="http://here",
        executor="me",
        status=ExecutionStatus.COMPLETE,
        message_received_time=begin,
        exit_code=0,
        final_state=STATE,
    )
    for first in range(0, number, BATCH):
        rows = []
        for place in range(first, min(first + BATCH, number)):
            at = begin + timedelta(milliseconds=place)
            row = replace(sample, id=ids(), message_received_time=at)
            if place % 100 == 0:
                row = replace(row, status=ExecutionStatus.ERROR, exit_code=None, final_state=None)
            rows.append(row)
        await store.write(partial(executions.insert_many, executions=rows))
    return actor.id


async def _time(search: Search, actor_id: str, given: dict[str, str]) -> float:
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        await search.of_actor(ME, Kind.EXECUTIONS, actor_id, given)
        times.append(time.perf_counter() - begin)
    return round(median(times) * 1000, 2)


if __name__ == "__main__":
    main()
