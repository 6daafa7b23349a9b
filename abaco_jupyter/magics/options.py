"""The first line of `%%abaco_actor`, understood."""

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

from abaco_jupyter.build import cell
from abaco_jupyter.functions import options as functions
from abaco_jupyter.functions.checks import InvalidOption, similar
from abaco_jupyter.functions.options import Options
from abaco_jupyter.magics.arguments import NAMES, OPTIONS
from abaco_jupyter.wire.spec import BuildSpec

_OF_THE_CELL = frozenset(
    ("name", "entry", "script", "dry_run", "local", "no_build", "out", "noblock", "cron")
)
_UNKNOWN = "unrecognized arguments: "


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOptions:
    """A first line, understood."""

    actor: Options
    variable: str
    entry: str | None
    script: bool
    dry_run: bool
    local: bool
    build: bool
    noblock: bool

    @property
    def name(self) -> str:
        return self.actor.name

    def spec(self, text: str) -> BuildSpec:
        """The BuildSpec of the cell's text."""
        return cell.from_cell(
            text, self.name, self.actor.environment, entry=self.entry, script=self.script
        )


def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a cell magic with all options of `%%abaco_actor`."""
    for names, details in reversed(OPTIONS):
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
            f"{error}.{_meant(str(error))} The first line is: %%abaco_actor NAME [options]; "
            "%%abaco_actor? lists them."
        ) from None
    _check_name(given.name, "an actor in a cell")
    if given.out is not None:
        _check_name(given.out, "--out")
    _check_together(given)
    return CellOptions(
        actor=_actor(given, folder),
        variable=given.out or given.name,
        entry=given.entry,
        script=given.script,
        dry_run=given.dry_run,
        local=given.local,
        build=not given.no_build,
        noblock=given.noblock,
    )


def _actor(given: argparse.Namespace, folder: Path) -> Options:
    said = {name: value for name, value in vars(given).items() if name not in _OF_THE_CELL}
    # Without quotes the fields of a schedule are words of their own.
    cron = [" ".join(words) if _is_spread(words) else words for words in given.cron]
    flat = [each for one in cron for each in ([one] if isinstance(one, str) else one)]
    try:
        return functions.options(given.name, folder=folder, cron=flat, **said)
    except InvalidOption as error:
        raise UsageError(f"--{error.option.replace('_', '-')} {error.what}") from None


def _is_spread(words: list[str]) -> bool:
    return all(" " not in word for word in words)


def _check_together(given: argparse.Namespace) -> None:
    if given.entry and given.script:
        raise UsageError("--script runs the whole cell and --entry one function: give only one.")
    if given.retries and given.script:
        raise UsageError("--retries calls a function again, and --script has none: give only one.")
    if given.local and given.script:
        raise UsageError("--local calls a function here, and --script has none: give only one.")
    if given.no_build and given.force:
        raise UsageError("--force builds and --no-build does not: give only one.")


def _meant(complaint: str) -> str:
    """` Did you mean --pip?` for an option that does not exist."""
    if not complaint.startswith(_UNKNOWN):
        return ""
    words = complaint.removeprefix(_UNKNOWN).split()
    guesses = [similar(word.partition("=")[0], NAMES) for word in words if word.startswith("-")]
    return next(filter(None, guesses), "")


def _check_name(name: str, what: str) -> None:
    if name.isidentifier() and not keyword.iskeyword(name):
        return
    better = re.sub(r"\W+", "_", name).strip("_")
    hint = f" Use {better!r}." if better.isidentifier() and not keyword.iskeyword(better) else ""
    raise UsageError(
        f"{name!r} cannot be the name of {what}: it names a Python variable, so it has letters, "
        f"digits and _ only, and does not begin with a digit.{hint}"
    )
