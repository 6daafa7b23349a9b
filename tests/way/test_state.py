"""A stateful actor counts: each execution finds what the one before it left."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from live_server import LiveServer

SOURCE = """
from abaco_runtime import get_state, update_state


def count(text):
    seen = get_state().get("seen", [])
    update_state({"seen": [*seen, text]})
    return len(seen) + 1
"""


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(tmp_path, f"--AbacoApp.runner={request.param}") as server:
        yield server


def test_the_state_goes_from_one_execution_to_the_next(server: LiveServer) -> None:
    actor = server.register(SOURCE, "count", stateless=False)
    sent = [server.send(actor, text) for text in "abc"]
    server.follow(actor, sent[-1])
    assert [server.result(actor, execution) for execution in sent] == [b"1", b"2", b"3"]
    assert server.api("GET", f"actors/v2/{actor}/state")["state"] == {"seen": ["a", "b", "c"]}


def test_a_stateless_actor_is_told_that_it_keeps_no_state(server: LiveServer) -> None:
    actor = server.register(SOURCE, "count")
    execution = server.send(actor, "a")
    server.follow(actor, execution)
    assert server.result(actor, execution) == b""
    path = f"actors/v2/{actor}/executions/{execution}"
    assert server.api("GET", path)["exitCode"] == 1
    assert "--stateful" in server.api("GET", f"{path}/logs")["logs"]
    assert server.api("GET", f"actors/v2/{actor}/state")["state"] == {}
