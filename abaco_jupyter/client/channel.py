"""A WebSocket to one server, for frames of `wire.frames`. The only file that imports websocket.

websocket-client is what jupyter_server itself depends on, so every Jupyter environment has it.
"""

import json
import struct
import time
from contextlib import suppress
from typing import Any

import websocket

from abaco_jupyter.client.errors import ServerUnreachable
from abaco_jupyter.client.transport import Transport
from abaco_jupyter.wire import frames
from abaco_jupyter.wire.errors import HEADER as ERROR_CODE
from abaco_jupyter.wire.errors import AbacoError, EndpointNotFound, NotReady, from_code

_CONNECT = 10.0
_SILENCE = 75.0
"""Seconds without a sound, not even a ping of the server's, after which a connection is dead."""


class NoChannel(Exception):
    """This server has none, or something in between lets no WebSocket through."""


class Closed(Exception):
    """The server ended the connection, and said why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the server closed the channel ({code}: {reason or 'no reason given'})")
        self.code = code


class Lost(Exception):
    """The connection dropped."""


class Channel:
    """One connection at a time; `connect` makes the next one. Send and receive in any threads."""

    def __init__(self, transport: Transport, path: str) -> None:
        self._transport = transport
        self._path = path
        self._socket: Any = None
        self._heard = 0.0

    def connect(self) -> None:
        """Raises NoChannel, ServerUnreachable, or the server's refusal as an AbacoError."""
        self.close()
        where = self._transport.websocket(self._path)
        if where is None:
            raise NoChannel("this connection carries HTTP only")
        try:
            self._socket = websocket.create_connection(
                where.url,
                timeout=_CONNECT,
                header=where.headers,
                suppress_origin=True,
                skip_utf8_validation=True,
                http_no_proxy=["*"] if where.local else None,
                redirect_limit=0,
                socket=where.socket(),
            )
        except websocket.WebSocketBadStatusException as error:
            raise _refusal(error, self._transport.url) from error
        except (websocket.WebSocketException, OSError, ValueError) as error:
            raise ServerUnreachable(self._transport.url, str(error), sent=False) from error
        self._heard = time.monotonic()

    def send(self, frame: bytes) -> None:
        """Raises Lost."""
        try:
            self._socket.send_binary(frame)
        except (websocket.WebSocketException, OSError, AttributeError) as error:
            raise Lost(str(error) or type(error).__name__) from error

    def receive(self, timeout: float) -> frames.FromServer | None:
        """The next frame; None: nothing came for so many seconds. Raises Closed, Lost."""
        while True:
            try:
                self._socket.settimeout(timeout)
                opcode, data = self._socket.recv_data(control_frame=True)
            except websocket.WebSocketTimeoutException:
                if time.monotonic() - self._heard > _SILENCE:
                    raise Lost(f"the server has been silent for {_SILENCE:.0f} s") from None
                return None
            except (websocket.WebSocketException, OSError, AttributeError) as error:
                raise Lost(str(error) or type(error).__name__) from error
            self._heard = time.monotonic()
            if opcode == websocket.ABNF.OPCODE_BINARY:
                return frames.from_server(data)
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                raise _closed(data)

    def goodbye(self) -> None:
        """What was sent goes on. A `receive` in another thread ends when the server heard it."""
        with suppress(websocket.WebSocketException, OSError, AttributeError):  # it ended already
            self._socket.send_close(websocket.STATUS_NORMAL)

    def drop(self) -> None:
        """End the connection without a word. A `receive` in another thread ends."""
        if self._socket is not None:
            self._socket.abort()

    def close(self) -> None:
        """As `drop`, for the thread that receives: the socket itself goes as well."""
        if self._socket is not None:
            self._socket.abort()
            self._socket.shutdown()


def _closed(data: bytes) -> Exception:
    if len(data) < 2:
        return Lost("the connection was closed without a reason")
    (code,) = struct.unpack("!H", data[:2])
    return Closed(code, data[2:].decode("utf-8", "replace"))


def _refusal(error: "websocket.WebSocketBadStatusException", url: str) -> Exception:
    """What the answer to the handshake means."""
    headers = {name.lower(): value for name, value in (error.resp_headers or {}).items()}
    code = headers.get(ERROR_CODE.lower())
    if code in (EndpointNotFound.code, None) and error.status_code not in (502, 503, 504):
        return NoChannel(f"the answer to the handshake is HTTP {error.status_code}")
    if code is None or code == NotReady.code:
        return ServerUnreachable(url, f"HTTP {error.status_code}", sent=False)
    return _told(code, error)


def _told(code: str, error: "websocket.WebSocketBadStatusException") -> AbacoError:
    try:
        message = str(json.loads(error.resp_body or b"")["message"])
    except (ValueError, KeyError, TypeError):
        message = f"The server refused the channel of calls (HTTP {error.status_code})."
    return from_code(code, message)
