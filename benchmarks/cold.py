"""A fresh container for each message, from the POST to the end of its execution, against
`docker run` of the same image and command in the same run."""

import json
import subprocess
import time
from statistics import median

from benchmarks import tidy
from tests.live_server import LiveServer

IMAGE = "abaco-jupyter/python:3.11"
ROUNDS = 15


def main() -> None:
    with tidy.home() as home, LiveServer(home, "--AbacoApp.runner=docker") as server:
        print(json.dumps(_measure(server), indent=2))


def _measure(server: LiveServer) -> dict[str, object]:
    actor = server.api("POST", "actors/v2", {"image": IMAGE})["id"]
    _execute(server, actor)
    ours, peer = [], []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        subprocess.run(["docker", "run", "--rm", IMAGE], check=True, capture_output=True)
        peer.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        _execute(server, actor)
        ours.append(time.perf_counter() - begin)
    server.api("DELETE", f"actors/v2/{actor}")
    return {
        "benchmark": "cold",
        "image": IMAGE,
        "docker_run_p50_ms": round(median(peer) * 1000, 1),
        "message_to_end_p50_ms": round(median(ours) * 1000, 1),
        "ratio": round(median(ours) / median(peer), 3),
        "target": "not slower than docker run",
    }


def _execute(server: LiveServer, actor: str) -> None:
    """Send a message and follow its stream to the end."""
    assert '"COMPLETE"' in server.follow(actor, server.send(actor, "x"))


if __name__ == "__main__":
    main()
