"""HTTP to one server. The only file that imports httpx.

Answers are unwrapped from Abaco's envelope; errors become the classes of `wire.errors`, by the
header that the server sends beside its envelope.
"""

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import httpx

from abaco_jupyter.client.errors import ServerUnreachable, UnexpectedAnswer
from abaco_jupyter.wire import errors

_PATIENCE = timedelta(seconds=60)
_LONGEST_PAUSE = 5.0
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)
_STREAM_TIMEOUT = httpx.Timeout(45.0, connect=10.0)  # the server sends a heartbeat each 15 s
_PIECE = 2**20
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LETS_IN = {
    "Not authorized -- you do not have access to this actor.": " Its owner can let you, by "
    "`%abaco share ACTOR USER LEVEL`: READ to look at it, EXECUTE to send it messages, UPDATE to "
    "change, share and delete it.",
}
"""What helps, after Abaco's own words for a refusal."""

Carrier = httpx.BaseTransport
"""What carries requests: the network, or `httpx.MockTransport` in a test."""


class Transport:
    """One server's address, token and connections.

    Parameters
    ----------
    url : str
        The server's base URL, without `/actors/v2`.
    token : str
        Sent as `Authorization: Bearer`.
    uds : str, optional
        Path of the Unix socket that the server listens on.
    query : mapping, optional
        Query parameters of every request, such as a nonce.
    http : httpx.BaseTransport, optional
        What carries requests instead of the network: the seam for tests.
    patience : timedelta
        How long to wait, in all, for a server that answers 503 with `Retry-After`.
    sleep : callable
        Waits some seconds. A kernel interrupt ends the wait.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        uds: str | None = None,
        query: Mapping[str, str] | None = None,
        http: Carrier | None = None,
        patience: timedelta = _PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self._token, self._uds, self._query = token, uds, query
        self._network = http is None
        self._patience = patience.total_seconds()
        self._sleep = sleep
        if http is None and uds is not None:
            http = httpx.HTTPTransport(uds=uds)
        parts = urlsplit(self.url)
        self._local = local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {token}"} if token else {},
            params=query,
            transport=http,
            timeout=_TIMEOUT,
            # A proxy from the environment cannot reach this machine's own loopback address.
            trust_env=not local,
            # There is no TLS to verify there, and to load the certificates takes 0.1 s.
            verify=not local,
        )

    def close(self) -> None:
        self._client.close()

    def websocket(self, path: str) -> "WebSocketAddress | None":
        """Where to connect for frames; None when that cannot be: under a nonce, or in a test."""
        if not self._network or self._query:
            return None
        return WebSocketAddress(
            url="ws" + self.url.removeprefix("http") + path,
            headers=[f"Authorization: Bearer {self._token}"] if self._token else [],
            uds=self._uds,
            local=self._local,
        )

    def download(self, path: str, into: BinaryIO) -> int:
        """Write the raw body of an answer to a file, piece by piece; its bytes."""
        size = 0
        with _unreachable(self.url), self._client.stream("GET", self.url + path) as response:
            if not response.is_success:
                response.read()
                raise _error(response)
            for chunk in response.iter_bytes():
                into.write(chunk)
                size += len(chunk)
        return size

    def upload(self, path: str, body: bytes) -> Any:
        """PUT a body, piece by piece: whole, the connection would copy what is left of it each
        time that it has sent some. The `result` of the answer's envelope."""
        headers = {"Content-Length": str(len(body)), "Content-Type": "application/octet-stream"}
        return self.call("PUT", path, content=_Pieces(body), headers=headers)

    def call(self, method: str, path: str, **request: Any) -> Any:
        """The `result` of the answer's envelope.

        `request` takes `json`, `content`, `headers`, `params` and `timeout` as httpx does.
        """
        return self.envelope(method, path, **request)["result"]

    def envelope(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """All of the answer: `message`, `result`, `status` and `version`."""
        response = self._send(method, path, **request)
        try:
            whole: dict[str, Any] = response.json()
            _ = whole["result"]
        except (ValueError, KeyError, TypeError):
            raise _unexpected(response) from None
        return whole

    def fetch(self, path: str, method: str = "GET", **request: Any) -> bytes:
        """The raw body of an answer that has no envelope."""
        return self._send(method, path, **request).content

    def has(self, path: str) -> bool:
        """Whether a GET of `path` succeeds, whatever it answers."""
        with _unreachable(self.url):
            return self._client.get(self.url + path).is_success

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator["Lines"]:
        """An open answer, line by line; the connection ends with the block."""
        request = self._client.build_request(
            "GET", self.url + path, headers=dict(headers), timeout=_STREAM_TIMEOUT
        )
        with _unreachable(self.url):
            response = self._client.send(request, stream=True)
            try:
                if not response.is_success:
                    response.read()
                    raise _error(response)
                yield Lines(response)
            finally:
                response.close()

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        waited = 0.0
        while True:
            with _unreachable(self.url):
                response = self._client.request(method, self.url + path, **request)
            if response.is_success:
                return response
            pause = _pause(response)
            if pause is None or waited + pause > self._patience:
                raise _error(response)
            waited += pause
            self._sleep(pause)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketAddress:
    """What `channel` connects to."""

    url: str
    headers: list[str] = field(repr=False)
    uds: str | None
    local: bool
    """On this machine: no proxy reaches it."""

    def socket(self) -> socket.socket | None:
        """The connected Unix socket, if it is one."""
        if self.uds is None:
            return None
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(self.uds)
        except BaseException:
            connection.close()
            raise
        return connection


class _Pieces:
    """A body to be sent, as often as need be."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._body), _PIECE):
            yield bytes(self._body[start : start + _PIECE])


class Lines:
    """The lines of an open answer. Ends when the answer ends or after `abort`."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[str]:
        # Not `iter_lines`: that also splits at U+2028 and its like, which JSON text may contain.
        rest = b""
        for chunk in self._response.iter_bytes():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                yield line.removesuffix(b"\r").decode("utf-8", "replace")

    def abort(self) -> None:
        """End it from another thread, which closing alone does not do for a blocked read."""
        network = self._response.extensions.get("network_stream")
        connection = network.get_extra_info("socket") if network is not None else None
        if connection is None:
            return
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it had ended already


@contextmanager
def _unreachable(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        why = str(error) or type(error).__name__
        timed_out = isinstance(error, httpx.ReadTimeout)
        sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        raise ServerUnreachable(url, why, timed_out=timed_out, sent=sent) from error
    except httpx.InvalidURL as error:
        raise ServerUnreachable(url, f"not a URL: {error}") from error


def _pause(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait before the same request; None: it does not."""
    wish = response.headers.get("Retry-After")
    if response.status_code != 503 or wish is None:
        return None
    try:
        return min(max(float(wish), 0.1), _LONGEST_PAUSE)
    except ValueError:
        return 1.0  # a date: ours never sends one


def _error(response: httpx.Response) -> errors.AbacoError:
    code = response.headers.get(errors.HEADER)
    try:
        message = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = ""
    if message and code:
        return errors.from_code(code, message + _LETS_IN.get(message, ""))
    if response.status_code in (502, 503, 504):
        # A proxy in front, such as JupyterHub's, while the server restarts.
        url = str(response.request.url.copy_with(query=None))
        return ServerUnreachable(url, f"HTTP {response.status_code} from a proxy")
    if response.status_code in (301, 302, 401, 403):
        return errors.NotAuthorized(
            f"{response.request.url.copy_with(query=None)} refused the token "
            f"(HTTP {response.status_code}{': ' + message if message else ''})."
        )
    if response.status_code == 413:
        return errors.MessageTooLarge(
            f"The request has {len(response.request.content):,} bytes, more than the server at "
            f"{response.request.url.host} accepts (HTTP 413{': ' + message if message else ''}). "
            "Send less, or raise the server's limit."
        )
    return _unexpected(response, message)


def _unexpected(response: httpx.Response, message: str = "") -> UnexpectedAnswer:
    url = response.request.url.copy_with(query=None)
    text = f"{url} answered HTTP {response.status_code} and not as an Abaco server does"
    return UnexpectedAnswer(
        f"{text}: {message}" if message else f"{text}.", status_code=response.status_code
    )
