"""P10: what an idle extension costs over the bare server, with no actor and with 1000."""

import json
import subprocess
import sys
import time

import psutil

from benchmarks import tidy
from benchmarks.tidy import SMALL
from tests.live_server import LiveServer

SETTLE, SECONDS, ACTORS = (1.0, 3.0, 20) if SMALL else (4.0, 15.0, 1000)


def main() -> None:
    with tidy.home() as home:
        bare = LiveServer(home / "bare", "--ServerApp.jpserver_extensions=abaco_jupyter=False")
        bare.ready_path = "api"
        with bare:
            without = _watch(bare)
        with LiveServer(home / "ours", "--AbacoApp.runner=docker"):
            pass  # it makes its database, once
        with LiveServer(home / "ours", "--AbacoApp.runner=docker") as server:
            empty = _watch(server)
            for number in range(ACTORS):
                server.api("POST", "actors/v2", {"image": "none", "name": f"actor-{number}"})
        # A new life, so that only what is kept counts, not what was made.
        with LiveServer(home / "ours", "--AbacoApp.runner=docker") as server:
            full = _watch(server)
    figures = _figures(without, empty, full) | {"imports_mb": _imports()}
    print(json.dumps(figures, indent=2))


IMPORTS = """
import gc, json, resource
from importlib import import_module
def resident():
    gc.collect()
    pages = int(open("/proc/self/statm").read().split()[1])
    return pages * resource.getpagesize() / 1e6
found = {}
import jupyter_server.serverapp
for name in ("sqlalchemy.dialects.postgresql", "docker", "abaco_server.assemble"):
    before = resident()
    import_module(name)
    found[name.partition(".")[0]] = round(resident() - before, 1)
print(json.dumps(found))
"""


def _imports() -> dict[str, float]:
    """Memory of what the service imports, in MB, in this order; the last one is the rest."""
    said = subprocess.run(
        [sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(said.stdout)
    return found


def _watch(server: LiveServer) -> tuple[float, float]:
    """CPU in percent of one core, and resident memory in MB."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    time.sleep(SETTLE)
    before = process.cpu_times()
    time.sleep(SECONDS)
    after = process.cpu_times()
    used = (after.user - before.user) + (after.system - before.system)
    return 100 * used / SECONDS, process.memory_info().rss / 1e6


def _figures(
    without: tuple[float, float], empty: tuple[float, float], full: tuple[float, float]
) -> dict[str, object]:
    return {
        "benchmark": "idle",
        "target": "P10: 0.3 % CPU and 30 MB over the bare server with 1000 actors",
        "bare": {"cpu_percent": round(without[0], 2), "rss_mb": round(without[1], 1)},
        "no_actors": {"cpu_percent": round(empty[0], 2), "rss_mb": round(empty[1], 1)},
        "actors_1000": {"cpu_percent": round(full[0], 2), "rss_mb": round(full[1], 1)},
        "over_bare": {
            "cpu_percent": round(full[0] - without[0], 2),
            "rss_mb": round(full[1] - without[1], 1),
        },
    }


if __name__ == "__main__":
    main()
