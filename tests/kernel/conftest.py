from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_server import FakeServer

from abaco_jupyter.client.resources import Abaco
from live_server import LiveServer


@pytest.fixture(autouse=True)
def _no_server_of_the_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("ABACO_URL", "ABACO_TOKEN", "ABACO_PLAIN", "ABACO_TRACEBACK", "JPY_PARENT_PID")
    for name in names:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def abaco(server: FakeServer) -> Iterator[Abaco]:
    with server.connect() as client:
        yield client


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A real server, whose runner needs no engine. Tests remove the actors that they make."""
    home: Path = tmp_path_factory.mktemp("live")
    with LiveServer(home, "--AbacoApp.runner=process", "--AbacoApp.capacity=4") as server:
        yield server
