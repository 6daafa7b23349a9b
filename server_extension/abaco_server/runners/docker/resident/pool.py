"""Which containers stay for whom."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from abaco_server.model.task import Place, RunFailed
from abaco_server.runners.docker.engine import EngineGone
from abaco_server.runners.docker.images import Image
from abaco_server.runners.docker.resident.maker import NotStaying
from abaco_server.runners.docker.resident.policy import ReusePolicy
from abaco_server.runners.resident.stay import Stay

_log = logging.getLogger(__name__)

Make = Callable[[Place, Image], Awaitable[Stay]]
Drop = Callable[[Stay], Awaitable[None]]


@dataclass(slots=True, eq=False)
class Guest:
    """A container, and what the pool knows of it."""

    stay: Stay
    place: Place
    image: Image
    timer: asyncio.TimerHandle | None = None
    replaced: bool = False
    """Another one takes its place."""


@dataclass(slots=True)
class Room:
    """Of one place."""

    idle: list[Guest] = field(default_factory=list)
    making: set["asyncio.Task[Guest]"] = field(default_factory=set)
    """Before somebody asked."""


class Stays:
    def __init__(self, make: Make, drop: Drop, policy: ReusePolicy) -> None:
        self._make = make
        self._drop = drop
        self._policy = policy
        self._rooms: defaultdict[Place, Room] = defaultdict(Room)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        """How many are idle."""
        return sum(len(room.idle) for room in self._rooms.values())

    async def expect(self, place: Place, image: Image) -> None:
        """One more worker will ask for one. Returns when it is there, or cannot be: a message
        that is taken before has to wait for it, though another worker may have time."""
        may = self._policy.ahead and not self._closed and place.warm != 0
        if may and not self._rooms[place].idle:
            await asyncio.wait([self._make_ahead(place, image)])

    async def take(self, place: Place, image: Image) -> Guest:
        """One that is the caller's until it is given back. Raises what `make` raises."""
        room = self._rooms[place]
        while room.idle:
            guest = self._out_of(room, -1)
            if not guest.stay.gone and guest.image.id == image.id:
                return guest
            self._dispose(guest)
        if room.making:
            coming = room.making.pop()
            try:
                guest = await asyncio.shield(coming)
            except asyncio.CancelledError:
                coming.add_done_callback(self._unwanted)
                raise
            return guest
        return Guest(stay=await self._make(place, image), place=place, image=image)

    def give_back(self, guest: Guest) -> None:
        stay = guest.stay
        grown = stay.memory[1] - stay.memory[0]
        if stay.gone or guest.replaced or self._closed or grown > self._policy.memory:
            self._dispose(guest)
            return
        if stay.executions >= self._policy.executions:
            self._replace(guest)
        self._settle(guest)

    def dispose(self, guest: Guest) -> None:
        self._dispose(guest)

    async def close(self) -> None:
        self._closed = True
        for room in list(self._rooms.values()):
            for coming in room.making:
                coming.cancel()
            while room.idle:
                self._dispose(self._out_of(room, -1))
            if room.making:
                await asyncio.wait(room.making)
        while self._tasks:
            await asyncio.wait(self._tasks)

    # ---- idle ones ---------------------------------------------------------------------------

    def _settle(self, guest: Guest) -> None:
        room = self._rooms[guest.place]
        room.idle.append(guest)
        seconds = self._policy.idle.total_seconds()
        guest.timer = asyncio.get_running_loop().call_later(seconds, self._leave, guest)
        if len(self) > self._policy.total:
            self._leave(self._oldest())

    def _oldest(self) -> Guest:
        firsts = [room.idle[0] for room in self._rooms.values() if room.idle]
        return min(firsts, key=lambda guest: guest.timer.when() if guest.timer else 0.0)

    def _leave(self, guest: Guest) -> None:
        room = self._rooms[guest.place]
        if guest in room.idle:
            self._dispose(self._out_of(room, room.idle.index(guest)))
        if not room.idle and not room.making:
            self._rooms.pop(guest.place, None)

    def _out_of(self, room: Room, index: int) -> Guest:
        guest = room.idle.pop(index)
        if guest.timer is not None:
            guest.timer.cancel()
            guest.timer = None
        return guest

    # ---- made ahead --------------------------------------------------------------------------

    def _make_ahead(self, place: Place, image: Image) -> "asyncio.Task[Guest]":
        coming = asyncio.create_task(self._made(place, image), name="abaco-stay")
        self._rooms[place].making.add(coming)
        coming.add_done_callback(lambda done: self._arrived(place, done))
        return coming

    async def _made(self, place: Place, image: Image) -> Guest:
        return Guest(stay=await self._make(place, image), place=place, image=image)

    def _arrived(self, place: Place, coming: "asyncio.Task[Guest]") -> None:
        """Unless somebody waits for it, it is idle now."""
        room = self._rooms[place]
        if coming not in room.making:
            if not coming.cancelled():
                coming.exception()
            return
        room.making.discard(coming)
        self._unwanted(coming)

    def _unwanted(self, coming: "asyncio.Task[Guest]") -> None:
        if coming.cancelled():
            return
        error = coming.exception()
        if error is None:
            self.give_back(coming.result())
        elif isinstance(error, (RunFailed, EngineGone, NotStaying, OSError)):
            _log.info("no container stays: %s", error)
        else:
            _log.error("a container that stays", exc_info=error)

    def _replace(self, guest: Guest) -> None:
        """It goes on until another one is there."""

        def arrived(coming: "asyncio.Task[Guest]") -> None:
            guest.replaced = not coming.cancelled() and coming.exception() is None
            if guest.replaced:
                self._leave(guest)

        guest.stay.executions = 0
        self._make_ahead(guest.place, guest.image).add_done_callback(arrived)

    # ---- small things ------------------------------------------------------------------------

    def _dispose(self, guest: Guest) -> None:
        self._keep(self._drop(guest.stay))

    def _keep(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a container that stayed", exc_info=error)
