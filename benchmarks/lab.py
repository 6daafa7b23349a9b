"""P11: a kernel's message round trip through the notebook server while another kernel's map of
calls runs on the same server, and while nothing runs."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jupyter_client.session import Session
from tornado.websocket import WebSocketClientConnection, websocket_connect

from benchmarks import tidy
from benchmarks.tidy import SMALL
from tests.live_server import LiveServer

ROUNDS = 50 if SMALL else 400
MAPPING = """
from abaco_jupyter import AbacoExecutor
executor = AbacoExecutor(2)
list(executor.map(abs, range(20)))
print("maps", flush=True)
while True:
    list(executor.map(abs, range(2000)))
"""


def main() -> None:
    with tidy.home() as home, LiveServer(home, "--AbacoApp.runner=docker", lab=True) as server:
        figures = asyncio.run(_measure(server))
    print(json.dumps(figures, indent=2))


async def _measure(server: LiveServer) -> dict[str, Any]:
    asked, mapping = await Kernel.start(server), await Kernel.start(server)
    await asked.round_trip()
    idle = [await asked.round_trip() for _ in range(ROUNDS)]
    await mapping.run(MAPPING, until="maps")
    busy = [await asked.round_trip() for _ in range(ROUNDS)]
    await mapping.end()
    with _computing():
        computing = [await asked.round_trip() for _ in range(ROUNDS)]
    await asked.end()
    return {
        "benchmark": "lab",
        "target": "P11: 50 ms while a map runs, p99",
        "idle_p50_ms": _at(idle, 0.5),
        "idle_p99_ms": _at(idle, 0.99),
        "while_a_map_runs_p50_ms": _at(busy, 0.5),
        "while_a_map_runs_p99_ms": _at(busy, 0.99),
        "computing_p50_ms": _at(computing, 0.5),
        "computing_p99_ms": _at(computing, 0.99),
    }


@contextmanager
def _computing() -> Iterator[None]:
    """Two processes that have nothing to do with the server: what the load alone costs."""
    burning = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(burning) for _ in range(2)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Kernel:
    """As Lab talks to one: over the server's WebSocket."""

    def __init__(self, server: LiveServer, kernel_id: str, socket: WebSocketClientConnection):
        self._server = server
        self._id = kernel_id
        self._socket = socket
        self._session = Session()

    @classmethod
    async def start(cls, server: LiveServer) -> "Kernel":
        status, body = server.request("POST", "api/kernels", {"name": "python3"})
        assert status == 201, body
        kernel_id = json.loads(body)["id"]
        url = f"{server.url}api/kernels/{kernel_id}/channels?token={server.token}"
        return cls(server, kernel_id, await websocket_connect(url.replace("http", "ws", 1)))

    async def round_trip(self) -> float:
        begin = time.perf_counter()
        sent = await self._send("kernel_info_request", {})
        while True:
            answer = await self._next()
            mine = answer["parent_header"].get("msg_id") == sent
            if mine and answer["msg_type"] == "kernel_info_reply":
                return time.perf_counter() - begin

    async def run(self, code: str, *, until: str) -> None:
        """Returns when it has printed this, and lets it go on."""
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        await self._send("execute_request", content)
        while True:
            answer = await self._next()
            assert answer["msg_type"] != "error", answer["content"]
            if answer["msg_type"] == "stream" and until in answer["content"]["text"]:
                return

    async def end(self) -> None:
        self._socket.close()
        status, body = self._server.request("DELETE", f"api/kernels/{self._id}")
        assert status == 204, body

    async def _send(self, kind: str, content: dict[str, Any]) -> str:
        message = self._session.msg(kind, content) | {"channel": "shell", "buffers": []}
        await self._socket.write_message(json.dumps(message, default=str))
        sent: str = message["header"]["msg_id"]
        return sent

    async def _next(self) -> dict[str, Any]:
        text = await asyncio.wait_for(self._socket.read_message(), 300)
        assert text is not None, "the server closed the connection"
        answer: dict[str, Any] = json.loads(text)
        return answer


def _at(times: list[float], share: float) -> float:
    return round(sorted(times)[int(len(times) * share)] * 1000, 2)


if __name__ == "__main__":
    main()
