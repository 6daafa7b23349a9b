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
        if version == "editable":
            self._compile(root, platform.machine(), ["cc"] if shutil.which("cc") else None)
        else:
            for machine in MACHINES:
                self._compile(root, machine)
        build_data["artifacts"].append(f"/{TARGET}/*")

    def _compile(self, root: Path, machine: str, compiler: list[str] | None = None) -> None:
        if machine not in MACHINES:
            return  # an engine on such a machine starts each container when its message comes
        zig = [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-linux-musl"]
        files = ["-o", str(root / TARGET / machine), str(root / SOURCE)]
        subprocess.run([*(compiler or zig), *FLAGS, *files], check=True)
