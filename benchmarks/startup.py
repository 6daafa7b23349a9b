"""P12: the extension's share of a server's start, until the service answers."""

import json
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.live_server import LiveServer

ROUNDS = 5


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="abaco-bench."))
    bare, ours = [], []
    try:
        _start(home / "ours", "--AbacoApp.runner=docker")  # makes the database once
        for _ in range(ROUNDS):
            bare.append(
                _start(
                    home / "bare",
                    "--ServerApp.jpserver_extensions=abaco_jupyter=False",
                    ready_path="api",
                )
            )
            ours.append(_start(home / "ours", "--AbacoApp.runner=docker"))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    share = median(ours) - median(bare)
    print(
        json.dumps(
            {
                "benchmark": "startup",
                "target": "P12: 0.3 s",
                "bare_s": round(median(bare), 3),
                "with_extension_s": round(median(ours), 3),
                "share_s": round(share, 3),
            },
            indent=2,
        )
    )


def _start(home: Path, *options: str, ready_path: str = "abaco/v1/status") -> float:
    server = LiveServer(home, *options)
    server.ready_path = ready_path
    begin = time.perf_counter()
    with server:
        return time.perf_counter() - begin


if __name__ == "__main__":
    main()
