"""One container that waits, from its creation to the moment its command runs."""

import asyncio
import os
import signal
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from abaco_server.model.task import Isolation, Place
from abaco_server.runners.docker.follow import Follower
from abaco_server.runners.docker.warm.mark import Mark
from abaco_server.runners.mailbox import bind

SOCKET = "start.sock"
PROGRAM = "starter"
_RUN, _RUNS, _FAILED = b"R", b"S", b"E"
_ANSWER_SECONDS = 30.0
_LAST_SIGNAL = 64


class SpareLost(Exception):
    """It ended, or does not answer, before its command was told to run."""


class NotExecuted(Exception):
    """The command cannot be executed; nothing of it ran."""

    def __init__(self, errno: int) -> None:
        super().__init__(os.strerror(errno))
        self.errno = errno


@dataclass(frozen=True, slots=True, kw_only=True)
class Spare:
    container_id: str
    path: Path
    """Its directory, until `claim` gives it the execution's name."""
    place: Place
    image_id: str
    mark: Mark
    follower: Follower
    control: "Control"
    sockets: Mapping[str, socket.socket]
    """Of the mailbox of whoever runs there."""
    name: str
    """The container's, until it gets its execution's."""
    after: str = ""
    """The secret of the execution before this one; empty: it is the first."""
    uses: int = 0
    """Executions that have ended there."""

    @property
    def lasts(self) -> bool:
        """It may serve more than one execution."""
        return self.place.isolation is not Isolation.CONTAINER

    @property
    def alive(self) -> bool:
        return not self.control.gone and not self.follower.over

    async def start(self, environment: Mapping[str, str]) -> None:
        """The command runs when this returns, or may have run. Raises SpareLost, NotExecuted."""
        texts = [self.mark.secret, *(f"{name}={value}" for name, value in environment.items())]
        body = b"".join(text.encode("utf-8", "replace") + b"\0" for text in texts)
        await self.control.start(body, stay=self.lasts)

    def close(self) -> None:
        self.control.close()
        self.follower.close()
        for bound in self.sockets.values():
            bound.close()


def number_of(name: str) -> int:
    """Of a signal as images name it: `SIGTERM`, `term`, `15`, `SIGRTMIN+3`. Else TERM's."""
    text = name.upper().removeprefix("SIG")
    base, _, more = text.partition("+")
    if text.isdecimal() and 0 < int(text) <= _LAST_SIGNAL:
        return int(text)
    if f"SIG{base}" not in signal.Signals.__members__ or (more and not more.isdecimal()):
        return int(signal.SIGTERM)
    return min(signal.Signals[f"SIG{base}"] + int(more or 0), _LAST_SIGNAL)


class Control(asyncio.Protocol):
    """The starter's connection to us. `lost` is called when it ends while the container waits."""

    def __init__(self, lost: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] = loop.create_future()
        self._received = b""
        self._begun = False
        self._server: asyncio.Server | None = None
        self.gone = False
        self.may_run = False
        """The command was told to run, and nothing has told that it cannot."""
        self._follower: Follower | None = None
        self._hello = asyncio.Event()

    async def listen(self, directory: Path) -> None:
        loop = asyncio.get_running_loop()
        bound = bind(directory, SOCKET, socket.SOCK_STREAM)
        self._server = await loop.create_unix_server(lambda: self, sock=bound)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self._transport is not None:
            transport.abort()  # user code that found the socket
            return
        self._transport = transport
        self._stop_listening()
        self._hello.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        whole = 1 if self._received.startswith(_RUNS) else 5
        if len(self._received) >= whole and not self._answer.done():
            self._answer.set_result(self._received[:whole])

    def connection_lost(self, exc: Exception | None) -> None:
        self.gone = True
        if not self._answer.done():
            self._answer.set_result(b"")
        if not self._begun:
            self._lost()

    def look_at(self, follower: Follower) -> None:
        """The log that tells why it does not say hello."""
        self._follower = follower

    def look(self) -> None:
        """The log goes on, or has ended."""
        if self._follower is not None and self._follower.ended:
            self._hello.set()

    async def connect(self, within: timedelta) -> None:
        """Raises SpareLost when it ends, or takes longer, before it says hello."""
        try:
            async with asyncio.timeout(within.total_seconds()):
                await self._hello.wait()
        except TimeoutError:
            raise SpareLost("it says nothing") from None
        if self._transport is None:
            said = self._follower.take() if self._follower is not None else b""
            raise SpareLost(f"it ended at once: {said.decode('utf-8', 'replace').strip()}")

    def signal(self, number: int) -> bool:
        """For the command that runs, also those it started when `number` is KILL. False: nobody
        is there to pass it on."""
        if self.gone or self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(bytes([number]))
        return True

    def rest(self) -> None:
        """Its command has ended; it waits for the next. Raises SpareLost."""
        if self.gone:
            raise SpareLost("it has ended")
        self._begun = self.may_run = False
        self._answer = asyncio.get_running_loop().create_future()
        self._received = b""

    async def start(self, body: bytes, *, stay: bool) -> None:
        """`stay`: there may be another command after it."""
        if self.gone or self._transport is None:
            raise SpareLost("it ended while it waited")
        self._begun = self.may_run = True
        self._transport.write(_RUN + struct.pack("<I", len(body)) + body)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await self._answer
        except TimeoutError:
            answer = b""  # paused, or a machine that swaps: it may run by now
        except BaseException:
            self._transport.close()
            raise
        if not stay or not answer.startswith(_RUNS):
            self._transport.close()
        if answer.startswith(_FAILED):
            self.may_run = False
            raise NotExecuted(struct.unpack("<I", answer[1:])[0])

    def close(self) -> None:
        self._begun = True
        self._stop_listening()
        if self._transport is not None:
            self._transport.abort()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
