"""How much memory is in use, and whom the kernel ends when there is none left."""

from __future__ import annotations

import os
import sys

_PREFERRED_VICTIM = "500"


def used(pid: int) -> int:
    """Bytes of a process that stays."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def be_the_first_to_go() -> None:
    """When memory runs out: before the supervisor, which tells of it."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(_PREFERRED_VICTIM)
    except OSError as error:
        print(f"abaco_runtime: oom_score_adj cannot be set: {error}", file=sys.stderr)


_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def killed_processes() -> int:
    """Processes of this container that the kernel has killed because its memory was used up."""
    for path in _COUNTERS:
        try:
            with open(path) as file:
                for line in file:
                    name, _, number = line.partition(" ")
                    if name == "oom_kill":
                        return int(number)
        except OSError:
            continue
    return 0
