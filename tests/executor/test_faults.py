"""What may go wrong on the way: every call ends in a result or in an error that says what."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, wait
from pathlib import Path

import pytest

from abaco_jupyter.client.errors import ExecutionLost, ServerUnreachable
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.wire.errors import AbacoError
from live_server import LiveServer

pytestmark = pytest.mark.docker

LIMIT = 120


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(tmp_path, "--AbacoApp.runner=docker") as server:
        yield server


@pytest.fixture
def executor(server: LiveServer) -> Iterator[AbacoExecutor]:
    with Abaco(server.url, server.token) as abaco:
        executor = AbacoExecutor(2, abaco=abaco)
        yield executor
        executor.shutdown(wait=False)


def nap(seconds: float, value: object = None) -> object:
    time.sleep(seconds)
    return value


def until(condition) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_container_that_is_killed_from_outside(executor: AbacoExecutor) -> None:
    future = executor.submit(nap, 300)
    until(future.running)
    label = f"label=abaco.actor={executor.actor.id}"  # its calls share containers
    command = ["docker", "ps", "-q", "--filter", label]
    until(lambda: subprocess.run(command, capture_output=True, check=True).stdout)
    found = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    subprocess.run(["docker", "kill", *found], check=True, capture_output=True)
    with pytest.raises(ExecutionLost) as caught:
        future.result(LIMIT)
    assert caught.value.execution_id == future.execution_id
    assert executor.submit(pow, 2, 5).result(LIMIT) == 32


def test_a_server_that_is_killed_in_the_middle(executor: AbacoExecutor, server: LiveServer) -> None:
    futures = [executor.submit(nap, 1, number) for number in range(12)]
    until(lambda: sum(one.done() for one in futures) >= 2)
    server.kill()
    server.start()
    done, rest = wait(futures, timeout=LIMIT)
    assert not rest
    results = [one.result() for one in futures if one.exception() is None]
    errors = [one.exception() for one in done if one.exception() is not None]
    assert all(isinstance(error, AbacoError) for error in errors)
    assert len(results) >= 10, errors
    assert executor.submit(pow, 2, 5).result(LIMIT) == 32


def test_an_actor_that_is_deleted_in_the_middle(executor: AbacoExecutor) -> None:
    futures = [executor.submit(nap, 300) for _ in range(4)]
    until(lambda: any(one.running() for one in futures))
    executor.actor.delete()
    for future in futures:
        assert isinstance(future.exception(LIMIT), AbacoError)
    with pytest.raises((BrokenExecutor, AbacoError)):
        executor.submit(pow, 1, 1).result(LIMIT)


def test_a_server_that_is_not_there_any_more(
    executor: AbacoExecutor, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor._line, "patience", 1.0)
    future = executor.submit(nap, 300)
    until(future.running)
    server.kill()
    assert isinstance(future.exception(LIMIT), ServerUnreachable)
    with pytest.raises(BrokenExecutor, match="has lost its server"):
        executor.submit(pow, 1, 1)
    server.start()  # so that its containers are cleaned up
