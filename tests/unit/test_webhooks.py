"""One POST to a webhook: what is sent, to which address, and what is refused."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from abaco_jupyter.wire.codes import EventType
from abaco_server.events.webhooks import Refused, Unreachable, Webhooks
from abaco_server.model.delivery import Delivery

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 11, 21, 17, 18, 35, tzinfo=UTC)
PAYLOAD = {"event_type": "ACTOR_READY", "actor_id": "ä"}


def a_delivery(url: str) -> Delivery:
    return Delivery(
        id="d1",
        actor_id="a",
        tenant="T",
        event_type=EventType.ACTOR_READY,
        url=url,
        payload=PAYLOAD,
        create_time=NOW,
    )


class Receiver:
    """A transport that notes what it is asked; `down` are addresses that refuse to connect."""

    def __init__(self, *down: str, status: int = 200) -> None:
        self.requests: list[httpx.Request] = []
        self._down = down
        self._status = status

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host in self._down:
            raise httpx.ConnectError("connection refused", request=request)
        headers = {"Set-Cookie": "a=b; Path=/", "Location": "http://127.0.0.1/"}
        return httpx.Response(self._status, headers=headers, text="thanks")


@asynccontextmanager
async def webhooks(receiver: Any, *addresses: str, **given: Any) -> AsyncIterator[Webhooks]:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    made = Webhooks(resolve=resolve, transport=httpx.MockTransport(receiver), **given)
    yield made
    await made.close()


async def test_what_is_sent() -> None:
    receiver = Receiver(status=204)
    async with webhooks(receiver, "1.1.1.1", secret="s3cret") as made:
        assert await made.post(a_delivery("https://hooks.example.org:8443/x?y=1")) == 204
    [request] = receiver.requests
    assert request.method == "POST"
    assert str(request.url) == "https://1.1.1.1:8443/x?y=1"
    assert request.headers["Host"] == "hooks.example.org:8443"
    assert request.extensions["sni_hostname"] == "hooks.example.org"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["X-Abaco-Delivery"] == "d1"
    assert request.headers["X-Abaco-Event"] == "ACTOR_READY"
    assert json.loads(request.content) == PAYLOAD
    digest = hmac.new(b"s3cret", request.content, hashlib.sha256).hexdigest()
    assert request.headers["X-Abaco-Signature"] == f"sha256={digest}"


async def test_without_a_secret_there_is_no_signature() -> None:
    receiver = Receiver()
    async with webhooks(receiver, "1.1.1.1") as made:
        await made.post(a_delivery("http://example.org/"))
    assert "X-Abaco-Signature" not in receiver.requests[0].headers


async def test_redirects_are_not_followed_and_cookies_not_kept() -> None:
    receiver = Receiver(status=307)
    async with webhooks(receiver, "1.1.1.1") as made:
        assert await made.post(a_delivery("http://example.org/")) == 307
        assert await made.post(a_delivery("http://example.org/")) == 307
    assert len(receiver.requests) == 2
    assert all("Cookie" not in request.headers for request in receiver.requests)


async def test_a_private_address_is_refused_and_the_reason_says_how_to_allow_it() -> None:
    receiver = Receiver()
    async with webhooks(receiver, "10.0.0.7", "::1") as made:
        with pytest.raises(Refused) as refused:
            await made.post(a_delivery("http://inside.example.org/"))
    assert str(refused.value) == (
        "inside.example.org is 10.0.0.7, ::1: a loopback or private address, to which this"
        " server posts only when AbacoApp.allow_private_webhooks is set"
    )
    assert receiver.requests == []


async def test_of_several_addresses_only_public_ones_are_tried() -> None:
    receiver = Receiver("1.1.1.1")
    async with webhooks(receiver, "127.0.0.1", "1.1.1.1", "2606:4700::1111") as made:
        assert await made.post(a_delivery("http://example.org/")) == 200
    assert [request.url.host for request in receiver.requests] == ["1.1.1.1", "2606:4700::1111"]


async def test_a_server_that_is_down_is_unreachable() -> None:
    async with webhooks(Receiver("1.1.1.1"), "1.1.1.1") as made:
        with pytest.raises(Unreachable, match="connection refused"):
            await made.post(a_delivery("http://example.org/"))


async def test_a_receiver_that_says_nothing_is_unreachable() -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with webhooks(never, "1.1.1.1", timeout=timedelta(seconds=0.05)) as made:
        with pytest.raises(Unreachable, match=r"no answer within 0\.05 seconds"):
            await made.post(a_delivery("http://example.org/"))


@pytest.mark.parametrize(
    "url", ["ftp://example.org/", "example.org", "http://", "/x", "http://[::1"]
)
async def test_what_is_no_web_address_is_refused(url: str) -> None:
    async with webhooks(Receiver(), "1.1.1.1") as made:
        with pytest.raises(Refused):
            await made.post(a_delivery(url))


async def _serve(
    heard: list[bytes],
) -> tuple[asyncio.Server, str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        heard.append(head + await reader.readexactly(length))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    return server, f"http://localhost:{server.sockets[0].getsockname()[1]}/hook"


@pytest.mark.parametrize("spelling", ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "127.1"])
async def test_a_real_server_on_loopback_in_every_spelling(spelling: str) -> None:
    heard: list[bytes] = []
    server, url = await _serve(heard)
    url = url.replace("localhost", spelling)
    try:
        strict = Webhooks()
        with pytest.raises((Refused, Unreachable)):
            await strict.post(a_delivery(url))
        await strict.close()
        assert heard == []
        relaxed = Webhooks(allow_private=True)
        assert await relaxed.post(a_delivery(url)) == 200
        await relaxed.close()
        assert heard[0].startswith(b"POST /hook HTTP/1.1\r\n")
        assert heard[0].endswith(json.dumps(PAYLOAD).encode())
        assert f"host: {spelling}:".encode() in heard[0].lower()
    finally:
        server.close()
        await server.wait_closed()


async def test_a_name_that_is_unknown_is_unreachable() -> None:
    made = Webhooks()
    with pytest.raises(Unreachable):
        await made.post(a_delivery("http://no-such-host.invalid/"))
    await made.close()
