"""A BuildSpec as a Dockerfile and the files beside it. Equal specs give equal bytes.

What changes least comes first, so that the engine's layer cache serves the most: our runtime,
Debian packages, Python packages, then the user's own files.
"""

import io
import json
import tarfile
from collections.abc import Iterable

from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.builds import runtime
from abaco_server.builds.check import can_compile

TEMPLATE = "3"
"""Raise it when `render` writes something else for the same spec: images are then built anew."""
COMMAND = ["python", "-m", "abaco_runtime"]
RUNTIME_LABEL = "abaco.runtime"
DIGEST_LABEL = "abaco.digest"
RESIDENT_LABEL = 'abaco.resident="1"'
"""The runtime that is built in can stay in its container and run many executions there."""
_HOME = "/opt/abaco"

_COMPILE = ["python", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
_PIP = ["env", "PIP_ROOT_USER_ACTION=ignore", "PIP_DISABLE_PIP_VERSION_CHECK=1"]
_PIP += ["python", "-m", "pip", "install", "--no-cache-dir"]
# The packages are the script's arguments: the shell does not read them as its own text.
_APT_SCRIPT = (
    "apt-get update && apt-get install -y --no-install-recommends"
    ' "$@" && rm -rf /var/lib/apt/lists/*'
)
_APT = ["env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", _APT_SCRIPT, "apt"]


def render(spec: BuildSpec, base: str, *, revision: str, user: str = "") -> str:
    """`user` is the one that the base image runs as, if it names one."""
    lines = [f"FROM {base}"]
    if spec.base is not None and spec.python is not None:
        lines.append(_run(["python", "-c", _VERSION, spec.python]))
    if user:
        lines.append("USER root")
    lines += [f"COPY abaco {_HOME}", _run([*_COMPILE, _HOME])]
    if spec.apt:
        lines.append(_run([*_APT, *spec.apt]))
    if user:
        lines.append(f"USER {user}")
    if spec.pip:
        lines.append(_run([*_PIP, *spec.pip]))
    lines += ["COPY app /app", "WORKDIR /app"]
    if not can_compile(spec):
        lines.append(_run(["python", "-B", "-c", _SYNTAX]))
    lines += _variables(spec)
    lines += [
        f"LABEL {RUNTIME_LABEL}={_quoted(revision)} {DIGEST_LABEL}={_quoted(spec.digest())}"
        f" {RESIDENT_LABEL}",
        "ENTRYPOINT []",
        f"CMD {json.dumps(COMMAND)}",
    ]
    return "\n".join(lines) + "\n"


_VERSION = (
    "import sys; own = '%d.%d' % sys.version_info[:2]; sys.exit(own != sys.argv[1] and "
    "'This image has Python %s, and Python %s is needed: use an image that has it.'"
    " % (own, sys.argv[1]))"
)
_SYNTAX = "compile(open('/app/actor.py', 'rb').read(), '/app/actor.py', 'exec')"


def _variables(spec: BuildSpec) -> list[str]:
    """Our directory comes after the user's own and the base's: theirs win. Before them stands
    what holds nothing that could hide a module of theirs."""
    own = spec.env.get("PYTHONPATH")
    middle = f":{_escaped(own)}:" if own else "${PYTHONPATH:+:$PYTHONPATH}:"
    lines = [f'ENV PYTHONPATH="{_HOME}/{runtime.STARTUP}{middle}{_HOME}"']
    lines += [
        f"ENV {name}={_quoted(value)}"
        for name, value in sorted(spec.env.items())
        if name != "PYTHONPATH"
    ]
    if spec.entry:
        lines.append(f"ENV _abaco_entry={_quoted(spec.entry)}")
    return lines


def _run(command: list[str]) -> str:
    return f"RUN {json.dumps(command)}"


def _quoted(value: str) -> str:
    return f'"{_escaped(value)}"'


def _escaped(value: str) -> str:
    for special in '\\"$':
        value = value.replace(special, "\\" + special)
    return value


def context(spec: BuildSpec, dockerfile: str) -> bytes:
    """A tar archive without times and owners, so that equal contexts hit the layer cache."""
    files = {"Dockerfile": dockerfile.encode()}
    files |= {f"abaco/{name}": body for name, body in runtime.files().items()}
    files["app/actor.py"] = spec.source.encode()
    files |= {f"app/{name}": body for name, body in spec.files.items()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for directory in _directories(files):
            archive.addfile(_entry(directory, tarfile.DIRTYPE, 0o755))
        for name, body in sorted(files.items()):
            # A BuildSpec has no modes; what says how it is run may be run.
            entry = _entry(name, tarfile.REGTYPE, 0o755 if body.startswith(b"#!") else 0o644)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return buffer.getvalue()


def _directories(names: Iterable[str]) -> list[str]:
    found = set()
    for name in names:
        while "/" in name:
            name = name.rpartition("/")[0]
            found.add(name)
    return sorted(found)


def _entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = kind, mode, 0
    return entry
