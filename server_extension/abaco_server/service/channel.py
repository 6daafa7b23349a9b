"""Ours: one channel of calls, between its client and `calls`.

It knows what it granted and what its client waits for. Frames come in, frames go out; the
connection itself is somebody else's (`web.calls`), and so is who tells it of ends.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from abaco_jupyter.wire import frames
from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_jupyter.wire.errors import (
    AbacoError,
    ActorDoesNotExist,
    ActorNotFound,
    ExecutionNotFound,
    InvalidRequest,
    NotAuthorized,
    NotFound,
    Unavailable,
)
from abaco_jupyter.wire.ids import following
from abaco_jupyter.wire.options import CallOptions
from abaco_server.model.execution import Execution, Finished
from abaco_server.model.principal import Principal
from abaco_server.service.calls import Calls, End, Group
from abaco_server.store import DatabaseFailed

_AT_ONCE = 256
"""Ends that are told together."""

_HELD = 256 * frames.MAX_CALL
"""Bytes of results that wait to be told; more are read from the store when it is their turn."""


class Over(Exception):
    """The channel ends, with this close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(slots=True)
class _Granted:
    block: frames.Block
    next: int = 0
    """Place of the first id that has not been used."""
    before: bool = False
    """On an earlier connection: its ids may be on record."""


