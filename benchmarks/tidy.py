"""What a benchmark leaves behind: nothing, however it ends."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import psutil

SMALL = "ABACO_BENCH_SMALL" in os.environ
"""To see that all of it works, not how fast."""

MARK = "ABACO_BENCH_MARK"
_GRACE = 30
"""Seconds that a benchmark which is told to end has for putting things away."""


@contextmanager
def home() -> Iterator[Path]:
    """A directory of this benchmark."""
    end_by_term()
    found = Path(tempfile.mkdtemp(prefix="abaco-bench."))
    try:
        yield found
    finally:
        shutil.rmtree(found, ignore_errors=True)


def end_by_term() -> None:
    """TERM ends this process as ctrl-C does: what is open is closed."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(_: int, __: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)


def wait(child: "subprocess.Popen[str]", given: str | None, limit: float) -> tuple[str, str]:
    """What it said. It has ended when this returns or raises; a TimeoutExpired says so."""
    try:
        return child.communicate(given, timeout=limit)
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(_GRACE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def sweep(mark: str) -> None:
    """End what was started with this mark in its environment and lives on, as some schedulers put
    their processes into sessions of their own; and remove what they left."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark:
                process.kill()
    shutil.rmtree(ray_home(mark), ignore_errors=True)


def ray_home(mark: str) -> Path:
    """Not below `home`: the names of its sockets would be too long."""
    return Path(tempfile.gettempdir()) / f"ray.{mark}"
