"""Find the server that this process belongs to.

The order: explicit arguments; `ABACO_URL`; the variables inside an actor; the server that
started this kernel; JupyterHub's variables; any server on this machine that runs this kernel.
Each address is tried with one request before it is believed: files of servers that are gone
stay behind, and process ids come again.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from abaco_jupyter.client.errors import ServerNotFound, ServerUnreachable, UnexpectedAnswer
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.errors import AbacoError, NotAuthorized

_KERNEL_FILE = re.compile(r"kernel-([0-9a-fA-F-]{36})\.json")
_NO_HOST = ("", "0.0.0.0", "::")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An address to try.

    `how` says where it is from; `uds` is the path of a Unix socket; `kernel_id` must be a
    kernel of that server.
    """

    how: str
    url: str
    token: str = ""
    uds: str | None = None
    kernel_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The server, what it says of itself, and what was tried in vain before it."""

    server: Candidate
    status: dict[str, Any]
    tried: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What this process knows of its surroundings.

    `any_server`: this is a person's shell, not a kernel, so whichever server of theirs answers
    is meant.
    """

    environ: Mapping[str, str]
    runtime_dir: Path
    kernel_id: str | None
    any_server: bool = False

    @classmethod
    def here(cls) -> "Place":
        from jupyter_core.paths import jupyter_runtime_dir

        return cls(
            environ=os.environ,
            runtime_dir=Path(jupyter_runtime_dir()),
            kernel_id=kernel_of(sys.argv),
        )


Probe = Callable[[Candidate], dict[str, Any]]
"""One request: the server's status, or an AbacoError."""


def find(url: str | None, token: str | None, *, place: Place, probe: Probe) -> Found:
    """The first server in order that answers.

    Raises
    ------
    ServerNotFound
        None does. With an explicit `url` nothing else is tried.
    """
    tried: list[str] = []
    failures: list[AbacoError] = []
    for candidate in candidates(url, token, place):
        if isinstance(candidate, str):
            tried.append(candidate)
            continue
        try:
            status = probe(candidate)
        except AbacoError as error:
            failures.append(error)
            tried.append(f"{candidate.how}: {_short(candidate, error)}")
        else:
            return Found(server=candidate, status=status, tried=tuple(tried))
    refused = any(isinstance(error, NotAuthorized) for error in failures)
    raise ServerNotFound(_report(tried, failures), tried=tuple(tried), refused=refused)


def candidates(url: str | None, token: str | None, place: Place) -> Iterator[Candidate | str]:
    """What to try, in order; a text where there is nothing, saying so."""
    environ = place.environ
    if url is not None:
        given = environ.get("ABACO_TOKEN", "") if token is None else token
        yield Candidate(how="the url given", url=_reachable(url), token=given)
        return
    yield _variables(environ, "ABACO_URL", "ABACO_TOKEN", token)
    yield _variables(environ, "_abaco_api_server", "_abaco_access_token", token)
    yield _parent(place)
    yield _hub(environ)
    yield from _running(place)


def kernel_of(arguments: Sequence[str]) -> str | None:
    """The kernel's id, from the connection file that a kernel is started with."""
    for argument in arguments:
        if found := _KERNEL_FILE.search(argument):
            return found.group(1)
    return None


def _variables(
    environ: Mapping[str, str], url: str, token: str, given: str | None
) -> Candidate | str:
    if not environ.get(url):
        return f"{url}: not set"
    value = environ.get(token, "") if given is None else given
    return Candidate(how=url, url=_reachable(environ[url]), token=value)


def _parent(place: Place) -> Candidate | str:
    pid = place.environ.get("JPY_PARENT_PID")
    if not pid:
        return "JPY_PARENT_PID: not set, so no notebook server started this process"
    path = place.runtime_dir / f"jpserver-{pid}.json"
    how = f"the server that started this kernel ({path.name})"
    server = _from_file(path)
    return f"{how}: {server}" if isinstance(server, str) else replace(server, how=how)


def _hub(environ: Mapping[str, str]) -> Candidate | str:
    url = environ.get("JUPYTERHUB_SERVICE_URL")
    if not url:
        return "JUPYTERHUB_SERVICE_URL: not set"
    token = environ.get("JUPYTERHUB_API_TOKEN") or environ.get("JPY_API_TOKEN", "")
    return Candidate(how="JUPYTERHUB_SERVICE_URL", url=_reachable(url), token=token)


def _running(place: Place) -> Iterator[Candidate | str]:
    if place.kernel_id is None and not place.any_server:
        yield "servers on this machine: not looked at, because this is no kernel of one"
        return
    files = sorted(place.runtime_dir.glob("jpserver-*.json"))
    if not files:
        yield f"servers on this machine: none has a file in {place.runtime_dir}"
    for path in files:
        how = f"a server on this machine ({path.name})"
        server = _from_file(path)
        if isinstance(server, str):
            yield f"{how}: {server}"
        else:
            yield replace(server, how=how, kernel_id=place.kernel_id)


def _from_file(path: Path) -> Candidate | str:
    try:
        said = json.loads(path.read_text())
        url, token = str(said["url"]), str(said.get("token", ""))
        base = str(said.get("base_url", "/"))
    except FileNotFoundError:
        return "there is no such file"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"the file cannot be used ({type(error).__name__}: {error})"
    if said.get("sock"):
        uds = unquote(str(said["sock"]))
        return Candidate(how="", url=f"http://localhost{base}".rstrip("/"), token=token, uds=uds)
    return Candidate(how="", url=_reachable(url), token=token)


def _reachable(url: str) -> str:
    """An address to listen on, such as `0.0.0.0`, as one to connect to."""
    parts = urlsplit(url if "//" in url else f"http://{url}")
    if (parts.hostname or "") not in _NO_HOST:
        return urlunsplit(parts).rstrip("/")
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"127.0.0.1{port}")).rstrip("/")


def _short(candidate: Candidate, error: AbacoError) -> str:
    if isinstance(error, UnexpectedAnswer) and error.status_code == 404:
        return f"{candidate.url} answers, but has no {paths.STATUS}"
    if isinstance(error, ServerUnreachable):
        return f"{candidate.url} does not answer ({error.why})"
    if isinstance(error, NotAuthorized):
        return f"{candidate.url} does not take the token ({error})"
    return str(error)


def _report(tried: Sequence[str], failures: Sequence[AbacoError]) -> str:
    if any(isinstance(e, UnexpectedAnswer) and e.status_code == 404 for e in failures):
        fix = (
            "install abaco-jupyter where that notebook server runs, check it with "
            "`jupyter server extension list`, and restart the server"
        )
    elif any(isinstance(error, NotAuthorized) for error in failures):
        fix = "set ABACO_TOKEN to that server's token (`jupyter server list` shows it)"
    else:
        fix = (
            "start `jupyter lab` or `jupyter abaco` where abaco-jupyter is installed, or say "
            'where it runs: Abaco("http://host:8888", "token")'
        )
    lines = "\n".join(f"  {number}. {line}" for number, line in enumerate(tried, 1))
    return f"No Abaco server was found. What was tried, in order:\n{lines}\nTo fix it: {fix}."
