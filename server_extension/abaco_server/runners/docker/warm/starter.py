"""The program that waits in containers, for the engine's kind of machine."""

import logging
import os
import shutil
from importlib import resources
from pathlib import Path

_log = logging.getLogger(__name__)

NOT_NEEDED = 113
"""Its exit status when the server is gone before there was a message."""

WIRE = b"abaco starter 2"
"""In every program that speaks as we do; another one was compiled from older source."""

NAMES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
"""What engines call a machine -> which of our files runs on it."""


def install(architecture: str, directory: Path) -> Path | None:
    """Its path on the host; None when this installation has no program for such a machine, or
    one of another version.

    It is put in place by renaming: a container that starts meanwhile never sees half of it.
    """
    found = resources.files("abaco_server.runners.docker.warm") / "starters"
    source = found / NAMES.get(architecture, "unknown")
    if not source.is_file():
        return None
    if WIRE not in source.read_bytes():
        _log.error("%s is of another version: install this package again", source)
        return None
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = directory / "starter"
    draft = directory / f"starter.{os.getpid()}"
    with source.open("rb") as program, draft.open("wb") as copy:
        shutil.copyfileobj(program, copy)
    draft.chmod(0o755)
    return draft.rename(target)
