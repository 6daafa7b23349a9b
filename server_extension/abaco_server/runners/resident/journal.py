"""Reads what `abaco_runtime.resident.journal` writes.

User code can write to the file too. It can only spoil what is said of its own actor's executions:
sizes are bounded, and what is no frame is skipped up to the next magic.
"""

import os
import struct

import msgspec

MAX_HEAD = 65_536
INLINE = 65_536
_SIZES = struct.Struct("<II")
_MAGIC = 8
_BEGIN = _MAGIC + _SIZES.size
_CHUNK = 1 << 20


class Record(msgspec.Struct, frozen=True):
    """Field names are the journal's own."""

    k: str
    """`b` a group has come, `e` an execution has ended, `r` a result, `s` a state, `x` an
    exception, `w` some will not be run."""
    g: int
    i: int = -1
    f: str | None = None
    """The body is in this file."""
    at: float = 0.0
    log: int = 0
    c: int = 0
    """Exit code."""
    t0: float = 0.0
    t1: float = 0.0
    cpu: int = 0
    """Nanoseconds."""
    mem: int = 0
    """Bytes."""
    l0: int = 0
    l1: int = 0
    fl: int = 0
    """`HALTED`, `TIMED_OUT`."""
    oom: int = 0
    n: int = 0
    """The request to withdraw some; 0: a worker has passed over them."""
    ix: tuple[int, ...] = ()
    a: int = 0
    """The body is its last result."""


HALTED, TIMED_OUT = 1, 2
_decode = msgspec.json.Decoder(Record).decode


class Journal:
    def __init__(self, file: int, magic: bytes, offset: int = 0) -> None:
        self._file = file
        self._magic = magic
        self._held = b""
        self.offset = offset
        """Up to where it has been read."""

    def restart(self) -> None:
        """The file is empty now."""
        self._held = b""
        self.offset = 0

    def read(self) -> list[tuple[Record, bytes]]:
        """What has come since the last time, at most about a megabyte of it."""
        chunk = os.pread(self._file, _CHUNK, self.offset)
        if not chunk:
            return []
        self.offset += len(chunk)
        data = self._held + chunk
        found: list[tuple[Record, bytes]] = []
        at = 0
        while (end := self._one(data, at, found)) is not None:
            at = end
        self._held = data[at:]
        return found

    def _one(self, data: bytes, at: int, found: list[tuple[Record, bytes]]) -> int | None:
        """Where the next frame begins; None: it is not there yet."""
        if len(data) - at < _BEGIN:
            return None
        if data.startswith(self._magic, at):
            head, body = _SIZES.unpack_from(data, at + _MAGIC)
            end: int = at + _BEGIN + head + body + 1
            if head <= MAX_HEAD and body <= INLINE:
                if end <= len(data):
                    record = self._decoded(data, at, head, end)
                    if record is not None:
                        found.append((record, data[at + _BEGIN + head : end - 1]))
                        return end
                elif data.find(self._magic, at + _MAGIC) < 0:
                    return None
        # Cut off by a KILL, or never one of ours.
        following = data.find(self._magic, at + 1)
        rest = following if following >= 0 else len(data) - _MAGIC + 1
        return rest if rest > at else None

    def _decoded(self, data: bytes, at: int, head: int, end: int) -> Record | None:
        if data[end - 1 : end] != b"\n":
            return None
        try:
            return _decode(data[at + _BEGIN : at + _BEGIN + head])
        except msgspec.MsgspecError:
            return None
