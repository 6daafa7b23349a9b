"""One Docker engine, called from the event loop."""

import os
import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

import requests
import urllib3
from docker.errors import APIError, DockerException, NotFound
from docker.utils import kwargs_from_env

import docker
from abaco_jupyter.wire.errors import RunnerUnavailable
from abaco_server.runners.threads import Threads

T = TypeVar("T")

DEFAULT_URL = "unix:///var/run/docker.sock"
PROBE_SECONDS = 5
CALL_SECONDS = 60
_CONNECTIONS = 64
_BRIDGES = ("bridge", "podman")

TROUBLE = (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)
"""What docker-py lets through when the engine cannot be reached. APIError is a
RequestException too, but means that the engine did answer: look for it first."""


class EngineGone(Exception):
    """The engine does not answer, or not in time: nobody knows whether it did what it was told."""


class Engine:
    """`client` for what never blocks (paths, argument building), `call` for everything else."""

    def __init__(
        self, client: docker.APIClient, *, url: str = DEFAULT_URL, threads: Threads | None = None
    ) -> None:
        self.client = client
        self.url = url
        self.threads = threads or Threads()

    @property
    def socket(self) -> str | None:
        """Its path on this host; None when it is reached in another way."""
        return self.url.removeprefix("unix://") if self.url.startswith("unix://") else None

    async def call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Raises docker's APIError when the engine refuses, EngineGone when nobody answers."""
        try:
            return await self.threads.call(function, *args, **kwargs)
        except APIError:
            raise
        except TROUBLE as error:
            raise EngineGone(f"{self.url}: {root_cause(error)}") from error

    def close(self) -> None:
        self.threads.close()
        self.client.close()


def connect(url: str | None = None) -> Engine:
    """Blocking. `url` None: DOCKER_HOST, else the usual sockets. Raises RunnerUnavailable."""
    tried: list[str] = []
    for arguments in _candidates(url):
        shown = arguments.get("base_url") or DEFAULT_URL
        try:
            _knock(shown)
            client = docker.APIClient(
                **arguments, version="auto", timeout=PROBE_SECONDS, max_pool_size=_CONNECTIONS
            )
        except (DockerException, *TROUBLE) as error:
            tried.append(f"{shown} ({root_cause(error)})")
            continue
        client.timeout = CALL_SECONDS
        return Engine(client, url=shown)
    raise RunnerUnavailable(
        f"no Docker engine answers at {' or '.join(tried)}: "
        "start it, set DOCKER_HOST, or use runner='process'"
    )


def gateway(client: docker.APIClient) -> str:
    """Blocking: this host's address on the bridge that containers are on. Raises LookupError."""
    for network in _BRIDGES:
        try:
            found = client.inspect_network(network)
        except NotFound:
            continue
        for config in (found.get("IPAM") or {}).get("Config") or ():
            if config.get("Gateway"):
                return str(config["Gateway"])
            if config.get("Subnet"):
                return str(ip_network(config["Subnet"])[1])
    raise LookupError(f"the engine has no network {' or '.join(_BRIDGES)} with an address")


def _knock(url: str) -> None:
    """A client whose first connection fails leaves its socket to the garbage collector."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(PROBE_SECONDS)
            probe.connect(url.removeprefix("unix://"))


def root_cause(error: BaseException) -> str:
    """The innermost reason, in a few words: `connection refused`."""
    seen: BaseException = error
    while (inner := seen.__cause__ or seen.__context__) is not None:
        seen = inner
    if isinstance(seen, OSError) and seen.strerror:
        return seen.strerror.lower()
    return str(seen) or type(seen).__name__


def _candidates(url: str | None) -> Iterator[dict[str, Any]]:
    if url is not None:
        yield {"base_url": url}
        return
    from_environment = kwargs_from_env()
    if from_environment.get("base_url"):
        yield from_environment
        return
    yield {"base_url": DEFAULT_URL}
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    # Rootless engines: worth a word in the error only where they are installed.
    for name in ("docker.sock", "podman/podman.sock") if runtime else ():
        if Path(runtime or "", name).exists():
            yield {"base_url": f"unix://{runtime}/{name}"}
