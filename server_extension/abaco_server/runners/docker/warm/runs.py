"""Executions in containers that waited: each from its message to its end, and the containers on
to the next message where the actor lets them serve many."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from abaco_server.model.clock import Clock
from abaco_server.model.task import Outcome, Task
from abaco_server.runners.docker.images import Image
from abaco_server.runners.docker.live import Live
from abaco_server.runners.docker.warm.maker import give
from abaco_server.runners.docker.warm.spare import NotExecuted, Spare, SpareLost
from abaco_server.runners.docker.warm.warm import Warm
from abaco_server.runners.protocol import Watch
from abaco_server.runners.threads import Threads

_log = logging.getLogger(__name__)


class WarmRuns:
    def __init__(
        self,
        warm: Warm,
        image: Callable[[str], Awaitable[Image]],
        threads: Threads,
        clock: Clock,
        grace: timedelta,
        clear_directory: Callable[[str, str | None], Awaitable[None]],
    ) -> None:
        self._warm = warm
        self._image = image
        self._threads = threads
        self._clock = clock
        self._grace = grace
        self._clear_directory = clear_directory
        self._held: dict[str, tuple[Spare, Outcome]] = {}
        """By execution id: it has ended there, and its outcome is not on record yet."""

    async def run(
        self, task: Task, image: Image, spare: Spare, path: Path, watch: Watch, live: Live
    ) -> Outcome | None:
        """None: it did not begin there, and is to be run the plain way."""
        since = self._clock.now()
        live.stop_signal = image.stop_signal
        giving = asyncio.create_task(
            self._threads.call(give, spare, task, path, image.has_runtime, since)
        )
        try:
            await watch.started(since)
            environment = await asyncio.shield(giving)
            live.adopt(spare, since)
            live.bind(path, self._threads, spare)
            if await self._image(task.image) != image:
                raise SpareLost("its image is another one by now")
            await spare.start(environment)
        except (SpareLost, NotExecuted, FileExistsError) as error:
            # The plain way says in the engine's own words what is wrong with a command.
            _log.info("%s does not run in a container that waited: %s", task.execution_id, error)
            await self._take_back(task, spare, live, giving)
            return None
        except BaseException:
            await asyncio.shield(self._take_back(task, spare, live, giving))
            raise
        if not spare.lasts:
            self._warm.begin_naming(spare.container_id, task.execution_id)
        return await self._see_through(task, spare, watch, live)

    async def _see_through(self, task: Task, spare: Spare, watch: Watch, live: Live) -> Outcome:
        try:
            outcome = await live.see_through(watch, time_left=task.timeout, grace=self._grace)
        except BaseException:
            self._warm.lose(spare)
            raise
        if spare.lasts and live.release():
            self._held[task.execution_id] = spare, outcome
        else:
            self._warm.lose(spare)
        return outcome

    async def _take_back(
        self, task: Task, spare: Spare, live: Live, giving: "asyncio.Task[dict[str, str]]"
    ) -> None:
        """Its command has not begun."""
        live.leave()
        await asyncio.wait([giving])
        self._warm.lose(spare)
        if spare.control.may_run:
            # The service stops at this very moment: its heir finds the run by its claim.
            return
        await self._warm.drop(spare)
        if giving.exception() is None:
            # The directory has the execution's name by now.
            await self._clear_directory(task.execution_id, None)

    def is_held(self, execution_id: str) -> bool:
        """It has ended in a container that may go on to the next message."""
        return execution_id in self._held

    def let_go(self, execution_id: str) -> Outcome | None:
        """Its container serves nobody else, and ends. How it ended there, if it did in this life:
        the engine only knows of its container."""
        spare, outcome = self._held.pop(execution_id, (None, None))
        if spare is not None:
            spare.close()
            self._warm.lose(spare)
        return outcome

    async def give_back(self, execution_id: str, path: Path) -> bool:
        """Its outcome is on record: its container waits for the next message. False: there is
        none that could."""
        spare, _ = self._held.pop(execution_id, (None, None))
        if spare is None:
            return False
        try:
            await self._warm.give_back(spare, path)
        except (SpareLost, OSError) as error:
            _log.info("the container of %s is not used again: %s", execution_id, error)
            self._warm.lose(spare)
            await self._warm.drop(spare)
            await self._clear_directory(execution_id, spare.image_id)
        return True

    def close(self) -> None:
        """What is not on record yet is for the heir."""
        for execution_id in list(self._held):
            self.let_go(execution_id)
