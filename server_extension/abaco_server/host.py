"""Which of several notebook servers hosts the service of one data directory.

The host holds a lock on `host.lock`, which the operating system takes back when the process
goes, however it goes, and writes its address into `host.json`. Any other server of the same
user forwards to that address and waits for the lock.
"""

import fcntl
import json
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAddress:
    url: str
    """Base URL with a slash at its end."""
    token: str
    pid: int

    def __repr__(self) -> str:
        return f"HostAddress(url={self.url!r}, pid={self.pid})"


def address_of(server: Any) -> HostAddress:
    """Where processes of this machine reach `server`, a Jupyter server."""
    url = urlsplit(server.connection_url)
    if server.ip in ("", "0.0.0.0", "::"):
        # Jupyter would name the host, which its own check of the Host header may refuse.
        url = url._replace(netloc=f"127.0.0.1:{server.port}")
    return HostAddress(
        url=url._replace(query="").geturl(),
        token=server.identity_provider.token or "",
        pid=os.getpid(),
    )


def offer_to_kernels(address: HostAddress) -> None:
    """Kernels inherit the server's environment: so they find us without a search."""
    if not address.url.startswith(("http:", "https:")):
        return  # a server on a Unix socket: kernels find it by its file
    os.environ["ABACO_URL"] = address.url.rstrip("/")
    if address.token:
        os.environ["ABACO_TOKEN"] = address.token


class HostLock:
    """The right to host. Not reentrant; released when the process ends."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._address_file = data_dir / "host.json"
        self._lock_file = data_dir / "host.lock"
        self._held: int | None = None
        self._given_up = threading.Event()

    def try_acquire(self) -> bool:
        descriptor = self._open()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._held = descriptor
        return True

    def wait_in_background(self, acquired: Callable[[], None]) -> None:
        """Call `acquired` from a thread once the present host is gone."""
        threading.Thread(
            target=self._wait, args=(acquired,), name="abaco-host-lock", daemon=True
        ).start()

    def announce(self, address: HostAddress) -> None:
        """Tell the other servers where the service is. The file is readable by its owner only."""
        fresh = self._address_file.with_suffix(f".{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(address), file)
        fresh.replace(self._address_file)

    def host(self) -> HostAddress | None:
        """The present host, or None while it has not announced itself."""
        try:
            return HostAddress(**json.loads(self._address_file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def release(self) -> None:
        """Give up the lock, or the wait for it."""
        self._given_up.set()
        if self._held is not None:
            self._address_file.unlink(missing_ok=True)
            os.close(self._held)
            self._held = None

    def _wait(self, acquired: Callable[[], None]) -> None:
        descriptor = self._open()
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if self._given_up.is_set():
            os.close(descriptor)
            return
        self._held = descriptor
        acquired()

    def _open(self) -> int:
        return os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
