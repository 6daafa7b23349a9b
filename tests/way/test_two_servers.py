"""Two notebook servers of one user: one hosts, the other forwards, and takes over."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from live_server import LiveServer

SOURCE = "def double(text):\n    print('doubling')\n    return text * 2\n"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[LiveServer, LiveServer]]:
    options = (f"--AbacoApp.data_dir={tmp_path / 'shared'}", "--AbacoApp.runner=process")
    first = LiveServer(tmp_path / "first", *options)
    second = LiveServer(tmp_path / "second", *options)
    first.start()
    try:
        second.start()
        yield first, second
    finally:
        second.stop()
        first.stop()


def test_the_second_server_forwards_and_takes_over(pair: tuple[LiveServer, LiveServer]) -> None:
    first, second = pair
    actor = second.register(SOURCE, "double", name="double")
    assert [found["id"] for found in first.api("GET", "actors/v2")] == [actor]
    assert _call(second, actor, "ab") == "abab"
    assert second.api("GET", "abaco/v1/status")["pid"] == first.process.pid

    first.kill()
    _until_hosted(second)
    assert second.api("GET", "abaco/v1/status")["pid"] == second.process.pid
    assert _call(second, actor, "cd") == "cdcd"

    first.start()
    assert first.api("GET", "abaco/v1/status")["pid"] == second.process.pid
    assert _call(first, actor, "ef") == "efef"


def _call(server: LiveServer, actor: str, text: str) -> str:
    execution = server.send(actor, text)
    assert "doubling" in server.follow(actor, execution)
    answer: str = json.loads(server.result(actor, execution))
    return answer


def _until_hosted(server: LiveServer) -> None:
    """The lock of a killed server is free at once; its heir needs a moment to open the store."""
    deadline = time.monotonic() + 20
    while server.request("GET", "abaco/v1/status")[0] != 200:
        assert time.monotonic() < deadline, server.log[-2000:]
        time.sleep(0.05)
