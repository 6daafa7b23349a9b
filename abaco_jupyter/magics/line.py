"""`%abaco`: the commands of the command line, in a notebook.

There is one implementation, `abaco_jupyter.cli`: a line is read by the same parser and carried
out by the same function. What differs is in `NotebookSession`: it shows things as a notebook
does, and raises errors.
"""

import shlex
import sys
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError

from abaco_jupyter.cli.values import Misuse
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.functions.checks import similar
from abaco_jupyter.magics.options import split
from abaco_jupyter.magics.session import NotebookSession

Connect = Callable[[], Abaco]

VERBS = (
    *("list", "show", "send", "call", "logs", "executions", "cancel", "scale", "cron", "nonce"),
    *("share", "config", "build", "clean", "status", "report"),
)
"""Those that a notebook names in its help; all others of `abaco` work too."""

_TAKE_A_MESSAGE = ("send", "submit", "run", "call")


def run(line: str, connect: Connect) -> Any:
    """Carry out one line. What it returns is displayed."""
    name, _, rest = line.strip().partition(" ")
    if name in ("", "help"):
        sys.stdout.write(HELP)
        return None
    from abaco_jupyter.cli import inside

    known = inside.names()
    if name not in known and not name.startswith("-"):
        raise UsageError(f"%abaco has no command {name!r}.{similar(name, known)} It has:\n{HELP}")
    words = _message_words(name, rest) if name in _TAKE_A_MESSAGE else None
    return _invoke(split(line) if words is None else words, connect)


def _invoke(words: list[str], connect: Connect) -> Any:
    from abaco_jupyter.cli import inside

    sessions: list[NotebookSession] = []

    def session(**shared: Any) -> NotebookSession:
        sessions.append(NotebookSession(connect, **shared))
        return sessions[-1]

    try:
        inside.run(words, session, title="%abaco")
    except Misuse as error:
        raise UsageError(str(error)) from None
    return sessions[-1].value if sessions else None


def _message_words(name: str, rest: str) -> list[str] | None:
    """A message is what stands there: a shell's quoting rules would eat the quotes of JSON.

    None when options stand between the actor and its message.
    """
    actor, _, message = rest.strip().partition(" ")
    text = message.strip()
    if not actor or not text or actor.startswith("-") or text.startswith("-"):
        return None
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" and text[0] not in text[1:-1]:
        text = text[1:-1]
    return [name, *shlex.split(actor), "--", text]


HELP = """\
%abaco list                       the actors
%abaco show ACTOR                 one of them
%abaco send ACTOR MESSAGE         send a text, or JSON
%abaco call ACTOR MESSAGE         send it, show the log, return the result
%abaco executions ACTOR [-n 20]   its newest executions
%abaco logs ACTOR [EXECUTION]     a log, the newest by default; -f follows it to its end
%abaco cancel ACTOR [EXECUTION]   stop what waits or runs
%abaco report ACTOR               where the time went
%abaco scale ACTOR N              so many workers
%abaco cron ACTOR [SCHEDULE]      send it a message by the clock
%abaco share ACTOR USER [LEVEL]   let somebody else use it
%abaco nonce create ACTOR         a password for who has no account
%abaco config list                values that actors share, secrets among them
%abaco build FILE.py              an image of a file
%abaco delete ACTOR               remove an actor
%abaco clean                      remove actors that are in ERROR
%abaco status                     which server, which runner

These are commands of `abaco` in a shell, and all others of it work here too:
%abaco --help lists them, %abaco COMMAND --help says what one takes.
"""
