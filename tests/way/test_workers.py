"""Workers on a real server with real containers: load, idleness, removal, interference."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from live_server import LiveServer

pytestmark = pytest.mark.docker

SOURCE = """
import time


def slow(text):
    print("ready", flush=True)
    time.sleep(float(text))
    return text
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    options = {
        "runner": "docker",
        "worker_idle_seconds": "3",
        "sync_idle_seconds": "7",
        "autoscaler_seconds": "0.5",
        "health_check_seconds": "1",
        "capacity": "8",
    }
    home = tmp_path_factory.mktemp("workers")
    with LiveServer(home, *(f"--AbacoApp.{name}={value}" for name, value in options.items())) as it:
        yield it


@pytest.fixture(scope="module")
def image(server: LiveServer) -> str:
    actor = server.register(SOURCE, "slow")
    found: str = server.api("GET", f"actors/v2/{actor}")["image"]
    server.api("DELETE", f"actors/v2/{actor}")
    return found


@pytest.fixture
def actor(server: LiveServer, image: str) -> Iterator[Callable[..., str]]:
    made: list[str] = []

    def make(**fields: Any) -> str:
        made.append(server.api("POST", "actors/v2", {"image": image, **fields})["id"])
        return made[-1]

    yield make
    for one in made:
        server.api("DELETE", f"actors/v2/{one}")


def workers(server: LiveServer, actor: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = server.api("GET", f"actors/v2/{actor}/workers")
    return found


def execution(server: LiveServer, actor: str, execution_id: str) -> dict[str, Any]:
    found: dict[str, Any] = server.api("GET", f"actors/v2/{actor}/executions/{execution_id}")
    return found


def rules(server: LiveServer, actor: str) -> list[tuple[str, str]]:
    """What was decided, oldest first."""
    found = server.api("GET", f"abaco/v1/actors/{actor}/decisions")["decisions"]
    return [(one["action"], one["rule"]) for one in reversed(found)]


def until(look: Callable[[], Any], enough: Callable[[Any], bool], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not enough(found := look()):
        assert time.monotonic() < deadline, f"still {found} after {seconds} s"
        time.sleep(0.1)
    return found


def running(server: LiveServer, actor: str, execution_id: str) -> str:
    """Its container, once user code has begun."""
    path = f"actors/v2/{actor}/executions/{execution_id}/logs"
    until(lambda: server.api("GET", path)["logs"], lambda logs: "ready" in logs)
    return f"abaco-{execution_id}"


def docker(*arguments: str) -> None:
    subprocess.run(["docker", *arguments], check=True, capture_output=True, timeout=60)


def test_load_brings_workers_and_idleness_takes_them_away(server: LiveServer, actor) -> None:
    busy = actor(maxWorkers=3)
    sent = [server.send(busy, "2") for _ in range(6)]
    until(lambda: workers(server, busy), lambda found: len(found) == 3)
    # All at once would be seen on a quick machine only: each starts when its container does.
    seen_busy: dict[str, dict[str, str]] = {}

    def look() -> dict[str, dict[str, str]]:
        seen_busy.update({w["id"]: w for w in workers(server, busy) if w["status"] == "BUSY"})
        return seen_busy

    found = until(look, lambda found: len(found) == 3)
    assert {one["cid"] for one in found.values()} <= {f"abaco-{one}" for one in sent}
    for one in sent:
        ended = until(
            lambda one=one: execution(server, busy, one),
            lambda e: e["status"] != "RUNNING" and e["status"] != "SUBMITTED",
        )
        assert (ended["status"], ended["exitCode"]) == ("COMPLETE", 0)
    assert len({execution(server, busy, one)["workerId"] for one in sent}) == 3
    until(lambda: workers(server, busy), lambda found: not found)
    seen = rules(server, busy)
    # Whichever is seen first: that the actor is new, or that messages wait for it.
    assert seen[0] in {("start", "first_worker"), ("start", "queue_length")}
    assert ("start", "queue_length") in seen
    assert ("hold", "max_workers") in seen
    assert seen[-1] == ("remove", "idle")


def test_a_busy_worker_that_is_removed_finishes_first(server: LiveServer, actor) -> None:
    one = actor()
    execution_id = server.send(one, "4")
    container = running(server, one, execution_id)
    (worker,) = workers(server, one)
    status, body = server.request("DELETE", f"actors/v2/{one}/workers/{worker['id']}")
    assert (status, json.loads(body)["message"]) == (200, "Worker scheduled to be stopped.")
    (worker,) = [w for w in workers(server, one) if w["id"] == worker["id"]]
    assert worker["status"] == "SHUTDOWN_REQUESTED"
    docker("inspect", container)
    ended = until(lambda: execution(server, one, execution_id), lambda e: e["status"] == "COMPLETE")
    assert (ended["exitCode"], ended["workerId"]) == (0, worker["id"])
    path = f"actors/v2/{one}/workers/{worker['id']}"
    until(lambda: server.request("GET", path)[0], lambda status: status == 404)
    status, body = server.request("DELETE", path)
    assert (status, json.loads(body)["message"]) == (404, "Worker not found.")


@pytest.mark.parametrize(
    ("act", "ends"),
    [
        (("kill",), {("COMPLETE", 137)}),
        # How it ended may or may not be seen before it is gone altogether.
        (("rm", "-f"), {("COMPLETE", 137), ("ERROR", None)}),
    ],
)
def test_a_container_that_somebody_ends_frees_its_worker(
    server: LiveServer, actor, act: tuple[str, ...], ends: set[tuple[str, int | None]]
) -> None:
    one = actor(maxWorkers=1)
    first = server.send(one, "600")
    docker(*act, running(server, one, first))
    ended = until(lambda: execution(server, one, first), lambda e: e["status"] != "RUNNING")
    assert (ended["status"], ended.get("exitCode")) in ends
    second = server.send(one, "0")
    until(lambda: execution(server, one, second), lambda e: e["status"] == "COMPLETE")
    assert server.api("GET", f"actors/v2/{one}")["status"] == "READY"


def test_the_sync_hint_keeps_one_worker_for_longer(server: LiveServer, actor) -> None:
    one = actor(hints=["sync"])
    status, body = server.request("POST", f"actors/v2/{one}/workers", {"num": 3})
    assert status == 200, body
    assert len(workers(server, one)) == 3
    (kept,) = until(lambda: workers(server, one), lambda found: len(found) == 1)
    assert kept["status"] == "READY"
    checked = until(
        lambda: workers(server, one),
        lambda found: not found or found[0]["lastHealthCheckTime"] > kept["lastHealthCheckTime"],
    )
    assert [one["id"] for one in checked] == [kept["id"]]
    until(lambda: rules(server, one), lambda seen: ("keep", "sync") in seen)
    until(lambda: workers(server, one), lambda found: not found)
    assert rules(server, one)[-1] == ("remove", "sync")


def test_jupyters_events_tell_what_is_decided(server: LiveServer) -> None:
    """The schema is registered: an event that does not fit would be logged as an error."""
    assert "abaco_jupyter/decision" not in server.log
    assert "Traceback" not in server.log
