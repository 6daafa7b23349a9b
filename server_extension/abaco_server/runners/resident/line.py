"""The two connections of a resident interpreter: control, on which it is told what to do, and the
bell, which says that its journal has more to read."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from abaco_server.runners.mailbox import bind

SOCKET = "agent.sock"
_LOOKED = b"."


class Line:
    """`wake` is called when the bell rings, and when the interpreter is gone."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake
        self.ready = asyncio.Event()
        """Both connections stand, or it is gone."""
        self.gone = False
        self._server: asyncio.Server | None = None
        self._ends: dict[bytes, asyncio.Transport] = {}
        self._rung = False

    async def listen(self, directory: Path) -> None:
        loop = asyncio.get_running_loop()
        bound = bind(directory, SOCKET, socket.SOCK_STREAM)
        self._server = await loop.create_unix_server(lambda: _End(self), sock=bound)

    def send(self, pieces: Iterable[bytes]) -> None:
        control = self._ends.get(b"c")
        if control is not None and not control.is_closing():
            control.writelines(pieces)

    def looked(self) -> None:
        """Before the journal is read: what is written from now on rings again."""
        bell = self._ends.get(b"b")
        if self._rung and bell is not None and not bell.is_closing():
            self._rung = False
            bell.write(_LOOKED)

    def close(self) -> None:
        self.gone = True
        self._stop_listening()
        for end in self._ends.values():
            end.abort()
        self.ready.set()

    # ---- what its ends tell ------------------------------------------------------------------

    def came(self, name: bytes, transport: asyncio.Transport) -> bool:
        """False: user code that found the socket."""
        if name in self._ends or name not in (b"c", b"b"):
            return False
        self._ends[name] = transport
        if len(self._ends) == 2:
            self._stop_listening()
            self.ready.set()
        return True

    def rang(self) -> None:
        self._rung = True
        self.wake()

    def left(self, name: bytes) -> None:
        if name == b"c":
            self.gone = True
            self.ready.set()
            self.wake()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


class _End(asyncio.Protocol):
    """One connection; its first byte says which."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._name = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if not self._name:
            if not self._line.came(data[:1], self._transport):
                self._transport.abort()
                return
            self._name, data = data[:1], data[1:]
        if data and self._name == b"b":
            self._line.rang()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._name:
            self._line.left(self._name)
