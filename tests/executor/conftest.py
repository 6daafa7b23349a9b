"""A server for each file. Its runner needs no Docker: what is tested is the executor."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor.executor import AbacoExecutor
from live_server import LiveServer


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    home: Path = tmp_path_factory.mktemp("executor")
    with LiveServer(home, "--AbacoApp.runner=process", "--AbacoApp.capacity=4") as server:
        yield server


@pytest.fixture
def executor(live: LiveServer) -> Iterator[AbacoExecutor]:
    with Abaco(live.url, live.token) as abaco:
        executor = AbacoExecutor(2, abaco=abaco)
        yield executor
        executor.shutdown(cancel_futures=True)
