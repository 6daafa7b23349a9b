"""P12: the extension's share of a server's start: until Jupyter answers, until the service does."""

import json
import time
from pathlib import Path
from statistics import median

from benchmarks import tidy
from benchmarks.tidy import SMALL
from tests.live_server import LiveServer

ROUNDS = 1 if SMALL else 3


def main() -> None:
    bare, jupyter, service = [], [], []
    off = "--ServerApp.jpserver_extensions=abaco_jupyter=False"
    on = "--AbacoApp.runner=docker"
    with tidy.home() as home:
        _start(home / "ours", on)  # makes the database once
        for _ in range(ROUNDS):
            bare.append(_start(home / "bare", off, ready_path="api"))
            jupyter.append(_start(home / "ours", on, ready_path="api"))
            service.append(_start(home / "ours", on))
    figures = {
        "benchmark": "startup",
        "target": "P12: 0.3 s",
        "bare_s": round(median(bare), 3),
        "with_extension_s": round(median(jupyter), 3),
        "until_the_service_answers_s": round(median(service), 3),
        "share_s": round(median(jupyter) - median(bare), 3),
        "share_of_the_service_s": round(median(service) - median(bare), 3),
    }
    print(json.dumps(figures, indent=2))


def _start(home: Path, *options: str, ready_path: str = "abaco/v1/status") -> float:
    server = LiveServer(home, *options)
    server.ready_path = ready_path
    begin = time.perf_counter()
    with server:
        return time.perf_counter() - begin


if __name__ == "__main__":
    main()
