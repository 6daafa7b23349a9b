"""Writes docs/cli.md: every command of `abaco`, as its own help has it.

python docs/cli.py; a test compares the page with the code.
"""

from pathlib import Path
from typing import Any

import typer

from abaco_jupyter.cli.app import HELP, app
from abaco_jupyter.cli.command import SHARED

PAGE = Path(__file__).with_name("cli.md")
HEAD = """\
# The command line

Made by `python docs/cli.py` from the commands themselves: `abaco COMMAND --help` says the same.

```text
{help}```

Every command takes `--json`, `--profile`, `--url` and `--token` (`-z`), before its name or after.
`abaco --install-completion` teaches the shell to complete commands, options and names of actors.
"""
_SHARED = {parameter.name for parameter in SHARED}


def page() -> str:
    root: Any = typer.main.get_command(app)
    panels: dict[str, list[str]] = {}
    for name, command in root.commands.items():
        if not command.hidden:
            panels.setdefault(command.rich_help_panel, []).append(_command(name, command))
    parts = [f"\n## {panel}\n{''.join(commands)}" for panel, commands in panels.items()]
    return HEAD.format(help=HELP.replace("\b\n", "")) + "".join(parts)


def _command(name: str, command: Any) -> str:
    own = getattr(command, "commands", None)
    if own is not None:
        return "".join(
            _command(f"{name} {inner}", each) for inner, each in own.items() if not each.hidden
        )
    options = [p for p in command.params if p.name not in _SHARED and p.name != "help"]
    arguments = [p for p in options if p.param_type_name == "argument"]
    usage = " ".join(["abaco", name, *(p.metavar or p.name.upper() for p in arguments)])
    text = command.help.replace("\b", "").strip()
    rows = [_row(p) for p in options]
    table = "".join(["\n| | |\n|---|---|\n", *rows]) if any(rows) else ""
    return f"\n### `{usage}`\n\n{text}\n{table}"


def _row(parameter: Any) -> str:
    told = (parameter.help or "").replace("|", "\\|")
    if parameter.param_type_name == "argument":
        return f"| `{parameter.metavar or parameter.name.upper()}` | {told} |\n" if told else ""
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    return f"| {names} | {told} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
