"""Environments for machines without an engine: the same BuildSpec as a virtual environment.

    <environments>/<tag>                 a link to the directory below: there once it is complete
    <environments>/<tag>.<random>/
        app/                             actor.py and the files, the working directory
        abaco/                           our runtime and cloudpickle
        venv/                            only when packages are asked for
        tmp/                             of pip, while it installs
        manifest.json                    how to run it

The directory never moves, because a virtual environment's scripts hold its path; the link makes
the finished thing appear at once.
"""

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from abaco_jupyter.wire.errors import BuildFailed, InvalidSpec
from abaco_jupyter.wire.spec import IMAGE_REPOSITORY, BuildSpec
from abaco_server.builds import runtime
from abaco_server.builds.builder import Cancellation, Log

TEMPLATE = "1"
MANIFEST = "manifest.json"
ABANDONED = timedelta(days=1)
"""An unfinished directory of this age belongs to a server that was killed."""

TEMPORARY = "tmp"
_NOT_FOR_PIP = ("PYTHONPATH", "PYTHONHOME", "ABACO_", "JUPYTER", "JPY_")
"""Beginnings of variables: paths of the server's own Python, and tokens, which a package that
is built must not see."""


class ProcessBuilder:
    """Environments below one directory, for the server's own Python."""

    kind = "process"

    def __init__(self, environments: Path) -> None:
        self._home = environments
        self._home.mkdir(parents=True, exist_ok=True)
        facts = (self.kind, TEMPLATE, sys.version, sys.executable)
        self.revision = runtime.revision(*facts)
        self._sweep()

    def check(self, spec: BuildSpec) -> None:
        own = runtime.own_python()
        if spec.base is not None:
            raise _impossible(f"base image {spec.base!r}")
        if spec.apt:
            raise _impossible(f"Debian packages ({', '.join(spec.apt)})")
        if spec.python not in (None, own):
            raise _impossible(f"Python {spec.python}, only the server's own {own}")

    def describe(self, spec: BuildSpec) -> str:
        steps = [
            "# No engine, so no Dockerfile: a directory of the server's own, with Python "
            f"{runtime.own_python()}",
            *([f"pip install {' '.join(spec.pip)}"] if spec.pip else []),
            *(f"copy {name}" for name in ("actor.py", *sorted(spec.files))),
            *(f"set {name}={value}" for name, value in sorted(spec.env.items())),
            *([f"set _abaco_entry={spec.entry}"] if spec.entry else []),
        ]
        return "\n".join(steps) + "\n"

    def exists(self, image: str) -> bool:
        path = self._path(image)
        return path is not None and (path / MANIFEST).is_file()

    def build(self, spec: BuildSpec, image: str, log: Log, cancelled: Cancellation) -> None:
        self.check(spec)
        link = self._path(image)
        if link is None:
            raise BuildFailed(f"{image} is not a name that a build of ours can have.")
        directory = self._home / f"{link.name}.{secrets.token_hex(4)}"
        try:
            _write_files(spec, directory)
            python = _install(spec.pip, directory, log, cancelled) if spec.pip else sys.executable
            cancelled.obey()
            manifest = _manifest(spec, directory, python) | {"revision": self.revision}
            (directory / MANIFEST).write_text(json.dumps(manifest, indent=1))
            _publish(directory, link)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise

    def _path(self, image: str) -> Path | None:
        """None for an image that is not ours to make."""
        repository, _, tag = image.rpartition(":")
        return self._home / tag if repository == IMAGE_REPOSITORY and tag.isalnum() else None

    def _sweep(self) -> None:
        published = {path.resolve() for path in self._home.iterdir() if path.is_symlink()}
        for path in self._home.iterdir():
            if path.is_symlink() or path.resolve() in published:
                continue
            if time.time() - path.stat().st_mtime > ABANDONED.total_seconds():
                shutil.rmtree(path, ignore_errors=True)


def _impossible(what: str) -> InvalidSpec:
    return InvalidSpec(
        f"Invalid build spec: it asks for {what}, which takes a Docker engine. Here actors are "
        "processes in a virtual environment: start an engine, or leave it out."
    )


def _write_files(spec: BuildSpec, directory: Path) -> None:
    files = {f"abaco/{name}": body for name, body in runtime.files().items()}
    files["app/actor.py"] = spec.source.encode()
    files |= {f"app/{name}": body for name, body in spec.files.items()}
    for name, body in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        if body.startswith(b"#!"):
            path.chmod(0o755)


def _install(pip: Sequence[str], directory: Path, log: Log, cancelled: Cancellation) -> str:
    """A virtual environment with these packages; the path of its Python."""
    venv = directory / "venv"
    python = str(venv / "bin" / "python")
    # The server's own pip installs into the other environment: no copy of pip need be made first.
    borrowed = importlib.util.find_spec("pip") is not None
    log("Making a virtual environment\n")
    temporary = directory / TEMPORARY
    temporary.mkdir()
    make = [sys.executable, "-m", "venv", *(["--without-pip"] if borrowed else []), str(venv)]
    run(make, temporary, log, cancelled)
    pip_command = [sys.executable, "-m", "pip", "--python", python]
    options = ["install", "--no-input", "--progress-bar=off", "--disable-pip-version-check"]
    log(f"Installing {' '.join(pip)}\n")
    install = [*(pip_command if borrowed else [python, "-m", "pip"]), *options, *pip]
    run(install, temporary, log, cancelled)
    shutil.rmtree(temporary, ignore_errors=True)
    return python


def run(command: list[str], temporary: Path, log: Log, cancelled: Cancellation) -> None:
    """One step of a build, with what it says in the log. Raises BuildFailed or BuildCancelled."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_FOR_PIP)}
    # Pip that is killed leaves its files: there they go with the build.
    environment["TMPDIR"] = str(temporary)
    cancelled.obey()
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    with process, cancelled.stopping(lambda: _kill(process)):
        for line in process.stdout or ():
            log(line)
        code = process.wait()
    cancelled.obey()
    if code:
        shown = " ".join(command[1:4])
        raise BuildFailed(f"`python {shown} ...` ended with exit status {code}.")


def _kill(process: subprocess.Popen[str]) -> None:
    """The whole session: pip starts compilers."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _manifest(spec: BuildSpec, directory: Path, python: str) -> dict[str, Any]:
    """`env` stands for an image's variables: those of actor and message go over it."""
    env = dict(spec.env)
    ours = directory / "abaco"
    places = [str(ours / runtime.STARTUP), env.get("PYTHONPATH", ""), str(ours)]
    env["PYTHONPATH"] = os.pathsep.join(filter(None, places))
    env["_abaco_source"] = str(directory / "app" / "actor.py")
    if spec.entry:
        env["_abaco_entry"] = spec.entry
    if spec.pip:
        env.setdefault("VIRTUAL_ENV", str(directory / "venv"))
        path = os.environ.get("PATH", os.defpath)
        env.setdefault("PATH", f"{directory / 'venv' / 'bin'}{os.pathsep}{path}")
    return {
        "entry": spec.entry,
        "python": python,
        "command": [python, "-m", "abaco_runtime"],
        "directory": str(directory / "app"),
        "env": env,
        "digest": spec.digest(),
    }


def _publish(directory: Path, link: Path) -> None:
    unfinished = directory.with_name(f"{directory.name}.link")
    unfinished.symlink_to(directory.name)
    os.replace(unfinished, link)
