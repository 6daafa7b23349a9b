"""Build hook: compiles the program that waits in containers (images/starter/starter.c).

A wheel carries it for every kind of machine, compiled by the `ziglang` package of PyPI, which
needs no compiler on the machine and knows each target. An editable install needs it for this
machine only: its own `cc` takes a tenth of a second, zig half a minute.
"""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = Path("images/starter/starter.c")
TARGET = Path("server_extension/abaco_server/runners/docker/warm/starters")
MACHINES = ("x86_64", "aarch64")
FLAGS = ["-static", "-Os", "-s", "-Wall", "-Wextra"]


class StarterBuildHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return ["ziglang>=0.13"]

    def initialize(self, version: str, build_data: dict) -> None:
        root = Path(self.root)
        if self.target_name != "wheel":
            return
        (root / TARGET).mkdir(exist_ok=True)
        machines = [platform.machine()] if version == "editable" else MACHINES
        for machine in machines:
            self._compile(root, machine, by_cc=version == "editable")
        build_data["artifacts"].append(f"/{TARGET}/*")

    def _compile(self, root: Path, machine: str, *, by_cc: bool) -> None:
        if machine not in MACHINES:
            return  # an engine on such a machine starts each container when its message comes
        files = ["-o", str(root / TARGET / machine), str(root / SOURCE)]
        # A `cc` may lack a static C library, or compile for another system.
        if by_cc and sys.platform == "linux" and shutil.which("cc"):
            if subprocess.run(["cc", *FLAGS, *files], check=False).returncode == 0:
                return
        zig = [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-linux-musl"]
        subprocess.run([*zig, *FLAGS, *files], check=True)
