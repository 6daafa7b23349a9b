"""Containers for messages: a fresh one for each, and one that serves many, against `docker run`
of the same image and command in the same run.

P1  one message to its end, a container waiting: in the runner alone, and by one HTTP request to a
    server that keeps record and log. Medians of the rounds' medians.
P2  messages ended per second with 2, 4 and 8 workers, against as many `docker run` at once,
    and what the machine's processors did for each.
"""

import asyncio
import http.client
import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import psutil

import docker as docker_client
from abaco_jupyter.wire.ids import new_id
from abaco_server.model.task import Task
from abaco_server.runners.docker import DockerRunner, connect
from abaco_server.runners.docker.warm.demand import WarmPolicy
from benchmarks import tidy
from benchmarks.tidy import SMALL
from tests.live_server import LiveServer

BASE = "abaco-jupyter/python:3.11"
COMMANDS = {"true": ["true"], "python": ["python3", "-c", "pass"]}
TARGETS = {"true": 100, "python": 25}
ROUNDS, MESSAGES = (1, 2) if SMALL else (3, 4)
"""Messages of each kind in a round, in turns with `docker run`."""
PARALLEL = (4,) if SMALL else (2, 4, 8)
SUSTAINED = 8 if SMALL else 16
"""Messages of a measurement of throughput; ten times as many where a container serves many."""
MANY = 10
SETTLE = 0.5
"""Seconds in which nothing is made or removed any more."""


def main() -> None:
    with tidy.home() as home:
        with images() as names, LiveServer(home, "--AbacoApp.runner=docker") as server:
            single = {kind: one_message(server, home, name) for kind, name in names.items()}
            found = {
                "benchmark": "fresh",
                "p1": {kind: facts | {"target": TARGETS[kind]} for kind, facts in single.items()},
                "p2": sustained(server, names["true"]),
                "host_ms": {kind: on_the_host(COMMANDS[kind]) for kind in names},
                "engine_ms": engine_steps(names["true"]),
            }
        print(json.dumps(found, indent=2))


@contextmanager
def images() -> Iterator[dict[str, str]]:
    names = {kind: f"abaco-bench-fresh-{kind}" for kind in COMMANDS}
    for kind, command in COMMANDS.items():
        made = docker("create", BASE, *command)
        docker("commit", made, names[kind])
        docker("rm", made)
    try:
        yield names
    finally:
        docker("rmi", "-f", *names.values())


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def until_waiting(label: str) -> None:
    """A container of ours waits, and the machine has done with those before."""
    filters = ["label=abaco.waits=yes", f"label={label}", "status=running"]
    listing = ["ps", "-q", *(part for one in filters for part in ("--filter", one))]
    deadline = time.monotonic() + 60
    while not docker(*listing):
        if time.monotonic() > deadline:
            raise RuntimeError(f"no container waits for {label}")
        time.sleep(0.05)
    time.sleep(SETTLE)


# ---- one message -----------------------------------------------------------------------------


def one_message(server: LiveServer, home: Path, image: str) -> dict[str, Any]:
    fresh = server.api("POST", "actors/v2", {"image": image})["id"]
    reused = server.api("POST", "actors/v2", {"image": image, "hints": ["reuse"]})["id"]
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    rounds: dict[str, list[float]] = {}
    with InRunner(home / "runner", image) as runner:
        for _ in range(ROUNDS):
            seen: dict[str, list[float]] = {}
            for _ in range(MESSAGES):
                seen.setdefault("docker_run", []).append(
                    timed(docker, "run", "--rm", image),
                )
                seen.setdefault("runner", []).append(runner.one())
                for way, actor in (("service", fresh), ("reused", reused)):
                    until_waiting(f"abaco.actor={actor}")
                    seen.setdefault(way, []).append(timed(post, line, server.token, actor))
            for way, times in seen.items():
                rounds.setdefault(way, []).append(median(times))
    line.close()
    for actor in (fresh, reused):
        server.api("DELETE", f"actors/v2/{actor}")
    p50 = {way: median(found) for way, found in rounds.items()}
    return {
        "p50_ms": {way: round(seconds * 1000, 1) for way, seconds in p50.items()},
        "times_faster": {
            way: round(p50["docker_run"] / p50[way], 1) for way in ("runner", "service", "reused")
        },
    }


def on_the_host(command: list[str]) -> float:
    """The same command without any container, p50 in ms."""
    times = [timed(subprocess.run, command) for _ in range(ROUNDS * MESSAGES)]
    return round(median(times) * 1000, 1)


def engine_steps(image: str) -> dict[str, float]:
    """What the engine takes for each part of a container's life, p50 in ms."""
    steps: dict[str, list[float]] = {}
    client = docker_client.from_env().api
    try:
        for _ in range(ROUNDS * MESSAGES):
            begin = time.perf_counter()
            made = client.create_container(image)["Id"]
            steps.setdefault("create", []).append(time.perf_counter() - begin)
            steps.setdefault("start", []).append(timed(client.start, made))
            client.wait(made)
            steps.setdefault("remove", []).append(timed(client.remove_container, made))
    finally:
        client.close()
    return {name: round(median(times) * 1000, 1) for name, times in steps.items()}


