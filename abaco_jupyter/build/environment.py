"""What an actor's code needs around it: base image, packages, variables, files."""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from abaco_jupyter.wire.errors import InvalidSpec
from abaco_jupyter.wire.limits import MAX_BUILD_FILES, MIB
from abaco_jupyter.wire.spec import BuildSpec

_VERSION = re.compile(r"3\.\d+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Options of a build.

    Without `base` and `python` the image gets this kernel's Python version, because results that
    are not JSON are pickles, which other versions may not read.
    """

    base: str | None = None
    python: str | None = None
    apt: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def spec(self, source: str, entry: str | None) -> BuildSpec:
        """The BuildSpec of `source` in this environment. Raises InvalidSpec."""
        if self.base is not None and self.python is not None:
            raise InvalidSpec(
                f"A base image ({self.base}) brings its own Python: leave out python "
                f"{self.python}, or the base."
            )
        if self.python is not None and not _VERSION.fullmatch(self.python):
            raise InvalidSpec(
                f"{self.python!r} is not a Python version such as 3.{sys.version_info.minor}."
            )
        python = self.python
        if self.base is None and python is None:
            python = f"{sys.version_info.major}.{sys.version_info.minor}"
        return BuildSpec(
            source=source,
            entry=entry,
            base=self.base,
            python=python,
            apt=self.apt,
            pip=self.pip,
            env=self.env,
            files=self.files,
        )


def variables(assignments: Iterable[str]) -> dict[str, str]:
    """`["A=1", "B=x y"]` as a dictionary. Raises InvalidSpec."""
    found = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not _VARIABLE.fullmatch(name):
            raise InvalidSpec(f"{assignment!r} is not of the form NAME=value.")
        found[name] = value
    return found


def files(wanted: Iterable[str], folder: Path) -> dict[str, bytes]:
    """Files to put beside the actor's code.

    Parameters
    ----------
    wanted : iterable of str
        `PATH` or `PATH:DESTINATION`. A folder brings all files in it. Without a destination a
        file keeps its path relative to `folder`, or its bare name when it lies elsewhere.
    folder : Path
        What relative paths are relative to: the notebook's folder.

    Raises
    ------
    InvalidSpec
        A path does not exist, a destination leaves the working directory, or all files together
        are larger than `MAX_BUILD_FILES`.
    """
    found: dict[str, bytes] = {}
    for each in wanted:
        path, _, destination = each.partition(":")
        source = folder / Path(path).expanduser()
        if not source.exists():
            raise InvalidSpec(f"There is no file {path!r} in {folder}.")
        target = PurePosixPath(destination or _own_place(source, folder))
        if source.is_dir():
            for inner in sorted(p for p in source.rglob("*") if p.is_file()):
                found[_inside(target / inner.relative_to(source).as_posix())] = inner.read_bytes()
        else:
            found[_inside(target)] = source.read_bytes()
    size = sum(map(len, found.values()))
    if size > MAX_BUILD_FILES:
        raise InvalidSpec(
            f"The files of the build have {size / MIB:.1f} MiB together; at most "
            f"{MAX_BUILD_FILES / MIB:.0f} MiB travel with a build. Send large data as messages, "
            "or let the actor fetch it."
        )
    return found


def _own_place(source: Path, folder: Path) -> str:
    try:
        return source.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return source.name


def _inside(target: PurePosixPath) -> str:
    if target.is_absolute() or ".." in target.parts:
        raise InvalidSpec(
            f"{str(target)!r} is outside the actor's working directory: give a relative path."
        )
    return str(target)
