"""Handing files to our own server: written whole, in order, then a poke.

`_abaco_dir` names the directory that the server shares with this execution. Without it (any
other Abaco) there is no spool. A resident interpreter takes what its own process hands over
without a file (`taken`); other processes of the execution write files there too.
"""

from __future__ import annotations

# `socket` itself costs 4 ms of a start that takes 20; all that is needed here is in its C half.
import _socket
import itertools
import os

POKE = "poke.sock"
RESULT, STATE, EXCEPTION = "r", "s", "x"
MAX_PAYLOAD = 1 << 30
"""Bytes of a result that is handed over as a file."""
INLINE = 65_536
"""Bytes up to which what is written piece by piece stays in memory."""

sink = None
"""Of a resident interpreter: takes `(kind, body)`, and says whether it did."""


def taken(kind: str, body: bytes) -> bool:
    return sink is not None and sink(kind, body)


class ResultTooLong(ValueError):
    """A result over the limit of the way it has to go."""


class Written:
    """What is written piece by piece, as a pickler does: a file from `INLINE` bytes on, so that
    a large result is in memory once, as the object."""

    def __init__(self, folder: str) -> None:
        self.size = 0
        self.path: str | None = None
        """None: it is small."""
        self._folder = folder
        self._parts: list[bytes] = []
        self._file = None

    def write(self, part: bytes | memoryview) -> int:
        part = memoryview(part).cast("B")
        self.size += part.nbytes
        if self.size > MAX_PAYLOAD:
            raise ResultTooLong(f"it has more than {MAX_PAYLOAD} bytes, the limit of a result")
        if self._file is None and self.size > INLINE:
            self._begin()
        if self._file is None:
            self._parts.append(bytes(part))
        else:
            self._file.write(part)
        return part.nbytes

    @property
    def body(self) -> bytes:
        """Of one that is small."""
        return b"".join(self._parts)

    def close(self) -> None:
        """It is whole."""
        if self._file is not None:
            self._file.close()
            unfinished, self.path = self.path, self.path.removesuffix(_PART)
            os.replace(unfinished, self.path)

    def discard(self) -> None:
        if self._file is not None:
            self._file.close()
            os.unlink(self.path)

    def _begin(self) -> None:
        name = f"{_begin_of_names(os.getpid())}{next(_written)}{_PART}"
        self.path = os.path.join(self._folder, name)
        self._file = open(self.path, "wb")  # noqa: SIM115  `close` and `discard` do
        # The server may be another user than this process, whatever our umask says.
        os.fchmod(self._file.fileno(), 0o644)
        self._file.writelines(self._parts)
        self._parts = []


_written = itertools.count(1)
_PART = ".part"


def _begin_of_names(pid: int) -> str:
    return f"written-{pid}-"


def remove_unfinished(folder: str, pid: int) -> None:
    """What a process was writing when it was killed."""
    for name in os.listdir(folder):
        if name.startswith(_begin_of_names(pid)) and name.endswith(_PART):
            os.unlink(os.path.join(folder, name))


def directory() -> str | None:
    return os.environ.get("_abaco_dir") or None


def put_next(suffix: str, body: bytes) -> None:
    """Write `out/<n><suffix>`; n counts up over all processes of this execution."""
    put(f"{_next_number():06d}{suffix}", body)


def put_written(suffix: str, written: Written) -> None:
    """As `put_next`, of what stands in `out/` already."""
    os.replace(written.path, os.path.join(out(), f"{_next_number():06d}{suffix}"))
    _poke()


def put(name: str, body: bytes) -> None:
    """Write `out/<name>` so that a reader sees all of it or nothing, and tell the server."""
    place(os.path.join(out(), name), body)


def place(path: str, body: bytes) -> None:
    unfinished = f"{path}.{os.getpid()}.part"
    with open(unfinished, "wb") as file:
        # The server may be another user than this process, whatever our umask says.
        os.fchmod(file.fileno(), 0o644)
        file.write(body)
    os.replace(unfinished, path)
    _poke()


def out() -> str:
    return os.path.join(directory() or "", "out")


def _next_number() -> int:
    """Numbers are never used twice, although the server deletes what it has read."""
    import fcntl

    counter = os.open(os.path.join(out(), ".count"), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(counter, fcntl.LOCK_EX)
        number = int(os.read(counter, 20) or b"0") + 1
        os.pwrite(counter, b"%d" % number, 0)
    finally:
        os.close(counter)
    return number


def _poke() -> None:
    """Wake the reader. It also looks when we exit, so a lost poke delays and loses nothing."""
    try:
        shared = os.open(directory() or "", os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return
    poke = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM)
    try:
        poke.setblocking(False)
        # A socket's path is limited to 108 bytes; through the descriptor it is always short.
        poke.sendto(b"", f"/proc/self/fd/{shared}/{POKE}")
    except OSError:
        pass
    finally:
        poke.close()
        os.close(shared)
