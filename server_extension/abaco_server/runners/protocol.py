"""The plug point of runners. One contract suite runs against every implementation."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from abaco_server.model.task import Ended, Group, Handle, Outcome, Place, ResultBody, Task


class Watch(Protocol):
    """Who is told while an execution runs. Called on the event loop, in order."""

    async def started(self, at: datetime) -> None:
        """User code is about to run; returns when that is on record."""
        ...

    async def log(self, chunk: bytes) -> None:
        """More of stdout and stderr, together and in order."""
        ...

    async def result(self, key: str, body: ResultBody) -> None:
        """One result; returns when it is durable. The same `key` again is the same result."""
        ...

    async def state(self, value: Any) -> None:
        """The actor's new state, a JSON value; returns when it is durable. Last wins."""
        ...


class GroupWatch(Protocol):
    """Who is told while a group runs. Called on the event loop, of each execution in order."""

    async def started(self, execution_id: str, at: datetime) -> None:
        """It runs for a while already. Nobody is told of one that ends at once: what has begun
        is known by what the runner itself keeps, see `remains`."""
        ...

    async def log(self, execution_id: str, chunk: bytes) -> None:
        """More of stdout and stderr of one that runs for a while already."""
        ...

    async def result(self, execution_id: str, key: str, body: ResultBody) -> None:
        """A result of one that runs for a while already, or one too large to be kept until its
        end; returns when it is durable."""
        ...

    async def ended(self, ended: Sequence[Ended]) -> None:
        """Some have ended; returns when that is on record. Each execution is told of once."""
        ...


class GroupRunner(Protocol):
    """Runs executions whose actor lets them share a container (`Place.isolation`)."""

    async def run_group(self, group: Group, watch: GroupWatch) -> None:
        """Returns when all have been told as ended; raises nothing of theirs. Cancelling the call
        leaves the runs alone: each is found again by `Runner.remains`."""
        ...

    async def withdraw(self, execution_ids: Sequence[str]) -> list[str]:
        """Those of them that have not begun and, from here on, never will: `run_group` tells
        nothing of them."""
        ...


class Runner(Protocol):
    """Runs one execution at a time per call; many calls run side by side."""

    name: str

    async def prepare(self, place: Place) -> str:
        """Make sure the image is here (pull it if need be): messages may come soon, and a runner
        that can starts containers before them. The image's id is returned.

        Raises RunFailed(IMAGE) when it cannot be had, RunFailed(INTERNAL) when nobody can tell.
        """
        ...

    async def run(self, task: Task, watch: Watch) -> Outcome:
        """Run to the end. Raises RunFailed. Cancelling the call leaves the run alone: it is
        found again by `remains`."""
        ...

    async def halt(self, execution_id: str, grace: timedelta) -> None:
        """TERM, grace, KILL; `run` then returns. An execution that is not here is no error."""
        ...

    async def remains(self) -> list[Handle]:
        """What an earlier life of this service began and has not cleared away, also what was made
        and never started (`Handle.started` is false). Raises RunFailed(INTERNAL) when nobody can
        tell, for instance while the engine is down."""
        ...

    async def resume(self, handle: Handle, watch: Watch) -> Outcome:
        """As `run`, from where the earlier life left it: the whole log is told again."""
        ...

    async def clear(self, execution_id: str) -> None:
        """Remove what the run left (container, directory), running or not. Called once its
        outcome is on record; until then nothing is removed."""
        ...
