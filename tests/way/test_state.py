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
    actor = _register(server, stateless=False)
    sent = [server.api("POST", f"actors/v2/{actor}/messages", {"message": text}) for text in "abc"]
    assert [_result(server, actor, answer["executionId"]) for answer in sent] == [b"1", b"2", b"3"]
    assert server.api("GET", f"actors/v2/{actor}/state")["state"] == {"seen": ["a", "b", "c"]}


def test_a_stateless_actor_is_told_that_it_keeps_no_state(server: LiveServer) -> None:
    actor = _register(server, stateless=True)
    sent = server.api("POST", f"actors/v2/{actor}/messages", {"message": "a"})
    assert _result(server, actor, sent["executionId"]) == b""
    path = f"actors/v2/{actor}/executions/{sent['executionId']}"
    assert server.api("GET", path)["exitCode"] == 1
    assert "--stateful" in server.api("GET", f"{path}/logs")["logs"]
    assert server.api("GET", f"actors/v2/{actor}/state")["state"] == {}


def _register(server: LiveServer, *, stateless: bool) -> str:
    build = server.api("POST", "abaco/v1/builds", {"source": SOURCE, "entry": "count"})
    frames = server.request("GET", f"abaco/v1/builds/{build['id']}/stream", timeout=300)[1]
    assert b'"READY"' in frames, frames[-2000:]
    body = {"image": build["image"], "stateless": stateless}
    actor: str = server.api("POST", "actors/v2", body)["id"]
    return actor


def _result(server: LiveServer, actor: str, execution: str) -> bytes:
    path = f"actors/{actor}/executions/{execution}"
    assert b"event: end" in server.request("GET", f"abaco/v1/{path}/stream")[1]
    path = f"actors/v2/{actor}/executions/{execution}/results"
    return server.request("GET", path)[1]
