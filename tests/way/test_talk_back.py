"""An execution asks the service something over HTTP: a port for that, a token of its own."""

import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from abaco_server.assemble import _listener
from abaco_server.settings import Settings
from live_server import LiveServer

ASKS = """
import json
import os
import time
import urllib.error
import urllib.request

server = os.environ["_abaco_api_server"]
itself = "/actors/v2/" + os.environ["_abaco_actor_id"]


def ask(path, token=os.environ["_abaco_access_token"]):
    headers = {"Authorization": "Bearer " + token} if token else {}
    request = urllib.request.Request(server + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)["message"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["message"]


print("itself", *ask(itself))
print("others", *ask("/actors/v2"))
print("nobody", *ask(itself, token=""))
print("elsewhere", *ask("/abaco/v1/status"), flush=True)

was_away = False
while True:
    try:
        answer = ask(itself)
    except OSError:
        was_away = True
    else:
        if was_away:
            break
    time.sleep(0.02)
print("afterwards", *answer)
"""
SAID = """\
itself 200 Actor retrieved successfully.
others 400 Not authorized -- you do not have access to this actor.
nobody 400 No JWT or nonce provided.
elsewhere 404 Invalid request: the API endpoint does not exist or the provided HTTP method is not \
allowed.
"""


@pytest.mark.parametrize("runner", ["process", pytest.param("docker", marks=pytest.mark.docker)])
def test_it_talks_back_and_finds_the_next_server_in_the_same_place(
    runner: str, tmp_path: Path
) -> None:
    with LiveServer(tmp_path, f"--AbacoApp.runner={runner}") as server:
        actor = server.register(ASKS, None)
        assert server.api("GET", f"actors/v2/{actor}")["token"] == "true"
        execution = server.send(actor, "go")
        log = f"actors/v2/{actor}/executions/{execution}/logs"
        deadline = time.monotonic() + 60
        while server.api("GET", log)["logs"] != SAID and time.monotonic() < deadline:
            time.sleep(0.05)
        assert server.api("GET", log)["logs"] == SAID
        server.kill()
        server.start()
        server.follow(actor, execution)
        again = "afterwards 200 Actor retrieved successfully.\n"
        assert server.api("GET", log)["logs"] == SAID + again


def test_the_port_is_closed_when_the_service_stops(tmp_path: Path) -> None:
    with LiveServer(tmp_path, "--AbacoApp.runner=process") as server:
        url = urlsplit(server.api("GET", "abaco/v1/status")["containers_api_server"])
        address = (url.hostname or "", url.port or 0)
        socket.create_connection(address, 10).close()
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, 10)


@pytest.mark.asyncio
@pytest.mark.parametrize("address", ["192.0.2.1", None])
async def test_an_engine_elsewhere_leaves_the_servers_own_address(
    address: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Elsewhere:
        async def host_address(self) -> str:
            if address is None:
                raise LookupError("the engine has no network")
            return address

    settings = Settings(data_dir=tmp_path, store_url="")
    assert await _listener(settings, Elsewhere()) is None  # type: ignore[arg-type]
    assert "executions have no port of their own to talk back to" in caplog.text


def test_no_token_where_the_installation_gives_none(tmp_path: Path) -> None:
    options = ("--AbacoApp.runner=process", "--AbacoApp.token_default=False")
    with LiveServer(tmp_path, *options) as server:
        source = "import os\nprint(repr(os.environ['_abaco_access_token']))"
        actor = server.register(source, None)
        assert server.api("GET", f"actors/v2/{actor}")["token"] == "false"
        execution = server.send(actor, "go")
        server.follow(actor, execution)
        log = server.api("GET", f"actors/v2/{actor}/executions/{execution}/logs")["logs"]
        assert log == "''\n"
