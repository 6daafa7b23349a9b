"""A real Jupyter server with the extension, in its own process and its own directories."""

import contextlib
import json
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

REPOSITORY = Path(__file__).parents[1]


class LiveServer:
    """Start it, talk to it, kill it, start it again on the same data. A context manager."""

    def __init__(self, home: Path, *options: str, lab: bool = False) -> None:
        self.home = home
        self.token = secrets.token_hex(16)
        self.port = _free_port()
        self._options = options
        self._lab = lab
        self.ready_path = "abaco/v1/status"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> str:
        return (self.home / "server.log").read_text(errors="replace")

    def start(self, timeout: float = 120) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        command = [
            *(sys.executable, "-m", "jupyter", "lab" if self._lab else "server"),
            *("--no-browser", "--allow-root", f"--ServerApp.port={self.port}"),
            *("--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}"),
            f"--ServerApp.root_dir={self.root}",
            *self._options,
        ]
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env=self._environment(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._wait_until_ready(timeout)
        return self

    @property
    def service_id(self) -> str:
        """By which the engine knows its containers."""
        return (self.home / "data/abaco/service-id").read_text().strip()

    @property
    def root(self) -> Path:
        root = self.home / "root"
        root.mkdir(parents=True, exist_ok=True)
        return root

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        timeout: float = 60,
    ) -> tuple[int, bytes]:
        """Status and body. `body` is sent as it is when it is bytes, else as JSON."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path.lstrip("/"), data=data, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        if data is not None:
            request.add_header("Content-Type", content_type)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """The `result` of an answer that must be a success."""
        status, answer = self.request(method, path, body)
        assert status == 200, (method, path, status, answer[:2000])
        return json.loads(answer)["result"]

    def register(self, source: str, entry: str | None, **fields: Any) -> str:
        """Build an image of `source` and register it; the actor's id."""
        build = self.api("POST", "abaco/v1/builds", {"source": source, "entry": entry})
        path = f"abaco/v1/builds/{build['id']}/stream"
        _, frames = self.request("GET", path, timeout=300)
        assert b'"status":"READY"' in frames, frames[-2000:]
        actor: str = self.api("POST", "actors/v2", {"image": build["image"], **fields})["id"]
        return actor

    def send(self, actor: str, text: str) -> str:
        """The execution's id."""
        sent = self.api("POST", f"actors/v2/{actor}/messages", {"message": text})
        execution: str = sent["executionId"]
        return execution

    def follow(self, actor: str, execution: str) -> str:
        """The events of an execution, as they were streamed, once it has ended."""
        path = f"abaco/v1/actors/{actor}/executions/{execution}/stream"
        status, frames = self.request("GET", path, timeout=300)
        assert (status, b"event: end" in frames) == (200, True), frames[-2000:]
        return frames.decode()

    def result(self, actor: str, execution: str) -> bytes:
        """The oldest result, popped; empty when there is none."""
        status, body = self.request("GET", f"actors/v2/{actor}/executions/{execution}/results")
        assert status == 200, body
        return body

    def kill(self) -> None:
        """As a power cut would: nothing is said, nothing is put away."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, timeout: float = 60) -> None:
        """As an admin would: TERM, and wait."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.stop()
        finally:
            self.sweep()

    def sweep(self) -> None:
        """Its data directory is thrown away: what a killed server left on the engine goes too."""
        marks = [file.read_text().strip() for file in self.home.glob("data/abaco/service-id")]
        if not marks or shutil.which("docker") is None:
            return
        ours = f"label=abaco.service={marks[0]}"
        for kind, remove in (("ps -a", "rm -f -v"), ("images", "rmi -f")):
            listing = ["docker", *kind.split(), "-q", "--filter", ours]
            found = subprocess.run(listing, capture_output=True, text=True, check=False)
            for one in found.stdout.split():
                removal = ["docker", *remove.split(), one]
                subprocess.run(removal, capture_output=True, check=False)

    def _environment(self) -> dict[str, str]:
        """The caller's, less what would make this server somebody else's kernel."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ABACO_URL", "ABACO_TOKEN", "JPY_", "JUPYTER"))
        }
        return kept | {
            "PATH": f"{Path(sys.executable).parent}:{kept.get('PATH', '')}",
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
        }

    def _wait_until_ready(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended at once:\n{self.log[-3000:]}")
            try:
                status, _ = self.request("GET", self.ready_path, timeout=5)
                if status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError(f"the server was not ready in {timeout} s:\n{self.log[-3000:]}")


def _free_port() -> int:
    """Below the ports that the machine lends to outgoing connections: one of these could take it
    before the server does, or while the server is down."""
    for port in random.sample(range(15_000, 30_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("a hundred ports between 15000 and 30000 are all taken")
