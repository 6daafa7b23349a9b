"""Nobody waits in vain: an actor in ERROR runs no message until it is repaired."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from abaco_jupyter.client.errors import ExecutionError
from abaco_jupyter.wire.codes import ActorStatus, ExecutionStatus
from abaco_jupyter.wire.errors import AbacoError

if TYPE_CHECKING:
    from abaco_jupyter.client.execution import Execution

_FIRST, _LONGEST = 2.0, 30.0


class Patience:
    """A listener that looks at the actor while its message waits, ever more rarely.

    The stream of an execution tells nothing of its actor, and most executions have begun before
    the first look.
    """

    def __init__(self, execution: "Execution", clock: Callable[[], float] = time.monotonic) -> None:
        self._execution = execution
        self._clock = clock
        self._waits = True
        self._pause = _FIRST
        self._due = clock() + _FIRST

    def log(self, text: str) -> None:
        self._waits = False

    def changed(self, record: dict[str, Any]) -> None:
        self._waits = record.get("status") == ExecutionStatus.SUBMITTED

    def lost(self, reason: str) -> None:
        pass

    def tick(self) -> float | None:
        """Raises ExecutionError when the message cannot run as things are."""
        if not self._waits:
            return None
        rest = self._due - self._clock()
        if rest > 0:
            return rest
        self._look()
        self._pause = min(2 * self._pause, _LONGEST)
        self._due = self._clock() + self._pause
        return self._pause

    def _look(self) -> None:
        execution = self._execution
        try:
            actor = execution.actor.record
        except AbacoError:
            return  # the stream finds out what is wrong, or that nothing is
        if actor.get("status") == ActorStatus.ERROR:
            raise ExecutionError(
                f"{execution.title} waits, because the actor is in ERROR: "
                f"{str(actor.get('statusMessage') or 'no reason is given').strip()}\n"
                "The message is kept and runs when the actor is repaired: change its cell, or "
                "actor.update(image=...).",
                record={"id": execution.id} | execution.known,
            )
