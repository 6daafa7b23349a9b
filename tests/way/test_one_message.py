"""One message through all seven stops, looked at from outside at each of them."""

import json
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from live_server import LiveServer

pytestmark = pytest.mark.docker

SOURCE = """
import time


def slow(text):
    print("one", flush=True)
    time.sleep(float(text))
    print("two")
    return {"slept": text}
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    with LiveServer(tmp_path, "--AbacoApp.runner=docker", "--AbacoApp.warm_containers=0") as server:
        yield server


def test_one_message(server: LiveServer) -> None:
    actor = server.register(SOURCE, "slow", stateless=False)
    first = server.send(actor, "3")
    stream = _Stream(server, actor, first)
    # 1 web and 2 service: a second message for a stateful actor is accepted and waits.
    second = server.send(actor, "0")
    # 3 queue: it is on disk, not on loan, behind the first.
    _until(lambda: _status(server, actor, first) == "RUNNING")
    assert _rows(server, "SELECT execution_id, until IS NULL FROM messages ORDER BY seq") == [
        (first, 0),
        (second, 1),
    ]
    assert server.api("GET", f"actors/v2/{actor}/messages")["messages"] == 1
    # 4 workers: one worker, busy with the first.
    (worker,) = server.api("GET", f"actors/v2/{actor}/workers")
    assert worker["status"] == "BUSY"
    # 5 runners: its container carries our labels and none of our privileges.
    (container,) = _containers(actor)
    assert container["Config"]["Labels"]["abaco.execution"] == first
    assert container["Config"]["Labels"]["abaco.worker"] == worker["id"]
    assert container["HostConfig"]["CapDrop"] == ["ALL"]
    assert "no-new-privileges" in container["HostConfig"]["SecurityOpt"][0]
    assert container["HostConfig"]["PidsLimit"] == 512
    _until(lambda: _logs(server, actor, first) == "one\n")
    # 6 outcomes: execution, log, result and ack appear together.
    _until(lambda: _status(server, actor, second) == "COMPLETE")
    record = server.api("GET", f"actors/v2/{actor}/executions/{first}")
    assert (record["status"], record["exitCode"]) == ("COMPLETE", 0)
    assert record["finalState"]["Status"] == "exited"
    assert record["runtime"] >= 3
    assert _logs(server, actor, first) == "one\ntwo\n"
    assert json.loads(server.result(actor, first)) == {"slept": "3"}
    assert _rows(server, "SELECT count(*) FROM messages") == [(0,)]
    # 7 events: the stream told it as it happened, and nothing is left untold.
    assert stream.events() == ["status", "status", "log", "log", "end"]
    _until(lambda: _rows(server, "SELECT count(*) FROM outbox") == [(0,)])
    assert _containers(actor) == []


class _Stream:
    """Reads an execution's events in a thread, as a browser would."""

    def __init__(self, server: LiveServer, actor: str, execution: str) -> None:
        self._frames = ""

        def read() -> None:
            self._frames = server.follow(actor, execution)

        self._thread = threading.Thread(target=read)
        self._thread.start()

    def events(self) -> list[str]:
        self._thread.join(30)
        lines = self._frames.splitlines()
        return [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]


def _status(server: LiveServer, actor: str, execution: str) -> str:
    status: str = server.api("GET", f"actors/v2/{actor}/executions/{execution}")["status"]
    return status


def _logs(server: LiveServer, actor: str, execution: str) -> str:
    logs: str = server.api("GET", f"actors/v2/{actor}/executions/{execution}/logs")["logs"]
    return logs


def _rows(server: LiveServer, statement: str) -> list[tuple[object, ...]]:
    database = server.home / "data" / "abaco" / "abaco.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()


def _containers(actor: str) -> list[dict]:  # type: ignore[type-arg]
    ids = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label=abaco.actor={actor}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    if not ids:
        return []
    shown = subprocess.run(["docker", "inspect", *ids], capture_output=True, check=True)
    found: list[dict] = json.loads(shown.stdout)  # type: ignore[type-arg]
    return found


def _until(true) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "it did not come true in 30 s"
        time.sleep(0.05)