class Channel:
    """Loop thread only."""

    def __init__(
        self, calls: Calls, principal: Principal, actor_id: str, show: Callable[[Execution], Any]
    ) -> None:
        """`show` is the record of an execution as clients see it."""
        self.principal = principal
        self.actor_id = actor_id
        self.name = ""
        self.cancel_after: float | None = None
        self.awaited: set[str] = set()
        self.unwanted: set[str] = set()
        """To be halted as soon as they run."""
        self.replaced = False
        """Its client has another connection."""
        self._calls = calls
        self._show = show
        self._blocks: dict[str, _Granted] = {}
        self._unused = 0
        self._greeted = False
        self._finished: list[Finished] = []
        self._telling: set[str] = set()
        """Ids of `_finished`. However often a client asks, each waits once to be told."""
        self._began: dict[str, None] = {}
        self._held = 0
        self._over: Over | None = None
        self._woken = asyncio.Event()

    # ---- what is heard of executions ---------------------------------------------------------

    def hear_finished(self, all_of_them: Sequence[Finished]) -> None:
        mine = [one for one in all_of_them if one.id in self.awaited]
        if not mine:
            return
        self.awaited.difference_update([one.id for one in mine])
        for one in mine:
            size = sum(map(len, one.results or ()))
            if self._held + size > _HELD:
                one = replace(one, results=None)
            else:
                self._held += size
            self._finished.append(one)
            self._telling.add(one.id)
        self._woken.set()

    def hear_began(self, execution_id: str) -> None:
        if execution_id in self.awaited:
            self._began[execution_id] = None
            self._woken.set()

    def end(self, code: int, reason: str) -> None:
        self._over = Over(code, reason)
        self._woken.set()

    # ---- what the client sends ---------------------------------------------------------------

    async def answer(self, frame: frames.FromClient) -> list[frames.FromServer]:
        """Raises Over."""
        if isinstance(frame, frames.Hello) is self._greeted:
            raise Over(frames.BAD_FRAME, "Hello comes first, and once")
        try:
            match frame:
                case frames.Hello():
                    return self._hello(frame)
                case frames.Calls():
                    return await self._take(frame)
                case frames.Await():
                    return await self._await(frame.ids)
                case frames.Cancel():
                    return await self._cancel(frame)
                case frames.AskLog():
                    return await self._log(frame)
        except (AbacoError, DatabaseFailed) as error:
            raise ended_by(error) from error

    def _hello(self, frame: frames.Hello) -> list[frames.FromServer]:
        self._greeted = True
        self.name, self.cancel_after = frame.name, frame.cancel_after
        for block in frame.blocks:
            if not self._calls.is_granted(self.principal, self.actor_id, block):
                raise Over(frames.NO_CREDIT, f"the block {block.first} was not granted to you")
            self._blocks[block.first] = _Granted(block, before=True)
            self._unused += block.count
        return [frames.Welcome(frames.VERSION, self.actor_id), *self._credit()]

    async def _take(self, frame: frames.Calls) -> list[frames.FromServer]:
        granted = self._blocks.get(frame.block)
        end = frame.offset + len(frame.calls)
        if granted is None or end > granted.block.count:
            raise Over(frames.NO_CREDIT, f"ids {frame.offset} to {end} of {frame.block}: no credit")
        ids = following(frame.block, frame.offset, len(frame.calls))
        again = granted.before or frame.offset < granted.next
        self._unused -= max(0, end - granted.next)
        granted.next = max(granted.next, end)
        # Before they are on record: from then on each may have ended.
        self.awaited.update(ids)
        try:
            options = CallOptions(timeout=frame.timeout, label=frame.label, retry_of=frame.retry_of)
            group = Group(
                ids=ids, bodies=frame.calls, kind=frame.kind, options=options, again=again
            )
            await self._calls.accept(self.principal, self.actor_id, group)
        except (InvalidRequest, NotFound) as error:
            if isinstance(error, ActorNotFound | ActorDoesNotExist):
                raise
            self.awaited.difference_update(ids)
            refused = frames.Refused(frame.block, frame.offset, error.code, str(error))
            return [refused]
        accepted = frames.Accepted(frame.block, frame.offset)
        if not again:
            return [accepted]
        # They may have ended long ago.
        return [accepted, *await self._await(ids)]

    async def _await(self, ids: list[str]) -> list[frames.FromServer]:
        """What is on record of them; the others' ends are told when they come."""
        ids = [one for one in dict.fromkeys(ids) if one not in self._telling]
        self.awaited.update(ids)
        found = await self._calls.look(self.principal, self.actor_id, ids)
        known = {one.id: one.status for one in found}
        unknown = [one for one in ids if one not in known]
        self.awaited.difference_update(unknown)
        for execution_id, status in known.items():
            if status is ExecutionStatus.RUNNING:
                self.hear_began(execution_id)
        # Read again when it is their turn: exit codes and results stand there.
        self.hear_finished(
            [Finished(id=one, status=status) for one, status in known.items() if status.ended]
        )
        return [frames.Unknown(unknown)] if unknown else []

    async def _cancel(self, frame: frames.Cancel) -> list[frames.FromServer]:
        try:
            cancelled = await self.cancel(frame.ids, force=frame.force)
        except NotAuthorized:
            # Who may send may not always take back: its calls go on, and so does the channel.
            cancelled = []
        return [frames.Cancelled(frame.number, cancelled)]

    async def cancel(self, ids: list[str], *, force: bool) -> list[str]:
        unwanted = self.awaited.intersection(ids) - self.unwanted if force else set()
        # One that a worker has taken and not begun is halted when it begins.
        self.unwanted.update(unwanted)
        try:
            return await self._calls.cancel(self.principal, self.actor_id, ids, force=force)
        except NotAuthorized:
            self.unwanted.difference_update(unwanted)
            raise

    async def _log(self, frame: frames.AskLog) -> list[frames.FromServer]:
        try:
            text = await self._calls.log(self.principal, self.actor_id, frame.id)
        except ExecutionNotFound:
            return [frames.Log(frame.number, None)]
        return [frames.Log(frame.number, text)]

    # ---- what the client is told -------------------------------------------------------------

    async def wait(self) -> None:
        """Until there is news."""
        await self._woken.wait()

    async def news(self) -> list[frames.FromServer]:
        """What there is to tell. Raises Over."""
        if self._over is not None:
            raise self._over
        began, self._began = list(self._began), {}
        finished, self._finished = self._finished[:_AT_ONCE], self._finished[_AT_ONCE:]
        self._telling.difference_update([one.id for one in finished])
        if not self._finished:
            self._woken.clear()
        try:
            for execution_id in self.unwanted.intersection(began):
                await self._calls.halt(self.principal, self.actor_id, execution_id)
            ends = await self._calls.ends(self.principal, self.actor_id, finished)
        except (AbacoError, DatabaseFailed) as error:
            raise ended_by(error) from error
        self._held -= sum(len(body) for one in finished for body in one.results or ())
        self.unwanted.difference_update([one.id for one in finished])
        told: list[frames.FromServer] = []
        if began:
            told.append(frames.Began(began))
        if ends:
            told.append(frames.Ended([self._told(one) for one in ends]))
        return [*told, *self._credit()]

    def _told(self, end: End) -> frames.EndedCall:
        one = end.finished
        return frames.EndedCall(
            one.id,
            one.status,
            one.exit_code,
            None if one.results is None else list(one.results),
            None if end.record is None else self._show(end.record),
        )

    def _credit(self) -> list[frames.FromServer]:
        """As many more calls as there is room for."""
        found: list[frames.FromServer] = []
        used = [first for first, one in self._blocks.items() if one.next == one.block.count]
        for first in used[:-_KEPT]:
            del self._blocks[first]
        open_ = len(self.awaited) + len(self._finished)
        while self._unused + open_ + frames.MAX_GROUP <= frames.WINDOW:
            block = self._calls.grant(self.principal, self.actor_id, frames.MAX_GROUP)
            self._blocks[block.first] = _Granted(block)
            self._unused += block.count
            found.append(frames.Credit(block))
        return found


_KEPT = 64
"""Used blocks that are remembered: a group of theirs that was refused may come again."""


def ended_by(error: AbacoError | DatabaseFailed) -> Over:
    """What of the requests' errors ends a channel, and how."""
    if isinstance(error, NotAuthorized):
        return Over(frames.NOT_AUTHORIZED, str(error))
    if isinstance(error, NotFound):
        return Over(frames.NOT_FOUND, str(error))
    if isinstance(error, Unavailable):
        return Over(frames.STOPPING, str(error))
    if isinstance(error, AbacoError):
        return Over(frames.BAD_FRAME, str(error))
    return Over(frames.FAILED, "the store failed; see the server's log")
