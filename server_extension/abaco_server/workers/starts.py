"""Workers on their way: each from its order to the word that its image is here."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from abaco_server.model.actor import Actor
from abaco_server.model.task import FailureKind, Place, RunFailed
from abaco_server.outcomes.roster import Roster
from abaco_server.runners.protocol import Runner
from abaco_server.workers.events import Prepared, PrepareFailed, Start

log = logging.getLogger(__name__)


class Starts:
    """Loop thread only."""

    def __init__(self, roster: Roster, runner: Runner, place: Callable[[Actor], Place]) -> None:
        self._roster = roster
        self._runner = runner
        self._place = place
        self._recorded: dict[str, asyncio.Event] = {}
        """Worker id -> its record is written, or never will be."""
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    @property
    def under_way(self) -> set[str]:
        """The ids of these workers."""
        return {*self._recorded}

    def expect(self, worker_id: str) -> None:
        """`see_through` is about to be called, in a task of its own."""
        self._recorded[worker_id] = asyncio.Event()

    async def recorded(self, worker_ids: Iterable[str]) -> None:
        """Returns when their records are written, as far as they can be."""
        events = [self._recorded[one] for one in worker_ids if one in self._recorded]
        await asyncio.gather(*(event.wait() for event in events))

    def abandon(self, worker_id: str) -> None:
        log.error("worker %s does not get ready; its start is given up", worker_id)
        if worker_id in self._tasks:
            self._tasks[worker_id].cancel()

    async def see_through(self, order: Start) -> Prepared | PrepareFailed:
        actor_id, worker_id = order.actor_id, order.worker_id
        task = asyncio.current_task()
        assert task is not None
        self._tasks[worker_id] = task
        try:
            await self._roster.begin_worker(actor_id, worker_id, order.image)
            self._recorded[worker_id].set()
            actor = await self._roster.actor(actor_id)
            if actor is None:
                raise RunFailed(FailureKind.INTERNAL, "its actor was deleted")
            # The order's own image: the actor may have another one by now.
            await self._runner.prepare(replace(self._place(actor), image=order.image))
            await self._roster.worker_ready(worker_id)
        except RunFailed as failure:
            log.warning("image %s: %s", order.image, failure.reason)
            kind, reason = failure.kind, failure.reason
        except Exception as error:
            log.exception("worker %s did not start", worker_id)
            kind, reason = FailureKind.INTERNAL, repr(error)
        else:
            return Prepared(actor_id=actor_id, worker_id=worker_id)
        finally:
            self._recorded.pop(worker_id).set()
            del self._tasks[worker_id]
        return PrepareFailed(actor_id=actor_id, worker_id=worker_id, kind=kind, reason=reason)
