"""Stop executions, whether they wait, are about to begin, or run.

One that waits is taken back and never run; one that runs is halted. In between a worker has the
message and makes ready for it: for that moment neither can be done, so its begin is waited for.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from abaco_jupyter.client.stream import EventStream, Following, Frame
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_jupyter.wire.errors import ExecutionNotRunning

if TYPE_CHECKING:
    from abaco_jupyter.client.actor import Actor
    from abaco_jupyter.client.execution import Execution

PATIENCE = 10.0
"""Seconds for those that are about to begin. A container starts in less."""
_LOOK = 2.0
"""Seconds after which it is tried again: a message may have gone back to wait."""


@dataclass(slots=True, kw_only=True)
class Stopped:
    """Ids, by what became of their executions."""

    taken: list[str] = field(default_factory=list)
    """They waited, and are never run."""
    halted: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    """They had ended before they could be stopped."""
    left: list[str] = field(default_factory=list)
    """They are about to begin still: the time was over."""


def stop(
    actor: "Actor",
    executions: Iterable["Execution"],
    *,
    patience: float = PATIENCE,
    clock: Callable[[], float] = time.monotonic,
) -> Stopped:
    """Take back, or halt, executions of one actor."""
    done = Stopped()
    left = {each.id: each for each in executions}
    until = clock() + patience
    while left:
        taken = actor.cancel(left)
        done.taken += taken
        for execution_id in taken:
            del left[execution_id]
        for execution_id, execution in list(left.items()):
            if (ended := _halted(execution)) is not None:
                (done.halted if ended else done.ended).append(execution_id)
                del left[execution_id]
        rest = until - clock()
        if rest <= 0:
            break
        if left:
            _await_begin(actor, next(iter(left)), min(rest, _LOOK), clock)
    done.left = list(left)
    return done


def unfinished(actor: "Actor") -> "list[Execution]":
    """Those of its 1000 newest that wait or run."""
    newest = actor.executions(1000)
    return [each for each in newest if not ExecutionStatus(each.known["status"]).ended]


def _halted(execution: "Execution") -> bool | None:
    """False: it has ended by itself. None: it is about to begin."""
    try:
        execution.halt()
    except ExecutionNotRunning:
        return False if execution.status.ended else None
    return True


def _await_begin(
    actor: "Actor", execution_id: str, seconds: float, clock: Callable[[], float]
) -> None:
    until = clock() + seconds
    stream = EventStream(actor.transport, paths.execution_stream(actor.id, execution_id))
    with Following(stream) as following:
        while (rest := until - clock()) > 0:
            item = following.next(rest)
            if isinstance(item, Frame) and item.event != "log":
                status = json.loads(item.data).get("status", ExecutionStatus.SUBMITTED)
                if status != ExecutionStatus.SUBMITTED:
                    return
