"""A group of executions, as the server sends it and as it is handed to a worker.

frame:  the sizes of head and bodies (u32, u64), the head (JSON), the bodies
head:   do       "run"
        g        number of the group
        env      variables of all its executions
        grace    seconds between TERM and KILL
        state    whether the actor keeps a state
        members  of each execution its own env, and timeout in seconds or null; kind and size
                 of its message (`text` or `bytes`: in the bodies; `file`: in the shared
                 directory, as `name`)
or      {"do": "halt", "g": group, "i": index, "grace": seconds}
or      {"do": "withdraw", "g": group, "n": request, "ix": indexes}
"""

from __future__ import annotations

import json
import socket
import struct

_HEAD = struct.Struct("<IQ")
_START = struct.Struct("<I")
_CHUNK = 1 << 20


class Job:
    def __init__(self, frame: bytes, start: int = 0) -> None:
        self.frame = frame
        self.start = start
        """The index of the first execution that is still to run."""
        size, _ = _HEAD.unpack_from(frame)
        self.head = json.loads(frame[_HEAD.size : _HEAD.size + size])
        self.number = self.head.get("g", 0)
        self._bodies = _HEAD.size + size

    @property
    def members(self) -> list:
        return self.head["members"]

    def bodies(self) -> list[bytes]:
        found, at = [], self._bodies
        for member in self.members:
            found.append(self.frame[at : at + member["size"]])
            at += member["size"]
        return found


def receive(connection: socket.socket) -> bytes | None:
    """One frame; None when the other side is gone."""
    begin = _exactly(connection, _HEAD.size)
    if begin is None:
        return None
    head, bodies = _HEAD.unpack(begin)
    rest = _exactly(connection, head + bodies)
    return None if rest is None else begin + rest


def hand_over(connection: socket.socket, job: Job, start: int) -> None:
    connection.sendall(_START.pack(start) + job.frame)


def take_over(connection: socket.socket) -> Job | None:
    begin = _exactly(connection, _START.size)
    frame = None if begin is None else receive(connection)
    return None if frame is None else Job(frame, _START.unpack(begin)[0])


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    parts = []
    while size:
        part = connection.recv(min(size, _CHUNK))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
