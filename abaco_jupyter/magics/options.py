"""The options of `%%abaco_actor`, and what they mean for the build and the actor."""

import argparse
import keyword
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic_arguments import argument

from abaco_jupyter.build import cell, environment
from abaco_jupyter.build.environment import Environment
from abaco_jupyter.client.registration import Settings
from abaco_jupyter.wire.spec import BuildSpec

_MEMORY = re.compile(r"\d+[bkmgBKMG]?")

_OPTIONS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (
        ("name",),
        {"metavar": "NAME", "help": "The actor's name, and the variable that is bound to it."},
    ),
    (("--base",), {"metavar": "IMAGE", "help": "Image to build on, instead of --python."}),
    (
        ("--python",),
        {"metavar": "VERSION", "help": "Python version, such as 3.11. Default: this kernel's."},
    ),
    (
        ("--pip",),
        {
            "nargs": "+",
            "action": "extend",
            "default": [],
            "metavar": "PACKAGE",
            "help": "Python packages to install, such as numpy 'pandas<3'.",
        },
    ),
    (
        ("--apt",),
        {
            "nargs": "+",
            "action": "extend",
            "default": [],
            "metavar": "PACKAGE",
            "help": "System packages to install.",
        },
    ),
    (
        ("--file",),
        {
            "nargs": "+",
            "action": "extend",
            "default": [],
            "metavar": "PATH[:DEST]",
            "help": "Files or folders to put beside the code.",
        },
    ),
    (
        ("--env",),
        {
            "nargs": "+",
            "action": "extend",
            "default": [],
            "metavar": "NAME=VALUE",
            "help": "Environment variables. They are visible in the image: no secrets.",
        },
    ),
    (
        ("--stateful",),
        {"action": "store_true", "help": "Keep state; messages run one after the other."},
    ),
    (
        ("--max-workers",),
        {"type": int, "metavar": "N", "help": "At most this many executions at a time."},
    ),
    (
        ("--memory",),
        {"metavar": "SIZE", "help": "Memory of one execution, such as 512m or 2g."},
    ),
    (
        ("--description",),
        {"metavar": "TEXT", "help": "Default: the first line of the function's docstring."},
    ),
    (
        ("--entry",),
        {
            "metavar": "FUNCTION",
            "help": "The function that answers messages. Default: the one called NAME, else the "
            "only public one.",
        },
    ),
    (
        ("--script",),
        {
            "action": "store_true",
            "help": "Run the cell from top to bottom for each message, in Abaco's own style.",
        },
    ),
    (
        ("--dry-run",),
        {"action": "store_true", "help": "Say what would be built, and do nothing."},
    ),
    (
        ("--force",),
        {"action": "store_true", "help": "Make a new revision although nothing changed."},
    ),
    (
        ("-o", "--out"),
        {"metavar": "VAR", "help": "Bind the actor to this variable instead of NAME."},
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOptions:
    """A first line, understood."""

    name: str
    variable: str
    entry: str | None
    script: bool
    dry_run: bool
    force: bool
    environment: Environment
    stateless: bool
    max_workers: int | None
    memory: str | None
    description: str | None

    def spec(self, text: str) -> BuildSpec:
        """The BuildSpec of the cell's text."""
        return cell.from_cell(
            text, self.name, self.environment, entry=self.entry, script=self.script
        )

    def settings(self, spec: BuildSpec) -> Settings:
        told = self.description
        return Settings(
            description=cell.docstring(spec) if told is None else told,
            stateless=self.stateless,
            max_workers=self.max_workers,
            mem_limit=self.memory,
        )


def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a cell magic with all options of `%%abaco_actor`."""
    for names, details in reversed(_OPTIONS):
        function = argument(*names, **details)(function)  # type: ignore[no-untyped-call]
    return function


def split(line: str) -> list[str]:
    """A magic's line as a shell would split it, so `--pip 'numpy<2'` arrives without quotes."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{line!r} cannot be split into words: {error}.") from None


def understand(parser: argparse.ArgumentParser, line: str, folder: Path) -> CellOptions:
    """Parse the first line of a cell. Raises UsageError or InvalidSpec."""
    try:
        given = parser.parse_args(split(line))
    except UsageError as error:
        raise UsageError(
            f"{error}. The first line is: %%abaco_actor NAME [options]; %%abaco_actor? lists them."
        ) from None
    _check_name(given.name, "an actor in a cell")
    if given.out is not None:
        _check_name(given.out, "--out")
    if given.entry and given.script:
        raise UsageError("--script runs the whole cell and --entry one function: give only one.")
    if given.stateful and given.max_workers not in (None, 1):
        raise UsageError(
            f"--max-workers {given.max_workers} does not go with --stateful: a stateful actor "
            "works on one message at a time."
        )
    if given.max_workers is not None and given.max_workers < 1:
        raise UsageError(f"--max-workers is {given.max_workers}; it must be 1 or more.")
    if given.memory is not None and not _MEMORY.fullmatch(given.memory):
        raise UsageError(f"--memory {given.memory!r} is not a size such as 512m or 2g.")
    return CellOptions(
        name=given.name,
        variable=given.out or given.name,
        entry=given.entry,
        script=given.script,
        dry_run=given.dry_run,
        force=given.force,
        environment=Environment(
            base=given.base,
            python=given.python,
            apt=tuple(given.apt),
            pip=tuple(given.pip),
            env=environment.variables(given.env),
            files=environment.files(given.file, folder),
        ),
        stateless=not given.stateful,
        max_workers=None if given.stateful else given.max_workers,
        memory=given.memory,
        description=given.description,
    )


def _check_name(name: str, what: str) -> None:
    if name.isidentifier() and not keyword.iskeyword(name):
        return
    better = re.sub(r"\W+", "_", name).strip("_")
    hint = f" Use {better!r}." if better.isidentifier() and not keyword.iskeyword(better) else ""
    raise UsageError(
        f"{name!r} cannot be the name of {what}: it names a Python variable, so it has letters, "
        f"digits and _ only, and does not begin with a digit.{hint}"
    )
