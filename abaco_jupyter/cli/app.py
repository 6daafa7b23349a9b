"""All commands together, and the page of `abaco --help`."""

from typing import Any

import typer
from typer.core import TyperGroup

from abaco_jupyter.cli.command import shared_options
from abaco_jupyter.cli.ends import MEANING
from abaco_jupyter.cli.nouns import (
    actors,
    aliases,
    clocks,
    configs,
    executions,
    finding,
    messages,
    servers,
    sharing,
    workers,
)
from abaco_jupyter.cli.project import commands as project

_ENDS = "\n".join(f"{int(end):>4}  {meaning}" for end, meaning in MEANING.items())

HELP = f"""\
Functions as a service on a notebook server, from a shell.

An actor is an image with an inbox. A message to it becomes an execution, with a log and results.

\b
    abaco init word_count && abaco deploy word_count
    abaco submit word_count "some text" --wait

\b
Which server: --url and --token; --profile or ABACO_PROFILE; ABACO_URL and ABACO_TOKEN; the
profile of the last `abaco login`; the notebook server of this terminal; one that runs on this
machine; ~/.agave/current.

\b
Output: a table on a terminal; anywhere else, or with ABACO_PLAIN=1, a line for each record with
tabs between its values and no heading. --json: the API's own result, or {{"error": {{...}}}}.
Sentences about what goes wrong stand on the standard error.

\b
Exit codes:
{_ENDS}
"""


class _Grouped(TyperGroup):
    """Lists its commands under the headings of their panels, in the order they were added.

    rich would draw this too, but to load it takes longer than all the rest of `abaco --help`.
    """

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            found: Any = self.get_command(ctx, name)
            if found is not None and not found.hidden:
                rows = panels.setdefault(found.rich_help_panel or "Commands", [])
                rows.append((name, found.get_short_help_str(limit=100)))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)


app = typer.Typer(
    name="abaco",
    cls=_Grouped,
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

shared_options(app)
for noun in (
    project,
    actors,
    messages,
    executions,
    sharing,
    aliases,
    configs,
    clocks,
    workers,
    finding,
    servers,
):
    noun.add(app)
