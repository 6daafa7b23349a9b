"""What the first line of a cell may say, as argparse knows it."""

from typing import Any

Option = tuple[tuple[str, ...], dict[str, Any]]


def _words(name: str, metavar: str, told: str) -> Option:
    details = {"nargs": "+", "action": "extend", "default": [], "metavar": metavar, "help": told}
    return (name,), details


def _flag(name: str, told: str) -> Option:
    return (name,), {"action": "store_true", "help": told}


def _one(*names: str, **details: Any) -> Option:
    return names, details


OPTIONS: list[Option] = [
    _one("name", metavar="NAME", help="The actor's name, and the variable that is bound to it."),
    _one("--base", metavar="IMAGE", help="Image to build on, instead of --python."),
    _one("--python", metavar="VERSION", help="Such as 3.11. Default: this kernel's."),
    _words("--pip", "PACKAGE", "Python packages to install, such as numpy 'pandas<3'."),
    _words("--apt", "PACKAGE", "System packages to install."),
    _words("--file", "PATH[:DEST]", "Files or folders to put beside the code."),
    _words(
        "--env",
        "NAME=VALUE",
        "Environment variables. They are visible in the image: no secrets.",
    ),
    _words(
        "--secret",
        "NAME",
        "Configs that the actor is given, sealed on the server. The value is that of this "
        "kernel's environment variable NAME; without one you are asked for it. The actor's code "
        "reads them by ast.literal_eval(os.environ['_actor_configs'])[NAME].",
    ),
    _flag("--stateful", "Keep state; messages run one after the other."),
    _words("--hint", "TEXT", "Tags; Abaco's special hints among them, such as sync."),
    _one(
        "--isolation",
        metavar="KIND",
        help="process (default: containers are used again, each execution is a process of its "
        "own), container (a container for each, Abaco's way) or none (one interpreter for all).",
    ),
    _one("--max-workers", type=int, metavar="N", help="At most this many executions at a time."),
    _one("--cpus", type=float, metavar="N", help="CPUs of one execution, such as 0.5 or 2."),
    _one("--memory", metavar="SIZE", help="Memory of one execution, such as 512m or 2g."),
    _one(
        "--timeout",
        metavar="TIME",
        help="Stop an execution that runs for longer: 90s, 5m, 2h, or seconds.",
    ),
    _one(
        "--retries",
        type=int,
        default=0,
        metavar="N",
        help="When the function raises, call it again up to N times, 1, 2, 4... s apart.",
    ),
    _one(
        "--cron",
        nargs="+",
        action="append",
        default=[],
        metavar="SCHEDULE",
        help="Send it a message by the clock: '30 2 * * mon-fri', with a time zone after it or "
        "not, or Abaco's 'now + 1 day'. Again for more; these are all that it has then.",
    ),
    _one("--link", metavar="ACTOR", help="An actor that hears of its events."),
    _one("--webhook", metavar="URL", help="A URL that hears of its events."),
    _flag("--public", "Everybody may send it messages."),
    _words("--share", "USER[:LEVEL]", "Who else may READ, EXECUTE (default) or UPDATE it."),
    _one(
        "--description",
        metavar="TEXT",
        help="Default: the first line of the function's docstring.",
    ),
    _one(
        "--entry",
        metavar="FUNCTION",
        help="The function that answers messages. Default: the one called NAME, else the only "
        "public one.",
    ),
    _flag("--script", "Run the cell from top to bottom for each message, in Abaco's own style."),
    _flag("--dry-run", "Say what would be built, with its Dockerfile, and do nothing."),
    _flag("--local", "Run the cell here as well; NAME.local(...) calls its function here."),
    _flag("--no-build", "Refuse to build: the image must be there already."),
    _flag("--force", "Make a new revision although nothing changed."),
    _one("-o", "--out", metavar="VAR", help="Bind the actor to this variable instead of NAME."),
    _flag("--noblock", "Build in the background; NAME waits for it when it is first used."),
]

NAMES = tuple(name for names, _ in OPTIONS for name in names if name.startswith("-"))
"""As they stand on the line."""

ONE_VALUE = frozenset(
    name
    for names, details in OPTIONS
    for name in names
    if name.startswith("-") and "nargs" not in details and details.get("action") != "store_true"
)
"""Those that take one value."""

FLAGS = frozenset(
    name for names, details in OPTIONS for name in names if details.get("action") == "store_true"
)
