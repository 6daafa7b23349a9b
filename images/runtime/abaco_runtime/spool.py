"""Handing files to our own server: written whole, in order, then a poke.

`_abaco_dir` names the directory that the server shares with this execution. Without it (any
other Abaco) there is no spool. A resident interpreter takes what its own process hands over
without a file (`taken`); other processes of the execution write files there too.
"""

from __future__ import annotations

# `socket` itself costs 4 ms of a start that takes 20; all that is needed here is in its C half.
import _socket
import os

POKE = "poke.sock"
RESULT, STATE, EXCEPTION = "r", "s", "x"

sink = None
"""Of a resident interpreter: takes `(kind, body)`, and says whether it did."""


def taken(kind: str, body: bytes) -> bool:
    return sink is not None and sink(kind, body)


def directory() -> str | None:
    return os.environ.get("_abaco_dir") or None


def put_next(suffix: str, body: bytes) -> None:
    """Write `out/<n><suffix>`; n counts up over all processes of this execution."""
    put(f"{_next_number():06d}{suffix}", body)


def put(name: str, body: bytes) -> None:
    """Write `out/<name>` so that a reader sees all of it or nothing, and tell the server."""
    place(os.path.join(_out(), name), body)


def place(path: str, body: bytes) -> None:
    unfinished = f"{path}.{os.getpid()}.part"
    with open(unfinished, "wb") as file:
        # The server may be another user than this process, whatever our umask says.
        os.fchmod(file.fileno(), 0o644)
        file.write(body)
    os.replace(unfinished, path)
    _poke()


def _out() -> str:
    return os.path.join(directory() or "", "out")


def _next_number() -> int:
    """Numbers are never used twice, although the server deletes what it has read."""
    import fcntl

    counter = os.open(os.path.join(_out(), ".count"), os.O_RDWR | os.O_CREAT, 0o666)
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
