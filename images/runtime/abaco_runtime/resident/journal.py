"""What happened, in a file that the server reads.

A frame is: a magic of 8 bytes, the sizes of head and body (u32 each), the head (JSON), the body, a
line feed. One write each, so frames of several processes do not mix; one that was cut off by a
KILL is known by what is missing, and the next magic begins the next frame.

    k  the kind: `b` a group has come, `e` an execution has ended, `r` a result, `s` a new state,
       `x` an uncaught exception, `w` some will not be run (ix: their indexes; n: the request that
       asked for it)       g  number of the group      i  index of the execution in it
    f  the body is in this file of out/, and not here
"""

from __future__ import annotations

import os
import socket
import struct

from abaco_runtime.resident.share import Share
from abaco_runtime.spool import INLINE, Written

_SIZES = struct.Struct("<II")
_RING, _NOTHING = b"!", (BlockingIOError, InterruptedError)


class Journal:
    def __init__(self, file: int, log: int, magic: bytes, out: str, share: Share) -> None:
        self.log = log
        self.bell: socket.socket | None = None
        self._file = file
        self._magic = magic
        self.out = out
        self._share = share
        self._count = 0

    def log_size(self) -> int:
        return os.fstat(self.log).st_size

    def write(self, head: str, body: bytes = b"") -> None:
        text = head.encode()
        frame = b"".join((self._magic, _SIZES.pack(len(text), len(body)), text, body, b"\n"))
        if os.write(self._file, frame) != len(frame):
            raise OSError("the journal cannot be written: no room is left on the device")

    def group(self, group: int, at: float, memory: int) -> None:
        """`memory` of what stays, in bytes."""
        self.write(f'{{"k":"b","g":{group},"at":{at!r},"log":{self.log_size()},"mem":{memory}}}')

    def part(self, kind: str, group: int, index: int, body: bytes) -> None:
        """A result, a state or an exception."""
        if len(body) <= INLINE:
            self.write(f'{{"k":"{kind}","g":{group},"i":{index}}}', body)
            return
        self._count += 1
        name = f"part-{os.getpid()}-{self._count}"
        with open(os.path.join(self.out, name), "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(body)
        self._placed(kind, group, index, name)

    def move_in(self, kind: str, group: int, index: int, path: str) -> None:
        """As `part`, of what stands in a file."""
        name = f"moved-{os.getpid()}-{self._count}"
        self._count += 1
        os.replace(path, os.path.join(self.out, name))
        self._placed(kind, group, index, name)

    def _placed(self, kind: str, group: int, index: int, name: str) -> None:
        self.write(f'{{"k":"{kind}","g":{group},"i":{index},"f":"{name}"}}')

    def withdrawn(self, group: int, request: int, indexes: list) -> None:
        self.write(f'{{"k":"w","g":{group},"n":{request},"ix":{indexes}}}')
        self.ring()

    def end(
        self,
        group: int,
        index: int,
        code: int,
        span: tuple[float, float],
        usage: tuple[int, int],
        log: tuple[int, int],
        *,
        oom: bool = False,
        answer: Written | None = None,
    ) -> None:
        """`usage` is processor time in nanoseconds and the highest memory in bytes. `answer`: its
        last result, in `out` if it is large."""
        if answer is not None and answer.path is not None:
            self._placed("r", group, index, os.path.basename(answer.path))
            answer = None
        flags = self._share.flags(index)
        head = (
            f'{{"k":"e","g":{group},"i":{index},"c":{code},"t0":{span[0]!r},"t1":{span[1]!r},'
            f'"cpu":{usage[0]},"mem":{usage[1]},"l0":{log[0]},"l1":{log[1]},"fl":{flags},'
            f'"oom":{int(oom)},"a":{int(answer is not None)}}}'
        )
        self.write(head, b"" if answer is None else answer.body)
        self.ring()

    def ring(self) -> None:
        """Wake the server, once until it says that it has looked."""
        if self.bell is None:
            return
        try:
            if self._share.rung:
                try:
                    self.bell.recv(64)
                except _NOTHING:
                    return
            self._share.rung = True
            self.bell.send(_RING)
        except _NOTHING:
            pass
        except OSError:
            self.bell = None  # the server is gone; its heir reads the journal
