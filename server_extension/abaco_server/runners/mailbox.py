"""What user code sends out of its directory: results by datagram; results, the actor's new state
and its uncaught exception as files in `out/`.

User code owns `out/` and is not trusted: links are not followed, only plain files are read, and
never more than their limit.
"""

import asyncio
import json
import logging
import os
import re
import secrets
import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from abaco_jupyter.wire.limits import KIB, MAX_DATAGRAM_RESULT, MAX_PAYLOAD, MAX_STATE, MIB
from abaco_server.model.task import ResultBody
from abaco_server.runners.directory import OUT, STATE
from abaco_server.runners.protocol import Watch
from abaco_server.runners.threads import Threads

RESULTS = "results.sock"
POKE = "poke.sock"
EXCEPTION = "exception.json"
MAX_EXCEPTION = 16 * MIB

_TAKEN = "state.taken"
_SMALL = 64 * KIB
_SPOOLED = re.compile(r"\d{6,}\.result")
_log = logging.getLogger(__name__)


class Mailbox:
    """Both sockets of one execution, and its spool. Everything is told by `collect`, in the
    task of whoever calls it: the sockets only ring `wake`, and stay silent until collected."""

    def __init__(self, path: Path, threads: Threads, wake: Callable[[], None]) -> None:
        self._path = path
        self._threads = threads
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._sockets: dict[str, socket.socket] = {}
        self._rung: set[str] = set()
        # Keys of datagrams must differ from those that an earlier life of this service told.
        self._life = secrets.token_hex(6)
        self._count = 0

    def open(self, bound: Mapping[str, socket.socket] | None = None) -> None:
        """`bound` are both sockets, bound ahead; None: bind anew, as those of an earlier life are
        dead files."""
        self._sockets = dict(bind_both(self._path) if bound is None else bound)
        for name in self._sockets:
            self._listen(name)

    def close(self) -> None:
        for bound in self._sockets.values():
            self._loop.remove_reader(bound)
            bound.close()
        self._sockets.clear()

    async def collect(self, watch: Watch, *, last: bool = False) -> None:
        """Tell what has come; `last` looks everywhere, whether it rang or not."""
        rung, self._rung = self._rung, set()
        if last or RESULTS in rung:
            await self._datagrams(watch)
        if last or POKE in rung:
            while self._receive(POKE) is not None:
                pass
            if not _is_empty(self._path / OUT):
                await self._spooled(watch)
                await self._state(watch)
        if not last:
            for name in rung:
                self._listen(name)

    async def exception(self) -> dict[str, Any] | None:
        """What abaco_runtime reported of an uncaught exception."""
        if _is_empty(self._path / OUT):
            return None
        return await self._threads.call(read_exception, self._path / OUT)

    def _listen(self, name: str) -> None:
        self._loop.add_reader(self._sockets[name], self._ring, name)

    def _ring(self, name: str) -> None:
        # Not read here: the kernel's short queue is what slows a sender that is too fast.
        self._loop.remove_reader(self._sockets[name])
        self._rung.add(name)
        self._wake()

    def _receive(self, name: str) -> bytes | None:
        try:
            return self._sockets[name].recv(MAX_DATAGRAM_RESULT)
        except BlockingIOError:
            return None

    async def _datagrams(self, watch: Watch) -> None:
        while (body := self._receive(RESULTS)) is not None:
            self._count += 1
            await watch.result(f"datagram-{self._life}-{self._count:06d}", body)

    async def _spooled(self, watch: Watch) -> None:
        out = self._path / OUT
        for name in await self._threads.call(spooled, out):
            try:
                with await self._threads.call(open_plain, out, name, MAX_PAYLOAD) as file:
                    await watch.result(name, await self._threads.call(small_or_file, file))
            except Unreadable as error:
                await watch.log(f"abaco: result {name} is dropped: {error}\n".encode())
            await self._threads.call(_discard, out, name)

    async def _state(self, watch: Watch) -> None:
        try:
            state = await self._threads.call(take_state, self._path)
        except Unreadable as error:
            await watch.log(f"abaco: the new state is dropped: {error}\n".encode())
        else:
            if state is not None:
                await watch.state(state)


class Unreadable(Exception):
    """A file in `out/` that is not what our runtime writes."""


def bind_both(directory: Path) -> dict[str, socket.socket]:
    return {name: bind(directory, name) for name in (RESULTS, POKE)}


def bind(directory: Path, name: str, kind: socket.SocketKind = socket.SOCK_DGRAM) -> socket.socket:
    """A non-blocking socket at a path of any length, open to every user."""
    (directory / name).unlink(missing_ok=True)
    descriptor = os.open(directory, os.O_DIRECTORY | os.O_PATH)
    bound = socket.socket(socket.AF_UNIX, kind)
    try:
        # A socket's path has at most 108 bytes; through the descriptor it is always short.
        bound.bind(f"/proc/self/fd/{descriptor}/{name}")
        bound.setblocking(False)
        (directory / name).chmod(0o777)
    except BaseException:
        bound.close()
        raise
    finally:
        os.close(descriptor)
    return bound


def _is_empty(out: Path) -> bool:
    """Looks at one entry at most, so that it needs no thread."""
    try:
        with os.scandir(out) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def spooled(out: Path) -> list[str]:
    """Names of finished result files, oldest first."""
    try:
        return sorted(name for name in os.listdir(out) if _SPOOLED.fullmatch(name))
    except FileNotFoundError:
        return []


def read_plain(out: Path, name: str, limit: int) -> bytes:
    """The bytes of a plain file. Raises Unreadable."""
    with open_plain(out, name, limit) as file:
        body = file.read(limit + 1)
    if len(body) > limit:
        raise _too_large(limit)
    return body


def small_or_file(file: BinaryIO) -> ResultBody:
    """What is small is read; the rest nobody ever has in memory whole."""
    size = os.fstat(file.fileno()).st_size
    # Not until its end: user code may still write to it.
    return file.read(size) if size <= _SMALL else file


def open_plain(out: Path, name: str, limit: int) -> BinaryIO:
    """A plain file. Raises Unreadable."""
    try:
        # NONBLOCK: opening a FIFO must not hang.
        descriptor = os.open(out / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Unreadable(error.strerror) from None
    facts = os.fstat(descriptor)
    is_plain = stat.S_ISREG(facts.st_mode)
    if not is_plain or facts.st_size > limit:
        os.close(descriptor)
        raise _too_large(limit) if is_plain else Unreadable("it is not a plain file")
    return os.fdopen(descriptor, "rb")


def _too_large(limit: int) -> Unreadable:
    return Unreadable(f"it has more than the limit of {limit} bytes")


def take_state(path: Path) -> Any:
    """The state that user code has placed since the last look, else None. Raises Unreadable.

    It is moved out of reach first: what is placed while it is read is the next state.
    """
    try:
        os.rename(path / OUT / STATE, path / _TAKEN)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unreadable(error.strerror) from None
    try:
        return json.loads(read_plain(path, _TAKEN, MAX_STATE))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is not JSON ({error})") from None


def read_exception(out: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(read_plain(out, EXCEPTION, MAX_EXCEPTION))
    except (Unreadable, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _discard(out: Path, name: str) -> None:
    try:
        os.unlink(out / name)
    except FileNotFoundError:
        pass
    except OSError:
        # A directory of that name, say. It is never listed as a result again only because the
        # run ends; until then it costs one line in the log for each poke.
        _log.warning("cannot remove %s of an execution's results", name, exc_info=True)
