"""What is too large for a frame: there and back, with bounded memory, up to a limit."""

import re
from collections.abc import Iterator
from pathlib import Path
from pickle import PicklingError

import pytest

from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.wire.limits import KIB, MIB
from live_server import LiveServer

LIMIT = 240


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    home: Path = tmp_path_factory.mktemp("payloads")
    with LiveServer(home, "--AbacoApp.runner=process") as server:
        yield server


@pytest.fixture
def executor(server: LiveServer) -> Iterator[AbacoExecutor]:
    with Abaco(server.url, server.token) as abaco:
        executor = AbacoExecutor(2, abaco=abaco)
        yield executor
        executor.shutdown(cancel_futures=True)


def peak(server: LiveServer) -> int:
    """Bytes of memory that the server has had at most."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * KIB


def turned(data: bytes) -> bytes:
    return data[::-1]


def test_300_mb_there_and_back_are_never_in_the_servers_memory(
    executor: AbacoExecutor, server: LiveServer
) -> None:
    assert executor.submit(turned, b"ab" * MIB).result(LIMIT) == b"ba" * MIB
    before = peak(server)
    data = b"there" + bytes(300 * MIB)
    back = executor.submit(turned, data).result(LIMIT)
    assert (len(back), back[-5:]) == (len(data), b"ereht")
    assert peak(server) - before < 64 * MIB


def test_arguments_over_the_limit_are_refused_before_anything_runs(
    executor: AbacoExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abaco_jupyter.executor.pickling.MAX_PAYLOAD", MIB)
    future = executor.submit(turned, bytes(MIB))
    with pytest.raises(PicklingError) as caught:
        future.result(LIMIT)
    assert future.execution_id is None
    for words in ("The call of turned", "its arguments", "1,048,576 bytes", "such as a mount"):
        assert words in str(caught.value)
