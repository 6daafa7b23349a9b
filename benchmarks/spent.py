"""Where the time of P3 to P6 goes: calls made to be looked at, beside those that are timed.

steps      of one warm call, by the stamps in the execution's row and the kernel's own clock.
cpu        of a map, of all processes that have a part in it.
workers    of 50 ms sleeps: what each of the eight workers does with its time.
beginning  of a first result: what has to be there before it.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import suppress
from itertools import pairwise
from statistics import mean
from typing import Any

import psutil

from abaco_jupyter import Abaco, AbacoExecutor
from benchmarks import tidy
from benchmarks.peers import of_containers
from benchmarks.tidy import SMALL
from benchmarks.work import nap, noop
from tests.live_server import REPOSITORY, LiveServer

CALLS, MAPPED, NAPS = (5, 40, 16) if SMALL else (100, 2000, 160)
MAPS = 1 if SMALL else 5
WORKERS, NAP = 8, 0.05
STAMPS = ("message_received_time", "taken_time", "start_time", "finish_time")
BEGINNING = """
import json, time
told = [time.perf_counter()]
from abaco_jupyter import Abaco, AbacoExecutor
from benchmarks.work import noop
told.append(time.perf_counter())
executor = AbacoExecutor(2)
executor.actor
told.append(time.perf_counter())
executor.submit(noop, 1).result()
told.append(time.perf_counter())
executor.shutdown()
print(json.dumps([later - earlier for earlier, later in zip(told, told[1:])]))
"""
Figures = dict[str, Any]


def main() -> None:
    found: Figures = {"benchmark": "spent"}
    with tidy.home() as home, LiveServer(home, "--AbacoApp.runner=docker") as server:
        with Abaco(server.url, server.token) as abaco:
            with AbacoExecutor(2, abaco=abaco) as executor:
                found["steps_ms"] = _steps(server, executor)
                found["cpu_ms_per_call"] = _cpu(server, executor)
            with AbacoExecutor(WORKERS, abaco=abaco) as executor:
                found["workers"] = _workers(server, executor)
        found["beginning_s"] = _beginning(server)
    print(json.dumps(found, indent=2))


def _steps(server: LiveServer, executor: AbacoExecutor) -> Figures:
    for _ in range(5):
        executor.submit(noop, 1).result()
    told = {}
    for _ in range(CALLS):
        begin = time.time()
        future = executor.submit(noop, 1)
        future.result()
        told[future.execution_id] = (begin, time.time())
    steps: dict[str, list[float]] = {}
    names = ("to_the_server", "kept_and_taken", "handed_over", "run", "recorded_and_told")
    for execution_id, stamps in _stamps(server, list(told)):
        begin, end = told[execution_id]
        times = [begin, *stamps, end]
        for name, (earlier, later) in zip(names, pairwise(times), strict=True):
            steps.setdefault(name, []).append(later - earlier)
    return {name: round(mean(found) * 1000, 3) for name, found in steps.items()}


def _cpu(server: LiveServer, executor: AbacoExecutor) -> Figures:
    list(executor.map(noop, range(MAPPED)))
    assert server.process is not None
    parts = {
        "kernel": [psutil.Process()],
        "server": [psutil.Process(server.process.pid)],
        "containers": of_containers(server.service_id),
    }
    before = {name: _used(processes) for name, processes in parts.items()}
    begin = time.perf_counter()
    for _ in range(MAPS):
        list(executor.map(noop, range(MAPPED)))
    took, calls = time.perf_counter() - begin, MAPS * MAPPED
    figures = {
        name: round((_used(processes) - before[name]) / calls * 1000, 4)
        for name, processes in parts.items()
    }
    return figures | {"time": round(took / calls * 1000, 4)}


def _used(processes: list[psutil.Process]) -> float:
    """Processor seconds; those of a child that has ended are its parent's."""
    used = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            used += sum(process.cpu_times()[:4])
    return used


def _workers(server: LiveServer, executor: AbacoExecutor) -> Figures:
    """Shares of the time that eight workers had together; `other` is neither run nor handed
    over: waiting for a message, and putting its end on record."""
    wait([executor.submit(nap, NAP) for _ in range(WORKERS)])
    begin = time.perf_counter()
    futures = [executor.submit(nap, NAP) for _ in range(NAPS)]
    wait(futures)
    whole = (time.perf_counter() - begin) * WORKERS
    ids = [future.execution_id for future in futures if future.execution_id]
    ran = taken = 0.0
    for _, (_, took, start, finish) in _stamps(server, ids):
        ran += finish - start
        taken += max(start - took, 0)
    asleep = NAPS * NAP
    return {
        "asleep": round(asleep / whole, 4),
        "around_the_sleep": round((ran - asleep) / whole, 4),
        "mean_taken_to_start_ms": round(taken / NAPS * 1000, 2),
        "other": round(1 - ran / whole, 4),
    }


def _beginning(server: LiveServer) -> Figures:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY) + os.pathsep + _path()}
    environment |= {"ABACO_URL": server.url, "ABACO_TOKEN": server.token}
    rounds = []
    for _ in range(1 if SMALL else 3):
        for actor in server.api("GET", "actors/v2"):
            server.api("DELETE", f"actors/v2/{actor['id']}")
        said = subprocess.run(
            [sys.executable, "-c", BEGINNING],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        rounds.append(json.loads(said.stdout))
    names = ("imports", "actor", "container_and_call")
    means = [round(mean(times), 3) for times in zip(*rounds, strict=True)]
    return dict(zip(names, means, strict=True))


def _path() -> str:
    return os.environ.get("PYTHONPATH", "")


def _stamps(server: LiveServer, ids: list[str]) -> Iterator[tuple[str, list[float]]]:
    """Of executions, in seconds: what their rows say, which is finer than the API is."""
    database = sqlite3.connect(f"file:{server.home}/data/abaco/abaco.db?mode=ro", uri=True)
    try:
        for execution_id in ids:
            query = f"SELECT {', '.join(STAMPS)} FROM executions WHERE id = ?"
            (row,) = database.execute(query, (execution_id,)).fetchall()
            yield execution_id, [value / 1e6 for value in row]
    finally:
        database.close()


if __name__ == "__main__":
    main()
