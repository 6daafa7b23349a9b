"""All commands together, and the page of `abaco --help`."""

import typer

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

app = typer.Typer(
    name="abaco",
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

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
