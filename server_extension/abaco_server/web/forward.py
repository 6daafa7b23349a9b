"""A second notebook server of the same user: its requests go on to the server that hosts.

The caller has been authenticated here, by this server's own rules; towards the host this server
speaks with the host's token and says for whom, and the caller's credentials stay behind. Only a
nonce and a bearer token of ours go on as they are, without the host's: it alone can say whom they
let in.
"""

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError

from abaco_jupyter.wire.errors import NotReady
from abaco_jupyter.wire.limits import MAX_PAYLOAD
from abaco_server.model.principal import Principal

if TYPE_CHECKING:
    from abaco_server.web.base import AbacoHandler

logger = logging.getLogger(__name__)

API_SERVER = "X-Abaco-Api-Server"
"""The base URL that the caller used, for the `_links` of the answer."""

PERSON = "X-Abaco-Person"
"""Who asks, with their roles: with the host's token alone everybody would be its owner."""

_FORWARDED = "X-Abaco-Forwarded"
"""Two servers that each take the other for the host must not play ball."""

_HOP_BY_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"}
_NOT_SENT_ON = _HOP_BY_HOP | {
    "accept-encoding",
    "authorization",
    "cookie",
    "expect",
    "host",
    "proxy-authorization",
    "x-abaco-person",
    "x-xsrftoken",
}
_NOT_SENT_BACK = _HOP_BY_HOP | {
    "access-control-allow-credentials",
    "access-control-allow-origin",
    "date",
    "server",
    "set-cookie",
    "vary",
}
_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The server that hosts the service."""

    url: str
    """Base URL."""
    token: str = field(repr=False)


def person(told: str, owner: Principal) -> Principal:
    """Who is told of by `PERSON`; the host's owner, whose token came with it, may do anything,
    and so may say it. What cannot be read has no roles."""
    facts = parse_qs(told)
    name = facts.get("name", [""])[0]
    return replace(owner, username=name, roles=frozenset(facts.get("role", ())))


class _CallerLeft(Exception):
    """Raised into tornado's client to make it hang up."""


async def forward(handler: "AbacoHandler", host: Host) -> None:
    """Ask the host, and pass on what it answers as it comes."""
    if _FORWARDED in handler.request.headers:
        raise NotReady("Two notebook servers take each other for the host of the Abaco service.")
    reply = _Reply()
    handler.when_left = reply.caller_left
    client = AsyncHTTPClient(force_instance=True, max_body_size=2 * MAX_PAYLOAD)
    fetching = asyncio.ensure_future(
        client.fetch(_request(handler, host, reply), raise_error=False)
    )
    fetching.add_done_callback(reply.ended)
    try:
        await _pass_on(handler, reply)
        answer = await fetching
    except OSError as error:
        raise NotReady(f"The host of the Abaco service does not answer: {error}") from None
    finally:
        reply.caller_left()
        await asyncio.wait([fetching])
        client.close()
    if not reply.begun:
        raise NotReady(f"The host of the Abaco service does not answer: {answer.error}")


class _Reply:
    """What came from the host and has not been passed on. Loop thread only."""

    def __init__(self) -> None:
        self.status = 0
        self.headers = HTTPHeaders()
        self.begun = False
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._left = False

    def header(self, line: str) -> None:
        if line.startswith("HTTP/"):
            self.status = int(line.split(" ", 2)[1])
        elif line.strip():
            self.headers.parse_line(line)
        elif self.status >= 200:
            self.begun = True
            self.chunks.put_nowait(b"")

    def chunk(self, data: bytes) -> None:
        if self._left:
            raise _CallerLeft
        self.chunks.put_nowait(data)

    def ended(self, _: object) -> None:
        self.chunks.put_nowait(None)

    def caller_left(self) -> None:
        self._left = True
        self.chunks.put_nowait(None)


async def _pass_on(handler: "AbacoHandler", reply: _Reply) -> None:
    """Status and headers when they are here, then each piece; nothing if the host is not there."""
    while (chunk := await reply.chunks.get()) is not None:
        if not handler._headers_written:
            handler.set_status(reply.status)
            for name, value in reply.headers.get_all():
                if name.lower() not in _NOT_SENT_BACK:
                    handler.set_header(name, value)
        handler.write(chunk)
        try:
            await handler.flush()
        except StreamClosedError:
            return
    if reply.begun:
        handler.finish(set_content_type=reply.headers.get("Content-Type", ""))


def _request(handler: "AbacoHandler", host: Host, reply: _Reply) -> HTTPRequest:
    asked = handler.request
    headers = HTTPHeaders()
    for name, value in asked.headers.get_all():
        if name.lower() not in _NOT_SENT_ON:
            headers.add(name, value)
    credential = handler.credential_for(host)
    if credential is not None:
        headers["Authorization"] = credential
    if credential == f"token {host.token}":
        asking = handler.principal
        headers[PERSON] = urlencode(
            {"name": asking.username, "role": sorted(asking.roles)}, doseq=True
        )
    headers[API_SERVER] = handler.api_server
    headers[_FORWARDED] = "1"
    path = asked.path.removeprefix(handler.base_url.rstrip("/"))
    query = urlencode(handler.query(), doseq=True)
    return HTTPRequest(
        url=host.url.rstrip("/") + "/" + path.lstrip("/") + (f"?{query}" if query else ""),
        method=asked.method or "GET",
        headers=headers,
        body=handler.body() or None,
        allow_nonstandard_methods=True,
        follow_redirects=False,
        decompress_response=False,
        request_timeout=_DAY,
        header_callback=reply.header,
        streaming_callback=reply.chunk,
    )
