"""`/abaco/v1/actors/<id>/calls`: the channel of calls as a WebSocket (`wire.frames`)."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from abaco_jupyter.wire import frames
from abaco_jupyter.wire.errors import AbacoError, EndpointNotFound, InvalidRequest, NotAuthorized
from abaco_server.events.stream import BEGUN, finished_topic
from abaco_server.service.channel import Channel, Over, ended_by
from abaco_server.web import views
from abaco_server.web.base import AbacoHandler

log = logging.getLogger(__name__)

PING = 30.0
"""Seconds between pings; a client that answers none for so long is gone."""

RIGHTS = 10.0
"""Seconds after which an open channel is asked again whether its client may have it."""

_NO_NONCE = (
    "A nonce opens no channel of calls: show a token, or send messages one by one or in batches."
)
_NO_RELAY = (
    "This notebook server hands requests on to the one that hosts the Abaco service, and hands no "
    "WebSockets on: send calls as batches, which POST /abaco/v1/actors/<id>/messages/batch takes."
)
_NOT_ASKED = "The channel of calls is a WebSocket: ask for it with Upgrade and Connection."
_LONGEST_REASON = 120
"""Bytes of a close frame's reason."""


@dataclass(frozen=True, slots=True)
class _Ear:
    """A listener of the hub."""

    put: Callable[[Any], None]


class CallsHandler(WebSocketHandler, AbacoHandler):
    actions = {**AbacoHandler.actions, "GET": "execute"}  # noqa: RUF012 - never changed

    _channel: Channel | None = None
    _pushing: asyncio.Task[None] | None = None

    async def get(self, actor_id: str) -> None:
        """Lasts as long as the connection."""
        if not self._is_asked_for():
            raise InvalidRequest(_NOT_ASKED)
        hub = self.abaco.hub
        if hub is None:
            raise self.abaco.refusal()
        service, principal = self.service, self.principal
        # Whoever may not is told so by an answer that every HTTP client reads.
        actor_id = await service.calls.admit(principal, actor_id)
        server = self.api_server
        channel = Channel(
            service.calls,
            principal,
            actor_id,
            lambda record: views.streamed_execution(record, server),
        )
        hearing = ExitStack()
        hearing.enter_context(hub.listening(finished_topic(actor_id), _Ear(channel.hear_finished)))
        hearing.enter_context(hub.listening(BEGUN, _Ear(channel.hear_began)))
        self._channel = channel
        service.attendance.came(channel)
        try:
            await super().get(actor_id)
        finally:
            if self._pushing is not None:
                self._pushing.cancel()
                await asyncio.gather(self._pushing, return_exceptions=True)
            service.attendance.left(channel, hearing.close, on_purpose=self.close_code == 1000)

    def open(self, *args: str, **kwargs: str) -> None:
        # Small frames go both ways: one must not wait for the acknowledgement of another (40 ms).
        self.set_nodelay(True)
        self._pushing = asyncio.create_task(self._push(), name="abaco-channel")

    async def on_message(self, message: str | bytes) -> None:
        """One frame after the other: the next one is not read before this one is done with."""
        assert self._channel is not None
        try:
            if isinstance(message, str):
                raise Over(frames.BAD_FRAME, "frames are binary")
            frame = frames.from_client(message)
            answers = await self._channel.answer(frame)
            if isinstance(frame, frames.Hello):
                self.service.attendance.greeted(self._channel)
            for answer in answers:
                await self._send(answer)
        except frames.BadFrame as error:
            self._end(Over(frames.BAD_FRAME, str(error)))
        except Over as over:
            self._end(over)
        except (WebSocketClosedError, StreamClosedError):
            return  # `get` ends

    async def _push(self) -> None:
        """Tell of ends as they come, as fast as they are read."""
        channel = self._channel
        assert channel is not None
        loop = asyncio.get_running_loop()
        asked = loop.time()
        try:
            while True:
                try:
                    async with asyncio.timeout(RIGHTS):
                        await channel.wait()
                except TimeoutError:
                    pass  # look whether it may go on
                if loop.time() - asked >= RIGHTS:
                    await self._check_rights(channel)
                    asked = loop.time()
                for frame in await channel.news():
                    await self._send(frame)
        except Over as over:
            self._end(over)
        except (WebSocketClosedError, StreamClosedError):
            return  # `get` ends
        except Exception:
            log.exception("a channel of calls failed")
            self._end(Over(frames.FAILED, "a fault of the server; see its log"))

    async def _send(self, frame: frames.FromServer) -> None:
        await self.write_message(frames.encode(frame), binary=True)

    async def _check_rights(self, channel: Channel) -> None:
        try:
            if self.bearer is not None:
                await self._redeem_bearer()
            await self.service.calls.admit(channel.principal, channel.actor_id)
        except AbacoError as error:
            raise ended_by(error) from error

    def _end(self, over: Over) -> None:
        reason = str(over).encode()[:_LONGEST_REASON].decode("utf-8", "ignore")
        self.close(over.code, reason)

    # ---- the handshake -----------------------------------------------------------------------

    def _is_asked_for(self) -> bool:
        headers = self.request.headers
        connection = [one.strip().lower() for one in headers.get("Connection", "").split(",")]
        return headers.get("Upgrade", "").lower() == "websocket" and "upgrade" in connection

    async def _redeem_nonce(self) -> None:
        """Its level would be checked once, and what comes later on the channel needs others."""
        raise NotAuthorized(_NO_NONCE)

    async def _forward(self, *args: str, **kwargs: str) -> None:
        raise EndpointNotFound(_NO_RELAY)

    def check_origin(self, origin: str = "") -> bool:
        """Jupyter's rule, as for all requests of ours; tornado's own knows no other origins."""
        return AbacoHandler.check_origin(self, origin)

    @property
    def ping_interval(self) -> float:
        return PING

    @property
    def ping_timeout(self) -> float:
        return PING

    @property
    def max_message_size(self) -> int:
        return frames.MAX_FRAME
