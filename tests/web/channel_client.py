"""A client of the channel of calls that sends what a test tells it to."""

import asyncio
from typing import Any, ClassVar, Self

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from abaco_jupyter.wire import frames, ids, paths

LIMIT = 60


class Channel:
    opened: ClassVar[list[Self]] = []
    """Those of one test, which hangs them all up at its end."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self.opened.append(self)
        self.connection = connection
        self.credit: list[frames.Block] = []
        self.used = 0
        self.over = False

    @classmethod
    async def connect(cls, place: Any, actor: str, token: str = "", **headers: str) -> Self:
        url = place.api.root.replace("http://", "ws://") + paths.calls(actor)
        shown = {"Authorization": f"Bearer {token or place.api.token}"} if token != "-" else {}
        return cls(await websocket_connect(HTTPRequest(url, headers={**shown, **headers})))

    @classmethod
    async def open(cls, place: Any, actor: str, **hello: Any) -> Self:
        """Connected, and greeted."""
        channel = await cls.connect(place, actor)
        await channel.greet(**hello)
        return channel

    async def greet(self, **hello: Any) -> frames.Welcome:
        await self.send(frames.Hello(frames.VERSION, **hello))
        return await self.expect(frames.Welcome)

    def drop(self) -> None:
        """As if the client's machine were gone."""
        self.connection.protocol.stream.close()

    async def send(self, frame: Any) -> None:
        data = frame if isinstance(frame, bytes | str) else frames.encode(frame)
        await self.connection.write_message(data, binary=isinstance(data, bytes))

    async def next(self) -> Any:
        """The next frame; None when the connection is over."""
        if self.over:
            return None
        async with asyncio.timeout(LIMIT):
            data = await self.connection.read_message()
        if data is None:
            self.over = True
            return None
        frame = frames.from_server(data)
        if isinstance(frame, frames.Credit):
            self.credit.append(frame.block)
        return frame

    async def expect(self, kind: type) -> Any:
        """The next frame, passing over credit and what began if nothing else is asked for."""
        passed = (frames.Credit,) if kind is frames.Began else (frames.Credit, frames.Began)
        while isinstance(frame := await self.next(), passed):
            continue
        assert isinstance(frame, kind), (frame, self.connection.close_reason)
        return frame

    async def hang_up(self) -> None:
        self.connection.close(1000)
        await self.until_closed()

    async def until_closed(self) -> tuple[int | None, str | None]:
        while await self.next() is not None:
            continue
        return self.connection.close_code, self.connection.close_reason

    async def group(self, *bodies: Any, **fields: Any) -> tuple[frames.Calls, list[str]]:
        """A frame of calls, for the credit that there is, and their ids."""
        while not self.credit:
            await self.next()
        block = self.credit[0]
        found = ids.following(block.first, self.used, len(bodies))
        frame = frames.Calls(block.first, self.used, list(bodies), **fields)
        self.used += len(bodies)
        return frame, found

    async def call(self, *bodies: Any, **fields: Any) -> list[str]:
        """The execution ids of calls that were accepted."""
        frame, found = await self.group(*bodies, **fields)
        await self.send(frame)
        accepted = await self.expect(frames.Accepted)
        assert (accepted.block, accepted.offset) == (frame.block, frame.offset)
        return found
