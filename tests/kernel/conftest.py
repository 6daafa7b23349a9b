from collections.abc import Iterator

import pytest
from fake_server import FakeServer

from abaco_jupyter.client.resources import Abaco


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
