"""P3 to P6 and P9: calls in warm containers against schedulers that keep no record.

Each round opens every peer in turn, ours among them, with 2 workers and with 8; the ratios are of
medians. A peer that this Python has not is named, with what was missing.
"""

import json
import os
import subprocess
import sys
from statistics import median
from typing import Any

from abaco_jupyter.wire.ids import new_id
from benchmarks import tidy
from benchmarks.peers import ASKED, OURS, OURS_INSIDE, PEERS, SERVICE
from benchmarks.tidy import SMALL
from tests.live_server import REPOSITORY, LiveServer

ROUNDS = 1 if SMALL else 3
TWO = {
    "workers": 2,
    "parts": ["calls", "maps", "memory"],
    "calls": 5 if SMALL else 100,
    "maps": {"200": 20, "2000": 40} if SMALL else {"200": 200, "2000": 2000},
}
EIGHT = {"workers": 8, "parts": ["sleeps"], "naps": 16 if SMALL else 160}
PAYLOADS = {
    "workers": 2,
    "parts": ["payloads"],
    "payloads": {"1000": 5, "1000000": 5} if SMALL else {"1000": 20, "1000000": 10, "50000000": 3},
}
ASK = {"workers": 1, "parts": ["calls"], "calls": 5 if SMALL else 200}
PLANS = {
    "two_workers": (TWO, list(PEERS)),
    "eight_workers": (EIGHT, [name for name in PEERS if name != "joblib"]),
    "payloads": (PAYLOADS, [OURS, "dask"]),
    "ask": (ASK, list(ASKED)),
}
FEWER: dict[str, Any] = {
    "docker run": {"calls": 5, "maps": {"2000": 4 if SMALL else 16}, "naps": 16},
}
"""Of what would take minutes a rate is seen with fewer calls."""
_LIMIT = 90
_TOO_LONG = f"it took more than {_LIMIT} s"
Figures = dict[str, Any]


def main() -> None:
    with tidy.home() as home, LiveServer(home, "--AbacoApp.runner=docker") as server:
        figures = _measure(server)
    print(json.dumps(figures, indent=2))


def _measure(server: LiveServer) -> Figures:
    _run(server, OURS, {"workers": 2, "parts": []})  # makes the image
    peers = PEERS | ASKED
    figures: Figures = {
        "benchmark": "calls",
        "target": "P3 to P6, P9, P13",
        "releases": {name: peer.release or "not installed" for name, peer in peers.items()},
    }
    for plan, (wanted, names) in PLANS.items():
        rounds: dict[str, list[Figures]] = {name: [] for name in names}
        for _ in range(ROUNDS):
            for name in names:
                # What took too long once is not waited for again.
                if not any(one.get("missing") == _TOO_LONG for one in rounds[name]):
                    rounds[name].append(_round(server, name, wanted | FEWER.get(name, {})))
        figures[plan] = {name: _medians(found) for name, found in rounds.items()}
    return figures


def _round(server: LiveServer, name: str, wanted: Figures) -> Figures:
    peer = (PEERS | ASKED)[name]
    if peer.release is None:
        return {"missing": f"{peer.package} is not installed in this Python"}
    try:
        return _run(server, name, wanted)
    finally:
        if name in (OURS, OURS_INSIDE):
            # The next round starts from nothing but the image.
            for actor in server.api("GET", "actors/v2"):
                server.api("DELETE", f"actors/v2/{actor['id']}")


def _run(server: LiveServer, name: str, wanted: Figures) -> Figures:
    mark = new_id()
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]),
        "ABACO_URL": server.url,
        "ABACO_TOKEN": server.token,
        tidy.MARK: mark,
        SERVICE: server.service_id,
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
        said, complained = tidy.wait(child, json.dumps(wanted) + "\n", _LIMIT)
        missing = complained.strip()[-400:] if child.returncode else ""
    except subprocess.TimeoutExpired as late:
        said, missing = (late.stdout or b"").decode(), _TOO_LONG
    finally:
        tidy.sweep(mark)
    found: Figures = json.loads((said.splitlines() or ["{}"])[-1])
    return found | ({"missing": missing} if missing else {})


def _medians(rounds: list[Figures]) -> Figures:
    """Of what each round came to; why a figure is missing is said if no round has it."""
    figures: Figures = {}
    for name in dict.fromkeys(name for one in rounds for name in one if name != "missing"):
        figures[name] = round(median(one[name] for one in rounds if name in one), 4)
    failed = [one["missing"] for one in rounds if "missing" in one]
    return figures | ({"missing": failed[-1], "failed_rounds": len(failed)} if failed else {})


if __name__ == "__main__":
    main()
