"""P3 to P6 and P9: calls in warm containers against schedulers that keep no record.

Each round opens every peer in turn, ours among them, with 2 workers and with 8; the ratios are of
medians. A peer that this Python has not is named, with what was missing.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.peers import OURS, PEERS
from tests.live_server import REPOSITORY, LiveServer

SMALL = "ABACO_BENCH_SMALL" in os.environ
"""To see that all of it works, not how fast."""

ROUNDS = 1 if SMALL else 3
TWO = {
    "workers": 2,
    "parts": ["calls", "maps", "memory"],
    "calls": 5 if SMALL else 100,
    "maps": [20, 40] if SMALL else [200, 2000],
}
EIGHT = {"workers": 8, "parts": ["sleeps"], "naps": 16 if SMALL else 160}
PAYLOADS = {
    "workers": 2,
    "parts": ["payloads"],
    "payloads": {"1000": 5, "1000000": 5} if SMALL else {"1000": 20, "1000000": 10, "50000000": 3},
}
PLANS = {
    "two_workers": (TWO, list(PEERS)),
    "eight_workers": (EIGHT, list(PEERS)),
    "payloads": (PAYLOADS, [OURS, "dask"]),
}
_LIMIT = 90
Figures = dict[str, Any]


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="abaco-bench."))
    try:
        with LiveServer(home, "--AbacoApp.runner=docker") as server:
            figures = _measure(server)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(figures, indent=2))


def _measure(server: LiveServer) -> Figures:
    _run(server, OURS, {"workers": 2, "parts": []})  # makes the image
    figures: Figures = {
        "benchmark": "calls",
        "target": "P3 to P6, P9",
        "releases": {name: peer.release or "not installed" for name, peer in PEERS.items()},
    }
    for plan, (wanted, names) in PLANS.items():
        rounds: dict[str, list[Figures]] = {name: [] for name in names}
        for _ in range(ROUNDS):
            for name in names:
                # What took too long once is not waited for again.
                if not any("missing" in one for one in rounds[name]):
                    rounds[name].append(_round(server, name, wanted))
        figures[plan] = {name: _medians(found) for name, found in rounds.items()}
    return figures


def _round(server: LiveServer, name: str, wanted: Figures) -> Figures:
    if PEERS[name].release is None:
        return {"missing": f"{PEERS[name].package} is not installed in this Python"}
    try:
        return _run(server, name, wanted)
    finally:
        if name == OURS:
            # The next round starts from nothing but the image.
            for actor in server.api("GET", "actors/v2"):
                server.api("DELETE", f"actors/v2/{actor['id']}")


def _run(server: LiveServer, name: str, wanted: Figures) -> Figures:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]),
        "ABACO_URL": server.url,
        "ABACO_TOKEN": server.token,
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.one_peer", name],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, complained = child.communicate(json.dumps(wanted) + "\n", timeout=_LIMIT)
        missing = complained.strip()[-400:] if child.returncode else ""
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)  # with the workers that it started
        said, _ = child.communicate()
        missing = f"it took more than {_LIMIT} s"
    found: Figures = json.loads((said.splitlines() or ["{}"])[-1])
    return found | ({"missing": missing} if missing else {})


def _medians(rounds: list[Figures]) -> Figures:
    """Of what each round came to; one that was cut short says why."""
    figures: Figures = {}
    for name in dict.fromkeys(name for one in rounds for name in one):
        values = [one[name] for one in rounds if name in one]
        figures[name] = values[-1] if name == "missing" else round(median(values), 4)
    return figures


if __name__ == "__main__":
    main()
