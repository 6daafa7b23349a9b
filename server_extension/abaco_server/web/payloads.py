"""`/abaco/v1`: what is too large for a frame, in and out, with bounded memory."""

import re
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from tornado.iostream import StreamClosedError

from abaco_jupyter.wire.errors import AbacoError, EndpointNotFound, NotFound
from abaco_jupyter.wire.limits import MAX_PAYLOAD
from abaco_server.service.payloads import Incoming, check_digest, check_size
from abaco_server.web.base import AbacoHandler
from abaco_server.web.bodies import BINARY

_CHUNK = 2**20
_HEADERS = 2**20
"""Bytes that a connection may take beside the body."""

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")

_NOT_HERE = (
    "This notebook server hands requests on to the one that hosts the Abaco service, and no "
    "payloads: send such messages with POST /actors/v2/<id>/messages."
)


class PayloadHandler(AbacoHandler):
    """Bytes go to the disk as they come. Sent again, they are the same payload."""

    _incoming: Incoming | None = None
    """What is there so far, while nobody writes to it."""
    _is_let_in = False
    _has_left = False
    _failed: OSError | AbacoError | None = None

    def initialize(self) -> None:
        super().initialize()
        # Jupyter's own limit holds for bodies that are kept in memory.
        self.request.connection.set_max_body_size(MAX_PAYLOAD + _HEADERS)  # type: ignore[union-attr]
        self._some: list[bytes] = []

    @property
    def limit(self) -> int:
        return MAX_PAYLOAD

    async def _admit(self) -> None:
        await super()._admit()
        if self.request.method == "PUT" and self.abaco.host is None:
            check_digest(self.path_args[0])
            self._is_let_in = True

    async def data_received(self, chunk: bytes) -> None:  # type: ignore[override]
        self.received += len(chunk)
        # The short body of whoever is refused is read for the sake of the answer, and thrown away.
        if not self._is_let_in or self._failed is not None or self.received > MAX_PAYLOAD:
            return
        self._some.append(chunk)
        if sum(map(len, self._some)) >= _CHUNK:
            await self._write()

    async def put(self, digest: str) -> None:
        try:
            check_size(self.received)
            await self._write()
            if self._failed is not None:
                raise self._failed
            # From here on it is no longer removed when the client leaves.
            incoming, self._incoming = self._incoming, None
        finally:
            self._drop()
        if incoming is None:
            return  # the client has left
        try:
            kept = await self.service.payloads.keep(self.principal, digest, incoming)
        finally:
            incoming.close()
        self.answer({"digest": kept.digest, "seal": kept.seal}, "Payload uploaded successfully.")

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._has_left = True
        self._drop()

    async def _write(self) -> None:
        """What goes wrong is answered by `put`: raised before the body has been read whole it
        would end the connection without a word."""
        if self._failed is not None or self._has_left:
            return
        data, self._some = b"".join(self._some), []
        incoming, self._incoming = self._incoming, None
        try:
            payloads = self.service.payloads
            incoming = incoming or payloads.receive(self.path_args[0])
            await payloads.aside(partial(incoming.write, data))
        except (OSError, AbacoError) as error:
            self._failed = error
        self._incoming = incoming
        if self._failed is not None or self._has_left:
            self._drop()

    def _drop(self) -> None:
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            incoming.close()

    async def _forward(self, *args: str, **kwargs: str) -> None:
        raise EndpointNotFound(_NOT_HERE)


class KeptResultHandler(AbacoHandler):
    """One result, or a part of it by `Range`. It stays."""

    async def get(self, actor_id: str, execution_id: str, number: str) -> None:
        place = int(number) if number.isdecimal() and len(number) < 10 else -1
        body = await self.service.executions.result(self.principal, actor_id, execution_id, place)
        size = await self.service.payloads.size(body)
        start, end = self._part(size)
        self.set_header("Accept-Ranges", "bytes")
        await send(self, body, start, end)

    head = get

    def _part(self, size: int) -> tuple[int, int]:
        """First and last byte, less one, that are asked for. A Range that cannot be read, or is
        of nothing, is left alone, as HTTP allows."""
        asked = _RANGE.fullmatch(self.request.headers.get("Range", ""))
        if asked is None or not any(asked.groups()):
            return 0, size
        if asked[1]:
            start, end = int(asked[1]), min(int(asked[2] or size) + 1, size)
        else:
            start, end = max(0, size - int(asked[2])), size
        if start >= end:
            return 0, size
        self.set_status(206)
        self.set_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        return start, end


async def send(handler: AbacoHandler, body: bytes | Path, start: int, end: int) -> None:
    """The answer: these bytes of a body, of a file a piece at a time."""
    handler.set_header("Content-Type", BINARY)
    handler.set_header("Content-Length", str(end - start))
    if handler.request.method == "HEAD":
        handler.finish(set_content_type=BINARY)
    elif isinstance(body, bytes):
        handler.finish(body[start:end], set_content_type=BINARY)
    else:
        await _stream(handler, body, start, end)


async def _stream(handler: AbacoHandler, path: Path, start: int, end: int) -> None:
    aside = handler.service.payloads.aside
    try:
        file: BinaryIO = await aside(lambda: path.open("rb"))
    except FileNotFoundError:
        raise NotFound("Somebody has taken this result at this moment.") from None
    with file, suppress(StreamClosedError):
        file.seek(start)
        while start < end:
            chunk = await aside(partial(file.read, min(_CHUNK, end - start)))
            if not chunk:
                break  # cut short: the length that was announced says so
            start += len(chunk)
            handler.write(chunk)
            await handler.flush()
        handler.finish(set_content_type=BINARY)
