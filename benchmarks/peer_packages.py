"""Installs the peers, the extra `bench`, each on its own: what a Python has no wheel of does not
keep the others out. `calls.py` names those that are missing."""

import subprocess
import sys
from importlib.metadata import requires

if __name__ == "__main__":
    for line in requires("abaco-jupyter") or ():
        name, _, condition = line.partition(";")
        if 'extra == "bench"' not in condition.replace("'", '"'):
            continue
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", name.strip()])
        if done.returncode != 0:
            print(f"benchmarks: {name.strip()} cannot be installed here", file=sys.stderr)
