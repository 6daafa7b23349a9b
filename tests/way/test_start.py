"""A service that cannot start says so, in the log and in every answer; the server still stops."""

import json
import time
from pathlib import Path

from live_server import LiveServer


def test_a_runner_that_nobody_knows_is_named_everywhere(tmp_path: Path) -> None:
    server = LiveServer(tmp_path, "--AbacoApp.runner=podmann")
    server.ready_path = "api"
    with server:
        reason = "there is no runner 'podmann': use one of 'auto', 'docker', 'process'"
        for method, path in (("GET", "abaco/v1/status"), ("POST", "actors/v2/x/messages")):
            status, message = _settled(server, method, path)
            assert (status, message) == (503, f"The Abaco service did not start: {reason}")
    assert server.process is not None
    assert server.process.returncode == 0
    assert f"The Abaco service did not start: {reason}" in server.log
    # An expected refusal needs no traceback.
    assert "Traceback" not in server.log


def test_a_role_that_there_is_not_keeps_the_service_from_starting(tmp_path: Path) -> None:
    server = LiveServer(tmp_path, "--AbacoApp.default_role=boss")
    server.ready_path = "api"
    with server:
        status, message = _settled(server, "GET", "actors/v2")
    reason = "There is no role 'boss'; the roles are admin, privileged, user, limited."
    assert (status, message.startswith("The Abaco service did not start: ")) == (503, True)
    assert message.endswith(reason)
    assert f"AbacoApp.default_role: {reason}" in server.log


def test_a_data_directory_that_there_cannot_be_is_said_and_waited_for(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.touch()
    options = (f"--AbacoApp.data_dir={disk / 'abaco'}", "--AbacoApp.runner=process")
    server = LiveServer(tmp_path / "server", *options)
    server.ready_path = "api"
    with server:
        status, message = _settled(server, "GET", "actors/v2")
        assert (status, "Not a directory" in message) == (503, True), message
        disk.unlink()
        deadline = time.monotonic() + 120
        while status != 200 and time.monotonic() < deadline:
            time.sleep(0.2)
            status, _ = server.request("GET", "actors/v2")
    assert status == 200


def _settled(server: LiveServer, method: str, path: str) -> tuple[int, str]:
    """The answer, once it is no longer that the service is starting."""
    deadline = time.monotonic() + 60
    while True:
        status, body = server.request(method, path)
        message = json.loads(body)["message"]
        if message != "The Abaco service is starting." or time.monotonic() > deadline:
            return status, message
        time.sleep(0.05)
