"""All benchmarks, one after another: `make bench`."""

import subprocess
import sys

NAMES = ("accept", "cold", "lists", "idle", "search", "startup")

if __name__ == "__main__":
    chosen = sys.argv[1:] or NAMES
    for name in chosen:
        print(f"# {name}", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)
