"""Runs `python -m abaco_runtime` on a piece of source, as a container would."""

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import abaco_runtime
from abaco_jupyter.wire.call import decode_result

RUNTIME = str(Path(abaco_runtime.__file__).parent.parent)
"""The directory that holds the package: `/opt/abaco` in an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    code: int
    out: str
    err: str
    bodies: list[bytes]
    exception: dict[str, Any] | None

    @property
    def results(self) -> list[Any]:
        return [decode_result(body) for body in self.bodies]


class ActorProcess:
    """One actor: its source, and the directory that it shares with the server."""

    def __init__(self, directory: Path, source: str, *, entry: str | None = "f") -> None:
        self.app = directory / "app"
        self.shared = directory / "shared"
        self.out = self.shared / "out"
        self.app.mkdir(parents=True)
        self.out.mkdir(parents=True)
        self.source = self.app / "actor.py"
        self.source.write_text(textwrap.dedent(source))
        self.entry = entry

    def environment(self, *, spool: bool = True, **more: str) -> dict[str, str]:
        made = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([RUNTIME, *_cloudpickle()]),
            "_abaco_source": str(self.source),
        }
        if self.entry:
            made["_abaco_entry"] = self.entry
        if spool:
            made["_abaco_dir"] = str(self.shared)
        return made | more

    def command(self, python: str = sys.executable) -> list[str]:
        return [python, "-m", "abaco_runtime"]

    def run(self, msg: str | None = None, *, binary: bytes | None = None, **more: Any) -> Ran:
        if msg is not None:
            more["MSG"] = msg
        if binary is not None:
            (self.shared / "message").write_bytes(binary)
            more["_abaco_Content_Type"] = "application/octet-stream"
        python = more.pop("python", sys.executable)
        ended = subprocess.run(
            self.command(python),
            env=self.environment(**more),
            cwd=self.app,
            capture_output=True,
            timeout=60,
        )
        return self.ran(ended.returncode, ended.stdout, ended.stderr)

    def ran(self, code: int, out: bytes, err: bytes) -> Ran:
        spooled = sorted(self.out.glob("*.result"))
        reported = self.out / "exception.json"
        return Ran(
            code=code,
            out=out.decode(),
            err=err.decode(),
            bodies=[path.read_bytes() for path in spooled],
            exception=json.loads(reported.read_bytes()) if reported.exists() else None,
        )


def _cloudpickle() -> list[str]:
    import cloudpickle

    return [str(Path(cloudpickle.__file__).parent.parent)]
