"""Where and as whom containers run, and what they are given: settings, real containers."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from live_server import LiveServer
from runnerkit.images import BASE

pytestmark = pytest.mark.docker

SOURCE = """
import ast
import os
import time


def tried(path):
    try:
        with open(path, "w") as file:
            file.write("x")
        return "written"
    except OSError as error:
        return error.strerror


def look(text):
    configs = os.environ["_actor_configs"]
    time.sleep(float(text))
    return {
        "user": [os.getuid(), os.getgid()],
        "ro": tried("/ro/new"),
        "rw": tried("/rw/new"),
        "more": os.path.exists("/more"),
        "socket": os.path.exists("/var/run/docker.sock"),
        "devices": os.path.exists("/dev/kmsg"),
        "configs": ast.literal_eval(configs),
    }
"""

Look = Callable[..., dict[str, Any]]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    for name in ("ro", "rw", "more"):
        (tmp_path / "shared" / name).mkdir(parents=True)
        (tmp_path / "shared" / name).chmod(0o777)
    return tmp_path / "shared"


@pytest.fixture
def server(tmp_path: Path, shared: Path) -> Iterator[LiveServer]:
    options = (
        f"--AbacoApp.mounts={shared}/ro:/ro:ro",
        f"--AbacoApp.mounts={shared}/rw:/rw:rw",
        f"--AbacoApp.privileged_mounts={shared}/more:/more",
        "--AbacoApp.actor_uid=1234",
        "--AbacoApp.actor_gid=4321",
    )
    with LiveServer(tmp_path / "home", "--AbacoApp.runner=docker", *options) as server:
        yield server


@pytest.fixture
def look(server: LiveServer) -> Look:
    def look(actor: str) -> dict[str, Any]:
        execution = server.send(actor, "0")
        server.follow(actor, execution)
        found: dict[str, Any] = json.loads(server.result(actor, execution))
        return found

    return look


def test_mounts_user_and_configs(server: LiveServer, look: Look, shared: Path) -> None:
    actor = server.register(SOURCE, "look")
    record = server.api("GET", f"actors/v2/{actor}")
    assert (record["uid"], record["gid"]) == (1234, 4321)
    assert record["mounts"] == [
        {"host_path": f"{shared}/ro", "container_path": "/ro", "mode": "ro"},
        {"host_path": f"{shared}/rw", "container_path": "/rw", "mode": "rw"},
    ]
    config = {"name": "key", "value": 'it\'s "open"', "isSecret": True, "actors": actor}
    assert "open" not in server.api("POST", "actors/v2/configs", config)["value"]
    found = look(actor)
    assert found == {
        "user": [1234, 4321],
        "ro": "Read-only file system",
        "rw": "written",
        "more": False,
        "socket": False,
        "devices": False,
        "configs": {"key": 'it\'s "open"'},
    }
    assert (shared / "rw" / "new").stat().st_uid == 1234


def test_the_images_own_user(server: LiveServer, look: Look) -> None:
    actor = server.register(SOURCE, "look", useContainerUid=True)
    assert {"uid", "gid"}.isdisjoint(server.api("GET", f"actors/v2/{actor}"))
    assert look(actor)["user"] == [0, 0]


def test_privileged_actors(server: LiveServer, look: Look) -> None:
    actor = server.register(SOURCE, "look", privileged=True, useContainerUid=True)
    record = server.api("GET", f"actors/v2/{actor}")
    assert [mount["container_path"] for mount in record["mounts"]] == ["/ro", "/rw", "/more"]
    probe = ["docker", "run", "--rm", "--privileged", BASE, "true"]
    if subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("this machine lets no container be privileged")
    found = look(actor)
    assert (found["more"], found["socket"], found["devices"]) == (True, True, True)
    assert found["ro"] == "Read-only file system"


def test_an_actors_own_limits(server: LiveServer) -> None:
    actor = server.register(SOURCE, "look", memLimit="200m", maxCpus=500_000_000)
    execution = server.send(actor, "5")
    asked = ["docker", "ps", "-q", "--filter", f"label=abaco.execution={execution}"]
    found = ""
    while not found:
        record = server.api("GET", f"actors/v2/{actor}/executions/{execution}")
        assert record["status"] in ("SUBMITTED", "RUNNING"), record
        found = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    told = subprocess.run(["docker", "inspect", found], capture_output=True, check=True).stdout
    (container,) = json.loads(told)
    host = container["HostConfig"]
    assert (host["Memory"], host["NanoCpus"]) == (200 * 1024**2, 500_000_000)
    assert container["Config"]["User"] == "1234:4321"
    server.follow(actor, execution)


def test_who_runs_too_long_is_stopped(tmp_path: Path) -> None:
    options = ("--AbacoApp.runner=docker", "--AbacoApp.max_run_seconds=2")
    with LiveServer(tmp_path, *options) as server:
        actor = server.register(SOURCE, "look")
        execution = server.send(actor, "600")
        server.follow(actor, execution)
        record = server.api("GET", f"actors/v2/{actor}/executions/{execution}")
        assert record["status"] == "COMPLETE"
        assert record["exitCode"] != 0
        assert 2 <= record["runtime"] < 30
