"""The Docker engine is restarted in the middle of a map: an engine of the test's own."""

import time
from collections.abc import Iterator
from concurrent.futures import wait
from pathlib import Path

import pytest

from abaco_jupyter.client.errors import ExecutionLost
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor.executor import AbacoExecutor
from live_server import LiveServer
from own_engine import OwnEngine

pytestmark = pytest.mark.docker

CALLS, BEFORE, WORKERS = 2000, 100, 2
LIMIT = 240


@pytest.fixture
def engine() -> Iterator[OwnEngine]:
    with OwnEngine() as engine:
        engine.load("abaco-jupyter/python:3.11")
        yield engine


@pytest.fixture
def server(
    engine: OwnEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LiveServer]:
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    with LiveServer(tmp_path, "--AbacoApp.runner=docker") as server:
        yield server


def slow(number: int) -> int:
    time.sleep(0.005)
    return number


def test_every_call_of_a_map_ends_though_the_engine_is_restarted(
    engine: OwnEngine, server: LiveServer
) -> None:
    with (
        Abaco(server.url, server.token) as abaco,
        AbacoExecutor(WORKERS, abaco=abaco) as executor,
    ):
        futures = [executor.submit(slow, number) for number in range(CALLS)]
        futures[BEFORE].result(LIMIT)
        engine.stop()  # the containers end with it
        assert not futures[-1].done()
        engine.start()
        _, rest = wait(futures, timeout=LIMIT)
        assert not rest, server.log[-3000:]
        lost = [one for one in futures if one.exception() is not None]
        # Only what had begun; it may have done its work, so it is not run again.
        assert len(lost) <= WORKERS
        for one in lost:
            assert isinstance(one.exception(), ExecutionLost)
            assert "ended from outside while it ran" in str(one.exception())
        good = [number for number, one in enumerate(futures) if one not in lost]
        assert [futures[number].result() for number in good] == good
        assert executor.submit(pow, 2, 5).result(LIMIT) == 32
