"""One container, from just before its start to its outcome."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from docker.errors import APIError
from docker.types import CancellableStream

from abaco_server.model.clock import Clock
from abaco_server.model.task import FailureKind, Outcome, RunFailed
from abaco_server.runners.docker import container as shape
from abaco_server.runners.docker.containers import Containers, internal
from abaco_server.runners.docker.engine import TROUBLE
from abaco_server.runners.docker.follow import Follower
from abaco_server.runners.docker.stats import Sampler, Usage
from abaco_server.runners.docker.warm.mark import Before, Mark
from abaco_server.runners.docker.warm.spare import Spare, number_of
from abaco_server.runners.mailbox import Mailbox
from abaco_server.runners.protocol import Watch
from abaco_server.runners.threads import Threads

_log = logging.getLogger(__name__)
_PAUSE = 1.0
_KILLED = timedelta(seconds=10)


class Live:
    """A run that this service sees through. Log, results and end all ring one bell, and one task
    (the caller's) tells them to the watch, one after another."""

    def __init__(self, containers: Containers, sampler: Sampler, clock: Clock) -> None:
        self._containers = containers
        self._sampler = sampler
        self._clock = clock
        self._bell = asyncio.Event()
        self._follower: Follower | None = None
        self._mailbox: Mailbox | None = None
        self._mark: Mark | None = None
        self._after = ""
        self._spare: Spare | None = None
        self._since: datetime | None = None
        self._is_heir = False
        self._is_told_by_engine = False
        self._killed = False
        """By us, and nothing but what ran in the container."""
        self._timed_out = False
        self.container_id = ""
        self.stop_signal = "SIGTERM"
        self.began = asyncio.Event()
        """Its command runs, or never will."""
        self.over = asyncio.Event()
        self.doubted = False
        """The last check found its container not running."""

    # ---- before the start ------------------------------------------------------------------

    def bind(self, path: Path, threads: Threads, spare: Spare | None = None) -> None:
        """Listen in the execution's directory; a spare has bound its sockets already."""
        self._mailbox = Mailbox(path, threads, self._bell.set)
        self._mailbox.open(None if spare is None else spare.sockets)

    async def attach(self) -> None:
        """Before it starts, so that nothing it writes is missed. Raises RunFailed(INTERNAL)."""
        follower = self._follow(self._containers.attach)
        try:
            await follower.opened
        except (APIError, *TROUBLE) as error:
            raise internal(error) from error

    def adopt(self, spare: Spare, since: datetime) -> None:
        """A container that waited, attached to since it was made. Its command runs `since`."""
        self.container_id = spare.container_id
        self._mark, self._after, self._since = spare.mark, spare.after, since
        self._follower, self._spare = spare.follower, spare
        spare.follower.go_on(spare.mark, self._bell.set)

    def inherit(self, secret: str, after: str, since: datetime) -> None:
        """A container that waited in an earlier life: the engine does not know when its command
        began, but when it ended. `after` is the secret of the execution that it served before."""
        self._mark, self._after, self._since = Mark(secret), after, since
        self._is_heir = True

    def release(self) -> bool:
        """Whether its container can serve the next execution; its log is followed on then."""
        ended = self._mark is not None and self._mark.complete and not self._is_told_by_engine
        if ended and self._spare is not None and self._spare.alive:
            self._follower = None
            return True
        return False

    def leave(self) -> None:
        """It does not run there: what was opened for it is closed."""
        self.close()
        self._follower = self._mailbox = self._mark = self._since = self._spare = None

    async def read_logs(self, *, skip: int = 0) -> None:
        """From its beginning, of a container that runs or has ended."""
        left = await self._containers.marks_of(self.container_id, self._after)
        before = Before(self._after, left) if left else None
        self._follow(self._containers.logs, skip=skip, before=before)

    def look_again(self) -> None:
        """The log stream does not end, though the container may have: ask the engine."""
        if self._follower is not None:
            self._follower.give_up()

    def close(self) -> None:
        """The container is left alone."""
        if self._follower is not None:
            self._follower.close()
        if self._mailbox is not None:
            self._mailbox.close()

    # ---- seeing it through -----------------------------------------------------------------

    async def see_through(
        self, watch: Watch, *, time_left: timedelta | None, grace: timedelta
    ) -> Outcome:
        """From its start to its outcome; it is stopped when no time is left."""
        assert self._mailbox is not None
        self.began.set()
        # The mark at its end tells what a run used that is over before the first reading.
        usage = self._sampler.add(self.container_id, at_once=self._mark is None)
        limit = None
        if time_left is not None:
            limit = asyncio.create_task(self._end_after(time_left, grace), name="abaco-time-limit")
        try:
            state = await self._until_exit(watch, self._mailbox)
            await self._mailbox.collect(watch, last=True)
        finally:
            self.over.set()
            self._sampler.drop(self.container_id)
            if limit is not None:
                limit.cancel()
                await asyncio.wait([limit])
        return self._outcome(state, usage, await self._mailbox.exception())

    def _outcome(
        self, state: dict[str, Any], usage: Usage, exception: dict[str, Any] | None
    ) -> Outcome:
        end = self._mark.end if self._mark else None
        # The engine counts for the container, whatever other executions it served.
        alone = self._spare is None or not self._spare.lasts
        return shape.outcome(
            state,
            now=self._clock.now(),
            cpu=end.cpu if end else usage.cpu,
            io=usage.io if alone else usage.io - usage.first_io,
            peak_memory=max(usage.peak_memory if alone else 0, end.peak_memory if end else 0),
            timed_out=self._timed_out,
            exception=exception,
        )

    async def _until_exit(self, watch: Watch, mailbox: Mailbox) -> dict[str, Any]:
        """Tell log and results until the container has ended; its State then."""
        told, pause = 0, 0.0
        while True:
            told += await self._listen(watch, mailbox)
            if (state := self._marked_state()) is not None:
                return state
            self._is_told_by_engine = True
            if self._spare is not None:
                self._spare.control.close()
            state = await self._containers.state(self.container_id)
            if state is None:
                raise gone(self.container_id)
            if not shape.running(state):
                return self._own(state)
            # It closed its streams, or the engine was restarted below it. The engine's log
            # file goes on where our stream broke off; it ends when the container does.
            await asyncio.sleep(pause)
            pause = _PAUSE
            await self.read_logs(skip=told)

    def _own(self, state: dict[str, Any]) -> dict[str, Any]:
        """The container's State as its command's, which may have begun later and ended sooner."""
        if self._mark is not None and self._mark.end is not None:
            state = {**state, "ExitCode": self._mark.end.exit_code}
        return state if self._since is None else shape.begun(state, self._since)

    @property
    def never_ran(self) -> bool:
        """It ended as a container that waits does when its server is gone, not as a command."""
        return self._mark is not None and self._mark.end is None

    def _marked_state(self) -> dict[str, Any] | None:
        """What the engine will say in a moment; None: ask it. Only it knows why a command was
        killed."""
        if self._mark is None or self._since is None or self._mark.end is None or self._is_heir:
            return None
        exit_code = self._mark.end.exit_code
        if not self._mark.complete or (exit_code == shape.KILLED and not self._killed):
            return None
        return shape.exited(exit_code, self._since, self._clock.now())

    async def _listen(self, watch: Watch, mailbox: Mailbox) -> int:
        """To the end of the log stream. How many bytes it brought."""
        follower = self._follower
        assert follower is not None
        while not follower.done:
            await self._bell.wait()
            self._bell.clear()
            if chunk := follower.take():
                await watch.log(chunk)
            await mailbox.collect(watch)
        return follower.taken

    def _follow(
        self,
        open_stream: Callable[[str], CancellableStream],
        *,
        skip: int = 0,
        before: Before | None = None,
    ) -> Follower:
        if self._follower is not None:
            self._follower.close()
        if self._mark is not None:
            self._mark = Mark(self._mark.secret, before)
        self._follower = Follower(
            partial(open_stream, self.container_id), self._bell.set, skip=skip, mark=self._mark
        )
        self._follower.start()
        return self._follower

    # ---- ending it -------------------------------------------------------------------------

    async def end(self, grace: timedelta) -> None:
        """TERM (or what the image asks for), grace, KILL. No thread waits meanwhile."""
        await self._send(self.stop_signal)
        if not await self._is_over(within=grace):
            await self._send("SIGKILL")
            # What cannot be killed in a container goes with it.
            if self._killed and not await self._is_over(within=_KILLED):
                await self._containers.kill(self.container_id, "SIGKILL")

    async def _is_over(self, within: timedelta) -> bool:
        try:
            async with asyncio.timeout(within.total_seconds()):
                await self.over.wait()
        except TimeoutError:
            pass
        return self.over.is_set()

    async def _send(self, signal: str) -> None:
        """Of a container that lasts, only what runs in it ends: nothing is told to whoever runs
        there next, which a call of the engine that takes its time could not promise."""
        spare = self._spare
        if spare is not None and spare.lasts and spare.control.signal(number_of(signal)):
            self._killed = self._killed or signal == "SIGKILL"
        else:
            await self._containers.kill(self.container_id, signal)

    async def _end_after(self, time_left: timedelta, grace: timedelta) -> None:
        await asyncio.sleep(max(time_left.total_seconds(), 0))
        self._timed_out = True
        try:
            await self.end(grace)
        except RunFailed as failure:
            _log.warning("a run is over its time and goes on: %s", failure.reason)


def gone(container: str) -> RunFailed:
    reason = f"Container {container} is gone: somebody removed it"
    return RunFailed(FailureKind.INTERNAL, reason, started=True)
