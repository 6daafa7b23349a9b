"""kill -9 of the server while 20 executions run and 200 wait: each of the 220 runs exactly once.

Each execution knocks at a counter of the test's own, so that a second run would be seen even if
the records looked right.
"""

import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from live_server import LiveServer

pytestmark = pytest.mark.docker

RUNNING, WAITING = 20, 200
SOURCE = """
import os
import time
import urllib.request


def knock(message):
    url, seconds = message.split()
    execution = os.environ["_abaco_execution_id"]
    urllib.request.urlopen(url + execution, timeout=30).read()
    print("begin", execution, flush=True)
    time.sleep(float(seconds))
    print("end", execution)
    return {"execution": execution}
"""


@pytest.fixture
def knocks() -> Iterator[tuple[str, Counter[str]]]:
    """The URL that containers call, and how often each execution did."""
    seen: Counter[str] = Counter()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen[self.path.strip("/")] += 1
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    gateway = subprocess.run(
        ["docker", "network", "inspect", "-f", "{{(index .IPAM.Config 0).Gateway}}", "bridge"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()

    class House(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256  # twenty knock at once, while this machine is busy

    server = House((gateway or "172.17.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{server.server_address[0]}:{server.server_address[1]}/", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_accepted_message_has_one_outcome(
    tmp_path: Path, knocks: tuple[str, Counter[str]]
) -> None:
    url, seen = knocks
    server = LiveServer(
        tmp_path, "--AbacoApp.runner=docker", f"--AbacoApp.capacity={RUNNING}"
    ).start()
    try:
        actor = server.register(SOURCE, "knock", maxWorkers=RUNNING)
        sent = [server.send(actor, f"{url} 20") for _ in range(RUNNING)]
        sent += [server.send(actor, f"{url} 0") for _ in range(WAITING)]
        _wait(server, actor, lambda counts: counts["RUNNING"] == RUNNING, 120)
        server.kill()
        assert len(_containers(actor)) == RUNNING
        server.start()
        _wait(server, actor, lambda counts: counts["COMPLETE"] == len(sent), 400)
        _check(server, actor, sent, seen)
    finally:
        server.stop()


def _check(server: LiveServer, actor: str, sent: list[str], seen: Counter[str]) -> None:
    records = server.api("GET", f"actors/v2/{actor}/executions")["executions"]
    assert sorted(record["id"] for record in records) == sorted(sent)
    assert {record["status"] for record in records} == {"COMPLETE"}
    for execution in sent:
        path = f"actors/v2/{actor}/executions/{execution}"
        logs = server.api("GET", f"{path}/logs")["logs"]
        assert logs == f"begin {execution}\nend {execution}\n"
        assert server.api("GET", path)["exitCode"] == 0
        assert json.loads(server.result(actor, execution)) == {"execution": execution}
        assert server.result(actor, execution) == b""
    assert seen == Counter(sent), "an execution ran twice, or never"
    assert _containers(actor) == []


def _wait(server: LiveServer, actor: str, enough, seconds: float) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + seconds
    while True:
        records = server.api("GET", f"actors/v2/{actor}/executions")["executions"]
        counts = Counter(record["status"] for record in records)
        if enough(counts):
            return
        assert time.monotonic() < deadline, (counts, server.log[-3000:])
        time.sleep(0.5)


def _containers(actor: str) -> list[str]:
    """Those that have a message; others may wait for the next one."""
    found = subprocess.run(
        ["docker", "ps", "-a", "--filter", f"label=abaco.actor={actor}", "--format", "{{.Names}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in found.stdout.split() if not name.startswith("abaco-waits-")]
