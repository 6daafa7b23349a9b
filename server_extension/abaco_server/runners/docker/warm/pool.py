"""How many containers wait for whom."""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable

from abaco_server.model.task import Isolation, Place, RunFailed
from abaco_server.runners.docker.engine import EngineGone
from abaco_server.runners.docker.warm.demand import Demand, WarmPolicy
from abaco_server.runners.docker.warm.spare import Spare, SpareLost

_log = logging.getLogger(__name__)
_AT_ONCE = 2
"""Containers that are made at the same time: an engine makes more no faster."""
_BREATH = 0.05
"""Seconds. To make a container costs a processor for 0.2 s, and the message that took the last
one runs now."""
_FAILURES = 3
"""After as many in a row nobody tries for this place until the actor is idle once."""

Make = Callable[[Place, Callable[[], None]], Awaitable[Spare]]
Drop = Callable[[Spare], Awaitable[None]]


class Spares:
    """Keeps as many waiting as the actors need. `make` and `drop` are the runner's."""

    def __init__(self, make: Make, drop: Drop, policy: WarmPolicy) -> None:
        self._make = make
        self._drop = drop
        self._policy = policy
        self._demands: dict[Place, Demand] = {}
        self._waiting: defaultdict[Place, deque[Spare]] = defaultdict(deque)
        self._making: defaultdict[Place, int] = defaultdict(int)
        self._failures: defaultdict[Place, int] = defaultdict(int)
        self._callers: defaultdict[Place, int] = defaultdict(int)
        self._news: defaultdict[Place, asyncio.Event] = defaultdict(asyncio.Event)
        """Rung when one waits, or is not made after all."""
        self._out: dict[str, Place] = {}
        """Of those that serve many, the ones at work, by container id."""
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[Place, asyncio.TimerHandle] = {}
        self._closed = False

    def __len__(self) -> int:
        return sum(len(found) for found in self._waiting.values())

    @property
    def making(self) -> int:
        return sum(self._making.values())

    def gave_up(self, place: Place) -> bool:
        return self._failures.get(place, 0) >= _FAILURES

    def refuse(self, place: Place) -> None:
        """Nothing can be started there: none waits until the actor was idle once."""
        if place in self._demands:
            self._failures[place] = _FAILURES
            self._empty(place, 0)

    def expect(self, place: Place) -> None:
        """Messages may come for this place soon."""
        self._note(place, message=False)

    async def take(self, place: Place, image_id: str) -> Spare | None:
        """One that waits, and is the caller's now; None: none does. One that is to serve many
        executions is worth waiting for, while it is being made."""
        if place.isolation is Isolation.CONTAINER:
            found = self._pop(place, image_id)
            self._note(place, message=True)
            return found
        self._callers[place] += 1
        try:
            found = self._pop(place, image_id)
            self._note(place, message=True)
            if found is None:
                self._again(place)
            while found is None and self._making.get(place) and not self._closed:
                self._news[place].clear()
                await self._news[place].wait()
                found = self._pop(place, image_id)
        finally:
            self._callers[place] -= 1
            if not self._callers[place]:
                del self._callers[place]
        if found is not None:
            self._out[found.container_id] = place
        return found

    def give_back(self, spare: Spare) -> None:
        """It waits again."""
        self._out.pop(spare.container_id, None)
        self._add_waiting(spare)

    def lose(self, spare: Spare) -> None:
        """It was taken, and is not given back."""
        if self._out.pop(spare.container_id, None) is not None:
            self._again(spare.place)

    def _pop(self, place: Place, image_id: str) -> Spare | None:
        found = None
        waiting = self._waiting.get(place)
        while waiting and found is None:
            spare = waiting.popleft()
            if spare.alive and spare.image_id == image_id:
                found = spare
            else:
                self._dispose(spare)
        return found

    async def close(self) -> None:
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for place in list(self._waiting):
            self._empty(place, 0)
        if self._tasks:
            await asyncio.wait(self._tasks)

    # ---- as many as are wanted ---------------------------------------------------------------

    def _note(self, place: Place, *, message: bool) -> None:
        """Note a need, and look at once; after a message a moment later, which is its own."""
        if place.privileged or not self._policy.total or self._closed:
            return
        demand = self._demands.get(place)
        if demand is None:
            lasts = place.isolation is not Isolation.CONTAINER
            demand = self._demands[place] = Demand(self._policy, place.warm, lasts=lasts)
        demand.note(self._now(), message=message)
        callers = self._callers.get(place, 0)
        demand.most_at_once = max(demand.most_at_once, self._at_work(place) + callers)
        if message:
            asyncio.get_running_loop().call_later(_BREATH, self._again, place)
        else:
            self._review(place)

    def _review(self, place: Place) -> None:
        """More, fewer, or none; and look again when the actor may have become idle."""
        if self._closed:
            return
        now, demand = self._now(), self._demands[place]
        wanted = max(demand.wanted(now) - self._at_work(place), 0)
        self._empty(place, wanted)
        if wanted == 0 and now - demand.last >= demand.idle:
            self._forget(place)
            return
        if not self.gave_up(place):
            for _ in range(self._lacking(place, wanted)):
                self._making[place] += 1
                self._keep(self._add(place))
        if timer := self._timers.get(place):
            timer.cancel()
        due = max(demand.last + demand.idle - now, 0.01)
        self._timers[place] = asyncio.get_running_loop().call_later(due, self._review, place)

    def _lacking(self, place: Place, wanted: int) -> int:
        """Bounded by what all actors may have; an actor idle for longer makes room."""
        missing = wanted - len(self._waiting[place]) - self._making[place]
        # One that only may have messages takes nothing from those that do.
        while self._demands[place].is_used and missing > self._room() and self._evict(place):
            pass
        return max(min(missing, self._room()), 0)

    def _room(self) -> int:
        return self._policy.total - len(self) - self.making

    def _evict(self, newcomer: Place) -> bool:
        """One of the actor that had no message for longest."""
        others = [place for place, found in self._waiting.items() if found and place != newcomer]
        if not others:
            return False
        oldest = min(others, key=lambda place: self._demands[place].last)
        if self._demands[oldest].last >= self._demands[newcomer].last:
            return False
        self._dispose(self._waiting[oldest].popleft())
        return True

    def _empty(self, place: Place, keep: int) -> None:
        while len(self._waiting[place]) > keep:
            self._dispose(self._waiting[place].popleft())

    def _forget(self, place: Place) -> None:
        self._demands.pop(place, None)
        self._waiting.pop(place, None)
        self._failures.pop(place, None)
        if place not in self._callers:
            self._news.pop(place, None)
        if timer := self._timers.pop(place, None):
            timer.cancel()

    # ---- one of them -------------------------------------------------------------------------

    async def _add(self, place: Place) -> None:
        spare: Spare | None = None
        try:
            async with self._slots:
                spare = await self._make(place, lambda: self._lost(place))
        except (RunFailed, EngineGone, SpareLost, OSError) as error:
            if place in self._demands:
                self._failures[place] += 1
            _log.info("no container waits for %s: %s", place.image, error)
            # What failed once may work now; what never works ends after a few tries.
            asyncio.get_running_loop().call_soon(self._again, place)
        finally:
            self._making[place] -= 1
            if not self._making[place]:
                del self._making[place]
            self._news[place].set()
        if spare is not None:
            self._add_waiting(spare)

    def _add_waiting(self, spare: Spare) -> None:
        place = spare.place
        if self._closed or place not in self._demands or self.gave_up(place) or not spare.alive:
            self._dispose(spare)
            return
        self._failures.pop(place, None)
        self._waiting[place].append(spare)
        self._news[place].set()

    def _at_work(self, place: Place) -> int:
        return sum(one == place for one in self._out.values())

    def _again(self, place: Place) -> None:
        if place in self._demands and not self._closed:
            self._review(place)

    def _lost(self, place: Place) -> None:
        """It ended while it waited: somebody removed it, or the engine was stopped."""
        for spare in [one for one in self._waiting.get(place, ()) if not one.alive]:
            self._waiting[place].remove(spare)
            self._dispose(spare)

    def _dispose(self, spare: Spare) -> None:
        self._keep(self._drop(spare))

    def _keep(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a container that waits", exc_info=error)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
