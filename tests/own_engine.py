"""A Docker engine of a test's own, which it may stop and start again.

It lives in a network namespace of its own: it must not touch the bridge and the firewall rules of
the engine that everybody uses.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

_PATIENCE = 60.0


class OwnEngine:
    """A context manager. Skips the test where no second engine can be started."""

    def __init__(self) -> None:
        # The path of a socket is short: what pytest gives a test is too long.
        self._home = Path(tempfile.mkdtemp(prefix="abaco-engine-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._home}/docker.sock"

    @property
    def log(self) -> str:
        return (self._home / "dockerd.log").read_text(errors="replace")

    def start(self) -> None:
        command = [
            *("unshare", "--net", "dockerd", "--host", self.url),
            *("--data-root", f"{self._home}/data", "--exec-root", f"{self._home}/run"),
            *("--pidfile", f"{self._home}/docker.pid"),
            # Should containerd run as a service of its own: not among the other engine's.
            *("--containerd-namespace", "abaco-test", "--containerd-plugins-namespace", "abaco-p"),
        ]
        with (self._home / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the engine does not come up:\n{self.log[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """As an admin would: containers end with it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_PATIENCE)

    def load(self, image: str) -> None:
        """From the engine that everybody uses."""
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saving:
            loading = ["docker", "--host", self.url, "load"]
            subprocess.run(loading, stdin=saving.stdout, check=True, capture_output=True)
        assert saving.returncode == 0

    def _answers(self) -> bool:
        asking = ["docker", "--host", self.url, "version"]
        return subprocess.run(asking, capture_output=True, check=False).returncode == 0

    def __enter__(self) -> Self:
        try:
            if lacking := _lacking():
                pytest.skip(f"no second engine can be started here: {lacking}")
            self.start()
        except BaseException:
            self._put_away()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._put_away()

    def _put_away(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            where = line.split()[1]
            if where.startswith(f"{self._home}/"):  # it leaves its network namespaces
                subprocess.run(["umount", "--lazy", where], check=True)
        shutil.rmtree(self._home)


def _lacking() -> str | None:
    if os.geteuid() != 0:
        return "only root can"
    for program in ("dockerd", "unshare"):
        if shutil.which(program) is None:
            return f"there is no {program}"
    trying = ["unshare", "--net", "true"]
    tried = subprocess.run(trying, capture_output=True, text=True, check=False)
    return tried.stderr.strip() or None
