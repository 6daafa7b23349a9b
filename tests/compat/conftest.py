"""Programs that were written for TACC's Abaco, unmodified, against a real server and engine."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from requests import HTTPError

from abaco_jupyter import agavepy_client
from live_server import LiveServer

PREFIX = "/user/ada/"
"""As JupyterHub has it: the path that agavepy would leave out."""

ECHO = """
import os
import sys
import time

from abaco_runtime import get_binary_message, send_bytes_result

print("heard", os.environ.get("MSG"), os.environ.get("F"))
sys.stdout.flush()
send_bytes_result(get_binary_message() or os.environ["MSG"].encode())
if os.environ.get("MSG") == "wait":
    time.sleep(600)
"""
"""Logs what it was told, and sends the very bytes back. It needs no agavepy."""


class PrefixedServer(LiveServer):
    """A server below a path."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, f"--ServerApp.base_url={PREFIX}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PREFIX}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefixedServer]:
    with PrefixedServer(tmp_path_factory.mktemp("compat")) as running:
        yield running


@pytest.fixture(scope="module")
def build(server: PrefixedServer) -> Callable[..., str]:
    """An image of these lines; the engine keeps it, so that the next session finds it."""

    def make(source: str, entry: str | None = None, **fields: Any) -> str:
        spec = {"source": source, "entry": entry, **fields}
        begun = server.api("POST", "abaco/v1/builds", spec)
        path = f"abaco/v1/builds/{begun['id']}/stream"
        _, frames = server.request("GET", path, timeout=300)
        assert b'"status":"READY"' in frames, frames[-2000:]
        return str(begun["image"])

    return make


@pytest.fixture(scope="module")
def echo(build: Callable[..., str]) -> str:
    """An image that sends its message back as its result."""
    return build(ECHO)


@pytest.fixture(scope="module")
def ag(server: PrefixedServer) -> Any:
    """agavepy's client, as a user of a notebook gets it."""
    return agavepy_client(server.url, server.token)


@pytest.fixture
def actor(ag: Any, echo: str) -> Iterator[Any]:
    """A stateless actor of the echo image, as agavepy describes it."""
    made = ag.actors.add(body={"image": echo, "name": "echo"})
    yield made
    with suppress(HTTPError):
        ag.actors.delete(actorId=made.id)