def timed(work: Any, *arguments: Any) -> float:
    begin = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - begin


def post(line: http.client.HTTPConnection, token: str, actor: str) -> None:
    """A message, and its answer when it has ended."""
    path = f"/actors/v2/{actor}/messages?_abaco_synchronous=true"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    line.request("POST", path, b'{"message": "x"}', headers)
    answer = line.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} {body[:500]!r}")


class InRunner:
    """The runner alone, told to run by hand: what HTTP, queue and record add is not in it."""

    def __init__(self, home: Path, image: str) -> None:
        self._service = f"bench-{new_id()}"
        self._image = image
        self._home = home
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> "InRunner":
        self._loop.run_until_complete(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run_until_complete(self._runner.close())
        self._loop.close()

    async def _open(self) -> None:
        self._runner = DockerRunner(
            connect(), service_id=self._service, run_dir=self._home, warm=WarmPolicy()
        )
        await self._runner.prepare(self._task().place)

    def one(self) -> float:
        return self._loop.run_until_complete(self._one())

    async def _one(self) -> float:
        await self._runner.prepare(self._task().place)
        await asyncio.to_thread(until_waiting, f"abaco.service={self._service}")
        task = self._task()
        begin = time.perf_counter()
        await self._runner.run(task, Deaf())
        took = time.perf_counter() - begin
        await self._runner.clear(task.execution_id)
        return took

    def _task(self) -> Task:
        return Task(
            execution_id=new_id(),
            actor_id="bench",
            worker_id="bench",
            tenant="BENCH",
            image=self._image,
            environment={},
            text="x",
        )


class Deaf:
    """A Watch that keeps nothing."""

    async def started(self, at: datetime) -> None: ...

    async def log(self, chunk: bytes) -> None: ...

    async def result(self, key: str, body: bytes) -> None: ...

    async def state(self, value: Any) -> None: ...


# ---- many messages ---------------------------------------------------------------------------


def sustained(server: LiveServer, image: str) -> dict[str, Any]:
    rates: dict[str, dict[int, list[float]]] = {}
    busy: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for parallel in PARALLEL:
            figures = {
                "docker_run": runs_per_second(image, parallel),
                "fresh": messages_per_second(server, image, parallel, SUSTAINED),
                "reused": messages_per_second(server, image, parallel, SUSTAINED * MANY, "reuse"),
            }
            for way, (rate, used) in figures.items():
                rates.setdefault(way, {}).setdefault(parallel, []).append(rate)
                if parallel == max(PARALLEL):
                    busy.setdefault(way, []).append(used)
    medians = {
        way: {parallel: round(median(found), 1) for parallel, found in by.items()}
        for way, by in rates.items()
    }
    best = {way: max(by.values()) for way, by in medians.items()}
    return {
        "per_second": medians,
        "fresh_against_docker_run": round(best["fresh"] / best["docker_run"], 2),
        "reused_against_docker_run": round(best["reused"] / best["docker_run"], 1),
        "processor_ms_each": {way: round(median(used) * 1000) for way, used in busy.items()},
        "target": "fresh 2 times (stretch 10)",
    }


def busy_seconds() -> float:
    """What all processors of the machine have done so far."""
    spent = psutil.cpu_times()
    return float(sum(spent[:8]) - spent.idle - getattr(spent, "iowait", 0.0))


def runs_per_second(image: str, parallel: int) -> tuple[float, float]:
    """How many, and the seconds of a processor that one costs."""
    begin, before = time.perf_counter(), busy_seconds()
    with ThreadPoolExecutor(parallel) as pool:
        for done in [pool.submit(docker, "run", "--rm", image) for _ in range(SUSTAINED)]:
            done.result()
    took, used = time.perf_counter() - begin, busy_seconds() - before
    return SUSTAINED / took, used / SUSTAINED


def messages_per_second(
    server: LiveServer, image: str, parallel: int, count: int, *hints: str
) -> tuple[float, float]:
    """As `runs_per_second`."""
    fields = {"image": image, "maxWorkers": parallel, "hints": list(hints)}
    actor = server.api("POST", "actors/v2", fields)["id"]
    server.follow(actor, server.send(actor, "x"))
    until_waiting(f"abaco.actor={actor}")
    begin, before = time.perf_counter(), busy_seconds()
    sent = [server.send(actor, "x") for _ in range(count)]
    for execution in sent:
        server.follow(actor, execution)
    took, used = time.perf_counter() - begin, busy_seconds() - before
    server.api("DELETE", f"actors/v2/{actor}")
    return count / took, used / count


if __name__ == "__main__":
    main()
