"""One POST to a webhook. The only module of the server that imports httpx.

The name is resolved here and the request goes to the address that was checked; certificates are
still compared with the name. Proxies of the environment are not used: they would resolve the
name once more. Redirects are not followed: an answer is an answer.
"""

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from abaco_server.events.addresses import is_public
from abaco_server.model.delivery import Delivery

if TYPE_CHECKING:
    import httpx

DELIVERY = "X-Abaco-Delivery"
"""The same at every attempt: a receiver may drop what it has had."""
EVENT = "X-Abaco-Event"
SIGNATURE = "X-Abaco-Signature"
"""`sha256=` and the HMAC-SHA256 of the body with the secret, in hexadecimal."""

TIMEOUT = timedelta(seconds=10)
"""Of one attempt: resolving, connecting, sending and the answer's head."""

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) -> addresses, best first. Raises OSError."""


class Refused(Exception):
    """This server does not post to such a URL: trying again would not help."""


class Unreachable(Exception):
    """No answer came."""


async def resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Webhooks:
    """The service's one HTTP client, opened with the first webhook."""

    def __init__(
        self,
        *,
        secret: str = "",
        allow_private: bool = False,
        timeout: timedelta = TIMEOUT,
        resolve: Resolve = resolve,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        self._secret = secret.encode()
        self._allow_private = allow_private
        self._timeout = timeout
        self._resolve = resolve
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def post(self, delivery: Delivery) -> int:
        """The answer's status, whatever it is. Raises Refused or Unreachable."""
        import httpx

        body = json.dumps(delivery.payload).encode()
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                return await self._post(_parsed(delivery.url), body, self._headers(delivery, body))
        except TimeoutError:
            seconds = self._timeout.total_seconds()
            raise Unreachable(f"no answer within {seconds:g} seconds") from None
        except (httpx.HTTPError, OSError) as failure:
            raise Unreachable(str(failure) or type(failure).__name__) from failure

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def _post(self, url: "httpx.URL", body: bytes, headers: dict[str, str]) -> int:
        import httpx

        client = self._opened()
        name = _name(url)
        failure: httpx.HTTPError | None = None
        for address in await self._addresses(url):
            # Made without the client, which would add the cookies of other receivers.
            request = httpx.Request(
                "POST",
                url.copy_with(host=address),
                content=body,
                headers=headers | {"Host": url.netloc.decode("ascii")},
                extensions={"sni_hostname": name},
            )
            try:
                # The answer's body is nobody's business: it is not even read.
                response = await client.send(request, stream=True)
            except httpx.ConnectError as unreached:
                failure = unreached
                continue
            client.cookies.clear()
            await response.aclose()
            return response.status_code
        assert failure is not None
        raise failure

    async def _addresses(self, url: "httpx.URL") -> list[str]:
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = await self._resolve(_name(url), port)
        except UnicodeError:
            raise Refused(f"{url.host!r} is no host name") from None
        allowed = [address for address in found if self._allow_private or is_public(address)]
        if not allowed:
            raise Refused(
                f"{url.host} is {', '.join(found)}: a loopback or private address, to which this"
                " server posts only when AbacoApp.allow_private_webhooks is set"
            )
        return allowed

    def _headers(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "abaco-jupyter",
            DELIVERY: delivery.id,
            EVENT: delivery.event_type.value,
        }
        if self._secret:
            headers[SIGNATURE] = f"sha256={signature(self._secret, body)}"
        return headers

    def _opened(self) -> "httpx.AsyncClient":
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(
                trust_env=False,
                timeout=self._timeout.total_seconds(),
                transport=self._transport,
                # Connections are known by address: one that was made for another name at the
                # same address has shown that name's certificate, so none is used twice.
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        return self._client


def signature(secret: bytes, body: bytes) -> str:
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def _parsed(text: str) -> "httpx.URL":
    import httpx

    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as invalid:
        raise Refused(f"not a URL: {invalid}") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise Refused("a webhook is a URL that begins with http:// or https:// and names a host")
    return url


def _name(url: "httpx.URL") -> str:
    """The host as it is resolved and as certificates name it."""
    return url.raw_host.decode("ascii").strip("[]")
