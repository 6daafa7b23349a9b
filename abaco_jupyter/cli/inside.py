"""The commands of `abaco` for another program in the same process: the magic `%abaco`."""

import functools
from collections.abc import Callable
from typing import Any

import typer

from abaco_jupyter.cli.app import app
from abaco_jupyter.cli.session import Session
from abaco_jupyter.cli.values import Misuse


@functools.cache
def _root() -> Any:
    return typer.main.get_command(app)


def names() -> list[str]:
    """All commands, under each of their names."""
    return list(_root().commands)


def options(command: str) -> list[str]:
    """Those of one command, and the commands of a group, as they stand on the line."""
    found = _root().commands.get(command)
    inner = list(getattr(found, "commands", {}))
    return inner + [
        name for each in getattr(found, "params", ()) for name in each.opts if "-" in name
    ]


def run(words: list[str], session: Callable[..., Session], *, title: str) -> None:
    """Carry out one line. `session` makes what the command is given, of its shared options.

    Raises
    ------
    Misuse
        The words make no command.
    """
    try:
        _root().main(args=words, prog_name=title, standalone_mode=False, obj=session)
    except Exception as error:
        complaint = getattr(error, "format_message", None)
        if complaint is None:
            raise
        told = complaint().rstrip(".").replace("Value error, ", "")
        if told.startswith("Usage: "):  # a group without a command: it is its own help
            raise Misuse(told) from None
        raise Misuse(f"{told}. `{title} {words[0]} --help` says how.") from None
