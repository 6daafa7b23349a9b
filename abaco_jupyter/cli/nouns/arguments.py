"""Arguments and options that several nouns share."""

from pathlib import Path
from typing import Annotated

import typer

from abaco_jupyter.cli import complete
from abaco_jupyter.cli.command import option

ACTORS = "Actors"
MESSAGES = "Messages and executions"
SHARING = "Sharing"
CLOCKS = "Clocks and events"
SERVER = "The server"
PROJECTS = "Projects"

Actor = Annotated[
    str,
    typer.Argument(
        metavar="ACTOR", help="Its id, its name or an alias.", autocompletion=complete.actors
    ),
]
Alias = Annotated[str, typer.Argument(metavar="ALIAS", autocompletion=complete.aliases)]
Execution = Annotated[
    str | None, typer.Argument(metavar="[EXECUTION]", help="Its id; the newest without it.")
]
Level = Annotated[
    str | None, typer.Option("-p", "--permission", help="NONE, READ, EXECUTE or UPDATE.")
]
User = Annotated[
    str | None, typer.Option("-u", "--user", help="Whose; ABACO_WORLD means everybody.")
]

SETTINGS = (
    option("description", str | None, None, "-d", "--description", help="What it is for."),
    option(
        "env",
        list[str] | None,
        None,
        "-e",
        "--env",
        metavar="NAME=VALUE",
        help="A variable of every execution; again for more. They replace those that were.",
    ),
    option(
        "env_file", Path | None, None, "-E", "--env-file", help="A JSON file of such variables."
    ),
    option("hint", list[str] | None, None, "-H", "--hint", help="A tag; again for more."),
    option(
        "stateless",
        bool | None,
        None,
        "-s/-S",
        "--stateless/--stateful",
        help="Whether it keeps no state.",
    ),
    option(
        "access_token",
        bool | None,
        None,
        "--access-token/--no-access-token",
        " /-A",
        help="Whether executions are given a token for this API.",
    ),
    option(
        "privileged",
        bool | None,
        None,
        "-p/ ",
        "--privileged/--unprivileged",
        help="Docker's privileged mode.",
    ),
    option(
        "use_container_uid",
        bool | None,
        None,
        "-u/ ",
        "--use-container-uid/--use-own-uid",
        help="Run as the user of the image.",
    ),
    option("link", str | None, None, "--link", help="An actor that hears of its events."),
    option("webhook", str | None, None, "--webhook", help="A URL that hears of its events."),
    option("queue", str | None, None, "--queue", help="Which workers take its messages."),
    option("max_workers", int | None, None, "--max-workers", help="How many at the same time."),
    option("max_cpus", int | None, None, "--max-cpus", help="In 10^-9 CPUs."),
    option("mem_limit", str | None, None, "--mem-limit", help="As Docker has it: 200m."),
    option("log_ex", int | None, None, "--log-ex", help="Seconds that logs are kept."),
    option(
        "cron_schedule",
        str | None,
        None,
        "--cron",
        help="'YYYY-MM-DD HH + N hours', or 'now + ...'. Times are UTC.",
    ),
    option("cron_on", bool | None, None, "--cron-on/--cron-off", help="Whether that clock sends."),
    option("type", str | None, None, "--type", help="none, bin or json."),
)
"""What an actor is made of beside its image."""
