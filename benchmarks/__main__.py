"""All benchmarks, one after another, and the page of what they found: `make bench`.

`python -m benchmarks calls lab` runs these and prints what they found, and writes no page.
"""

import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import page, tidy

NAMES = ("fresh", "calls", "spent", "accept", "lists", "lab", "startup", "recovery", "idle")
"""`search` and `cold` are run by name: no target speaks of them."""
_LIMIT = 1500


def main() -> None:
    tidy.end_by_term()
    chosen = sys.argv[1:] or NAMES
    machine = _machine()
    results = {name: _run(name) for name in chosen}
    found = {"machine": machine, "results": results}
    if sys.argv[1:]:
        print(json.dumps(found, indent=1))
    else:
        page.write(found)
        print(page.TABLE.read_text())


def _run(name: str) -> dict[str, Any]:
    begin = time.monotonic()
    child = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{name}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said, complained = tidy.wait(child, None, _LIMIT)
    except subprocess.TimeoutExpired:
        return {"failed": f"it took more than {_LIMIT} s"}
    print(f"# {name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    if child.returncode != 0:
        print(complained, file=sys.stderr, flush=True)
        return {"failed": (complained.strip().splitlines() or ["it said nothing"])[-1]}
    found: dict[str, Any] = json.loads(said)
    return found


def _machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": _said("git", "rev-parse", "--short", "HEAD"),
        "processors": f"{os.cpu_count()}, {_processor()}",
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release(),
        "engine": _said("docker", "version", "-f", "{{.Server.Version}}"),
        "python": platform.python_version(),
        "load before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
