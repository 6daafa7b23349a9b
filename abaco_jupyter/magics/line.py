"""`%abaco`: one line, one thing to look at or to do."""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.execution import Execution, ExecutionList
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.magics.options import split
from abaco_jupyter.show.progress import open_view
from abaco_jupyter.show.surroundings import is_plain
from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_jupyter.wire.errors import NotFound

Connect = Callable[[], Abaco]


def run(line: str, connect: Connect) -> Any:
    """Carry out one line. What it returns is displayed."""
    name, _, rest = line.strip().partition(" ")
    if name in ("", "help", "-h", "--help"):
        sys.stdout.write(HELP)
        return None
    if name not in _COMMANDS:
        raise UsageError(f"%abaco has no command {name!r}. It has:\n{HELP}")
    command, parser = _COMMANDS[name]
    # A message is what stands there: a shell's quoting rules would eat the quotes of JSON.
    words = rest.split(None, 1) if name == "send" else split(rest)
    return command(connect(), parser.parse_args(words))


def _list(abaco: Abaco, given: argparse.Namespace) -> Any:
    return abaco.actors()


def _show(abaco: Abaco, given: argparse.Namespace) -> Actor:
    return abaco.actor(given.actor)


def _send(abaco: Abaco, given: argparse.Namespace) -> Execution:
    return abaco.actor(given.actor).submit(_message(given.message))


def _executions(abaco: Abaco, given: argparse.Namespace) -> ExecutionList:
    return abaco.actor(given.actor).executions(given.number)


def _logs(abaco: Abaco, given: argparse.Namespace) -> None:
    execution = _execution(abaco.actor(given.actor), given.execution)
    if not given.follow:
        log = execution.logs
        sys.stdout.write(log + ("" if log.endswith("\n") or not log else "\n"))
        return
    view = open_view(f"log of {execution.actor.title}")
    try:
        for text in execution.follow():
            view.log(text)
    except KeyboardInterrupt:
        view.close("not followed any more; it goes on")
        return
    view.close(str(execution.known.get("status")))


def _halt(abaco: Abaco, given: argparse.Namespace) -> None:
    actor = abaco.actor(given.actor)
    if given.execution is None:
        going = [
            each for each in actor.executions() if each.known["status"] == ExecutionStatus.RUNNING
        ]
        if not going:
            raise UsageError(f"No execution of {actor.title} is running, so nothing was halted.")
        if len(going) > 1:
            raise UsageError(
                f"{len(going)} executions of {actor.title} are running: "
                f"{', '.join(each.id for each in going)}. Say which one to halt: "
                "%abaco halt ACTOR EXECUTION."
            )
        execution = going[0]
    else:
        execution = actor.execution(given.execution)
    execution.halt()
    which = "" if is_plain() else f" {execution.id}"
    sys.stdout.write(f"Execution{which} of {actor.title} is being halted.\n")


def _delete(abaco: Abaco, given: argparse.Namespace) -> None:
    actor = abaco.actor(given.actor)
    actor.delete()
    sys.stdout.write(f"{actor.title} is deleted.\n")


def _status(abaco: Abaco, given: argparse.Namespace) -> None:
    status = abaco.status()
    runner = {"docker": "a container", "process": "a subprocess, which isolates nothing"}
    lines = [f"Each message runs in {runner.get(status['runner'], status['runner'])}."]
    if not is_plain():
        lines.insert(0, f"Server: {abaco.url}, found by {abaco.found.server.how}.")
        facts = {key: value for key, value in status.items() if value not in (None, "", {})}
        lines += [f"  {key}: {value}" for key, value in facts.items()]
        lines += [f"  tried before: {attempt}" for attempt in abaco.found.tried]
    sys.stdout.write("\n".join(lines) + "\n")


def _message(text: str) -> Any:
    """A JSON object when the text is one, else the text. Quotes around all of it are dropped."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" and text[0] not in text[1:-1]:
        text = text[1:-1]
    if text.startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _execution(actor: Actor, execution_id: str | None) -> Execution:
    if execution_id is not None:
        return actor.execution(execution_id)
    executions = actor.executions(1)
    if not executions:
        raise NotFound(f"{actor.title} has no execution yet. Send it a message first.")
    return executions[-1]


def _parser(command: str, *arguments: tuple[tuple[str, ...], dict[str, Any]]) -> Any:
    parser = MagicArgumentParser(prog=f"%abaco {command}")  # type: ignore[no-untyped-call]
    for names, details in arguments:
        parser.add_argument(*names, **details)
    return parser


_ACTOR = (("actor",), {"metavar": "ACTOR", "help": "name, alias or id"})
_ONE = (("execution",), {"metavar": "EXECUTION", "nargs": "?"})
_COMMANDS: dict[str, tuple[Callable[[Abaco, argparse.Namespace], Any], Any]] = {
    "list": (_list, _parser("list")),
    "show": (_show, _parser("show", _ACTOR)),
    "send": (_send, _parser("send", _ACTOR, (("message",), {"metavar": "MESSAGE"}))),
    "logs": (
        _logs,
        _parser("logs", _ACTOR, _ONE, (("-f", "--follow"), {"action": "store_true"})),
    ),
    "executions": (
        _executions,
        _parser("executions", _ACTOR, (("-n", "--number"), {"type": int, "default": 20})),
    ),
    "halt": (_halt, _parser("halt", _ACTOR, _ONE)),
    "delete": (_delete, _parser("delete", _ACTOR)),
    "status": (_status, _parser("status")),
}

HELP = """\
%abaco list                      the actors
%abaco show ACTOR                one of them
%abaco send ACTOR MESSAGE        send a text, or a JSON object
%abaco executions ACTOR [-n 20]  its newest executions
%abaco logs ACTOR [EXECUTION]    a log, the newest by default; -f follows it to its end
%abaco halt ACTOR [EXECUTION]    stop what runs
%abaco delete ACTOR              remove an actor
%abaco status                    which server, which runner
"""
