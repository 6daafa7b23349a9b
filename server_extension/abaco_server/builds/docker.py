"""Images by a Docker engine's classic builder."""

import json
import logging
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker.auth
import requests

import docker
from abaco_jupyter.wire.errors import BuildFailed, RunnerUnavailable
from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.builds import dockerfile, runtime
from abaco_server.builds.builder import BuildCancelled, Cancellation, Log

OWN_BASE = "abaco-jupyter/python"
"""`images/build.sh` makes it where no registry can be reached."""

_CONNECT_SECONDS = 10
_REMOVAL_SECONDS = 10
_STEP = re.compile(r" ---> Running in ([0-9a-f]+)")
_IDS_ONLY = re.compile(
    r" ---> (Running in )?[0-9a-f]{12}\n?|Removing intermediate container [0-9a-f]{12}\n?"
)
"""What the engine says of each step and tells nobody anything: three lines of four."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY")
_log = logging.getLogger(__name__)


class DockerBuilder:
    """One engine's builder. `base` is for specs that name neither base nor Python. `network` is
    where the steps of a build run: packages come from wherever the server itself gets them, so
    it is the host's."""

    kind = "docker"

    def __init__(
        self, api: docker.APIClient, *, base: str | None = None, network: str = "host"
    ) -> None:
        self._api = api
        self._default_base = base
        self._network = network
        self.revision = runtime.revision(self.kind, dockerfile.TEMPLATE, runtime.own_python())

    def check(self, spec: BuildSpec) -> None:
        """An engine builds whatever a spec can say."""

    def describe(self, spec: BuildSpec) -> str:
        """The user of a base that the engine does not have yet is not known; it is root in most."""
        base = self._base(spec)
        user = ((self._inspect(base) or {}).get("Config") or {}).get("User") or ""
        return dockerfile.render(spec, base, revision=self.revision, user=user)

    def exists(self, image: str) -> bool:
        return self._inspect(image) is not None

    def build(self, spec: BuildSpec, image: str, log: Log, cancelled: Cancellation) -> None:
        base = self._base(spec)
        found = self._inspect(base) or self._pull(base, log, cancelled)
        user = (found.get("Config") or {}).get("User") or ""
        text = dockerfile.render(spec, base, revision=self.revision, user=user)
        parameters = {
            "t": image,
            "rm": "1",
            "forcerm": "1",
            "networkmode": self._network,
            "buildargs": json.dumps(_proxies()),
        }
        body = dockerfile.context(spec, text)
        step = ""
        try:
            for event in self._stream("build", parameters, cancelled, data=body):
                if started := _STEP.match(event.get("stream", "")):
                    step = started[1]
                _tell(event, log)
        except BuildCancelled:
            self._see_off(step)
            raise

    def _base(self, spec: BuildSpec) -> str:
        if spec.base is not None:
            return spec.base
        if self._default_base is not None:
            return self._default_base
        python = spec.python or runtime.own_python()
        own = f"{OWN_BASE}:{python}"
        return own if self.exists(own) else f"python:{python}-slim"

    def _see_off(self, step: str) -> None:
        """The engine removes the container of the step that it broke off, a moment later."""
        if not step:
            return
        try:
            self._api.wait(step, timeout=_REMOVAL_SECONDS, condition="removed")
        except docker.errors.NotFound:
            return
        except (requests.RequestException, docker.errors.APIError):
            _log.warning("the engine has not removed the build's container %s", step)

    def _inspect(self, image: str) -> dict[str, Any] | None:
        with _engine():
            try:
                found: dict[str, Any] = self._api.inspect_image(image)
            except docker.errors.ImageNotFound:
                return None
            return found

    def _pull(self, base: str, log: Log, cancelled: Cancellation) -> dict[str, Any]:
        log(f"Pulling the base image {base}\n")
        repository, tag = docker.utils.parse_repository_tag(base)
        registry, _ = docker.auth.resolve_repository_name(repository)
        header = docker.auth.get_config_header(self._api, registry)
        parameters = {"fromImage": repository, "tag": tag or "latest"}
        headers = {"X-Registry-Auth": header} if header else {}
        try:
            for event in self._stream("images/create", parameters, cancelled, headers=headers):
                # Progress bars of layers would be thousands of lines.
                if "progressDetail" not in event or not event["progressDetail"]:
                    _tell(event, log)
        except BuildFailed as error:
            raise BuildFailed(
                f"The base image {base} cannot be had: {str(error).rstrip('.')}. Name one that "
                f"the engine has or can pull (--base), or make {OWN_BASE}:<version> with "
                "images/build.sh."
            ) from None
        found = self._inspect(base)
        if found is None:
            raise BuildFailed(f"The base image {base} was pulled and is not there.")
        return found

    def _stream(
        self, path: str, parameters: dict[str, str], cancelled: Cancellation, **request: Any
    ) -> Iterator[dict[str, Any]]:
        """The engine's events. It ends the build when we hang up, so cancelling is hanging up;
        docker-py's own `build` gives no way to do that while it waits for the next event."""
        request["headers"] = {"Content-Type": "application/tar", **request.get("headers", {})}
        url = f"{self._api.base_url}/v{self._api.api_version}/{path}"
        cancelled.obey()
        with _engine(cancelled):
            answer = self._api.post(
                url, params=parameters, stream=True, timeout=(_CONNECT_SECONDS, None), **request
            )
            with answer, cancelled.stopping(lambda: _hang_up(answer)):
                if answer.status_code >= 400:
                    raise BuildFailed(_reason(answer))
                for line in answer.iter_lines():
                    if line.strip():
                        event = json.loads(line)
                        yield event
                        if "error" in event:
                            raise BuildFailed(event["error"])
        cancelled.obey()


def _hang_up(answer: requests.Response) -> None:
    """Wakes the reader, which closing the answer from another thread would not."""
    try:
        with socket.socket(fileno=os.dup(answer.raw.fileno())) as connection:
            connection.shutdown(socket.SHUT_RDWR)
    except (OSError, ValueError):
        _log.debug("the build's connection was closed already", exc_info=True)


@contextmanager
def _engine(cancelled: Cancellation | None = None) -> Iterator[None]:
    try:
        yield
    except (requests.RequestException, docker.errors.DockerException) as error:
        if cancelled is not None and cancelled.asked:
            raise BuildCancelled from None
        raise RunnerUnavailable(f"The Docker engine does not answer: {error}") from error


def _tell(event: dict[str, Any], log: Log) -> None:
    if "stream" in event:
        if not _IDS_ONLY.fullmatch(event["stream"]):
            log(event["stream"])
    elif "error" in event:
        log(event["error"].rstrip("\n") + "\n")
    elif "status" in event:
        part = f"{event['id']}: " if event.get("id") else ""
        log(f"{part}{event['status']}\n")


def _reason(answer: requests.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError):
        return f"the engine answered {answer.status_code} {answer.reason}"


def _proxies() -> dict[str, str]:
    """The server's own proxies: predefined arguments, which leave no trace in the image."""
    names = [name for upper in _PROXIES for name in (upper, upper.lower())]
    return {name: os.environ[name] for name in names if os.environ.get(name)}
