"""Live views as server-sent events: a log as it grows, a status as it changes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
from tornado.iostream import StreamClosedError

from abaco_jupyter.wire.errors import NotAuthorized, NotFound
from abaco_server.events.stream import (
    MOVES,
    Ended,
    LogAdded,
    Moves,
    StatusChanged,
    Subscription,
    execution_topic,
)
from abaco_server.model.build import Build
from abaco_server.model.execution import Execution
from abaco_server.service.desk import BuildStep
from abaco_server.web import views
from abaco_server.web.base import AbacoHandler

HEARTBEAT = 15.0
"""Seconds; a proxy in between takes silence for a dead connection."""

_AT_ONCE = 200
"""Executions that are read at once for one listener."""

_LEFT = object()
"""Put into a subscription when the client has gone."""

_END = object()

_encode = msgspec.json.Encoder(order="sorted").encode


class StreamHandler(AbacoHandler):
    """Base of the streams: frames, heartbeat, and an end when the client leaves."""

    def begin(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Accel-Buffering", "no")

    async def send(self, event: str, data: Any, *, mark: int | str | None = None) -> None:
        head = f"event: {event}\n" + (f"id: {mark}\n" if mark is not None else "")
        self.write(head.encode() + b"data: " + _encode(data) + b"\n\n")
        await self.flush()

    async def beat(self) -> None:
        self.write(b": still here\n\n")
        await self.flush()

    def end(self) -> None:
        self.finish(set_content_type="text/event-stream")

    @property
    def start_offset(self) -> int:
        """Characters of the log that the client has: `Last-Event-ID` of an earlier stream."""
        told = self.request.headers.get("Last-Event-ID", "")
        return int(told) if told.isdecimal() and len(told) < 16 else 0


class ExecutionStreamHandler(StreamHandler):
    async def get(self, actor_id: str, execution_id: str) -> None:
        hub = self.abaco.hub
        if hub is None:
            raise self.abaco.refusal()
        # Whoever may not look is told so before the stream begins.
        await self.service.executions.get(self.principal, actor_id, execution_id)
        with hub.subscribe(execution_topic(execution_id)) as news:
            self.when_left = partial(news.put, _LEFT)
            self.begin()
            try:
                await _Follower(self, actor_id, execution_id, news).run()
            except StreamClosedError:
                return
        self.end()


class ActorStreamHandler(StreamHandler):
    """`status` and `ended` of all executions of an actor, for who waits for many of them.

    `open` comes first, and again whenever something was missed: then ask for what you wait for
    (`POST /abaco/v1/actors/<id>/executions`).
    """

    async def get(self, actor_id: str) -> None:
        hub = self.abaco.hub
        if hub is None:
            raise self.abaco.refusal()
        actor_id = await self.service.executions.may_look(self.principal, actor_id)
        with hub.listening(MOVES, Moves()) as moves:
            self.when_left = moves.close
            self.begin()
            try:
                await self.send("open", {"actorId": actor_id})
                while not moves.closed:
                    await self._tell(actor_id, moves)
            except (StreamClosedError, NotFound, NotAuthorized):
                return self.end()  # who connects again is told why there is no more
        self.end()

    async def _tell(self, actor_id: str, moves: Moves) -> None:
        try:
            async with asyncio.timeout(HEARTBEAT):
                ids = await moves.next(_AT_ONCE)
        except TimeoutError:
            return await self.beat()
        if ids is None:
            return await self.send("open", {"actorId": actor_id})
        for record in await self.service.executions.among(self.principal, actor_id, ids):
            shown = views.streamed_execution(record, self.api_server)
            await self.send("ended" if record.status.ended else "status", shown)


class _Follower:
    """One client's view of one execution. What is on record comes first, then what is new."""

    def __init__(
        self, handler: StreamHandler, actor_id: str, execution_id: str, news: Subscription
    ) -> None:
        self._handler = handler
        self._where = (actor_id, execution_id)
        self._news = news
        self._position = handler.start_offset

    async def run(self) -> None:
        record = await self._record()
        await self._tell("status", record)
        await self._catch_up()
        while not record.status.ended:
            item = await self._next()
            if item is _LEFT:
                return
            if isinstance(item, LogAdded):
                await self._log(item.offset, item.text)
            elif isinstance(item, StatusChanged | Ended):
                record = await self._record()
                if not record.status.ended:
                    await self._tell("status", record)
        await self._catch_up()
        await self._tell("end", record)

    async def _next(self) -> object:
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    return await self._news.next()
            except TimeoutError:
                await self._handler.beat()

    async def _record(self) -> Execution:
        handler = self._handler
        return await handler.service.executions.get(handler.principal, *self._where)

    async def _catch_up(self) -> None:
        """The log on record, or so far, beyond what has been sent."""
        handler = self._handler
        _, text = await handler.service.executions.log(handler.principal, *self._where)
        await self._log(0, text)

    async def _log(self, offset: int, text: str) -> None:
        if offset > self._position:
            await self._catch_up()
        news = text[max(0, self._position - offset) :]
        if news and offset <= self._position:
            self._position += len(news)
            await self._handler.send("log", {"text": news}, mark=self._position)

    async def _tell(self, event: str, record: Execution) -> None:
        shown = views.streamed_execution(record, self._handler.api_server)
        await self._handler.send(event, shown)


class BuildStreamHandler(StreamHandler):
    async def get(self, build_id: str) -> None:
        steps = await self.service.builds.follow(self.principal, build_id, self.start_offset)
        left = asyncio.Event()
        self.when_left = left.set
        self.begin()
        try:
            async for step in _until(steps, left, self.beat):
                await self._tell(step)
        except StreamClosedError:
            return
        self.end()

    async def _tell(self, step: BuildStep | Build) -> None:
        if isinstance(step, Build):
            await self.send("end", views.build(step))
        else:
            await self.send("log", {"text": step.text}, mark=step.offset + len(step.text))


async def _until(
    steps: AsyncIterator[Any], left: asyncio.Event, beat: Callable[[], Awaitable[None]]
) -> AsyncIterator[Any]:
    """The items of `steps` until it ends or the client has left, with a heartbeat in silence."""
    leaving = asyncio.ensure_future(left.wait())
    coming: asyncio.Future[Any] | None = None
    try:
        while not left.is_set():
            coming = coming or asyncio.ensure_future(anext(steps, _END))
            await asyncio.wait([coming, leaving], timeout=HEARTBEAT, return_when="FIRST_COMPLETED")
            if coming.done():
                item, coming = coming.result(), None
                if item is _END:
                    return
                yield item
            elif not left.is_set():
                await beat()
    finally:
        tasks = [task for task in (leaving, coming) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await steps.aclose()  # type: ignore[attr-defined]
