"""A service whose engine is down when the server starts comes up by itself once it is there."""

import os
import time
from pathlib import Path

import pytest

from live_server import LiveServer

pytestmark = pytest.mark.docker


def test_an_engine_that_comes_later_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = tmp_path / "engine.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{socket}")
    server = LiveServer(tmp_path / "home", "--AbacoApp.runner=docker")
    server.ready_path = "api"
    with server:
        # Until then every answer says what is missing.
        while b"is starting" in (answer := server.request("GET", "abaco/v1/status"))[1]:
            time.sleep(0.05)
        assert answer[0] == 503
        assert b"no Docker engine answers" in answer[1]
        os.symlink("/var/run/docker.sock", socket)
        server.ready_path = "abaco/v1/status"
        server._wait_until_ready(60)
        assert server.api("GET", "actors/v2") == []
