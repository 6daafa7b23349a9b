"""The end of a command's log, as the starter marks it on stdout and on stderr."""

import re
from dataclasses import dataclass

_RS = b"\x1e"
_KIB = 1024
STREAMS = 2
_LONGEST = 160
"""Bytes of a mark: the starter's own buffer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What the starter saw of its command."""

    exit_code: int
    cpu: int
    """Nanoseconds."""
    peak_memory: int
    """Bytes, of the largest of its processes."""


class Before:
    """Drops what earlier executions wrote into the same log: all to the last mark of the one
    before. Its two streams are merged, as an engine's log file is."""

    def __init__(self, secret: str, marks: int = STREAMS) -> None:
        """`marks` of this secret are to come."""
        self.left = marks
        self._mark = re.compile(re.escape(_RS + secret.encode() + b" ") + rb"[\d ]{5,36}\x1e\n")
        self._held = b""

    def drop(self, chunk: bytes) -> bytes:
        """What of the log is not of an earlier execution."""
        data, here = self._held + chunk, 0
        while self.left and (found := self._mark.search(data, here)):
            self.left -= 1
            here = found.end()
        self._held = data[max(here, len(data) - _LONGEST) :] if self.left else b""
        return b"" if self.left else data[here:]


class Mark:
    """Takes the marks out of a log as it comes. `secret` keeps user code from writing one by
    accident: its processes may know it, and would only cut their own log short."""

    def __init__(self, secret: str, before: Before | None = None) -> None:
        self.secret = secret
        self._before = before
        self.end: End | None = None
        self._begin = _RS + secret.encode() + b" "
        self._whole = re.compile(re.escape(self._begin) + rb"(\d{1,3}) (\d{1,15}) (\d{1,15})\x1e\n")
        self._held: dict[int, bytes] = {}
        self._seen = 0

    @property
    def complete(self) -> bool:
        """Both streams have ended."""
        return self._seen >= STREAMS

    def strip(self, stream: int, chunk: bytes) -> bytes:
        """What of the log is certain now; the beginning of a mark is held until it is whole."""
        if self._before is not None and self._before.left:
            chunk = self._before.drop(chunk)
        data = self._held.pop(stream, b"") + chunk
        certain, here = [], 0
        while (at := data.find(self._begin, here)) >= 0:
            certain.append(data[here:at])
            if found := self._whole.match(data, at):
                self._note(found)
                here = found.end()
            elif len(data) - at < _LONGEST:
                self._held[stream] = data[at:]
                return b"".join(certain)
            else:
                # User code that knows the secret: the starter writes nothing like it.
                certain.append(data[at : at + 1])
                here = at + 1
        stop = len(data) - self._overlap(data[here:])
        if stop < len(data):
            self._held[stream] = data[stop:]
        return b"".join([*certain, data[here:stop]])

    def rest(self) -> bytes:
        """What is held when the streams end without a mark: it was none."""
        held = b"".join(self._held.values())
        self._held.clear()
        return held

    def _overlap(self, data: bytes) -> int:
        """How many bytes at the end of `data` may begin a mark."""
        for size in range(min(len(self._begin) - 1, len(data)), 0, -1):
            if self._begin.startswith(data[-size:]):
                return size
        return 0

    def _note(self, found: re.Match[bytes]) -> None:
        self._seen += 1
        exit_code, microseconds, kilobytes = (int(number) for number in found.groups())
        self.end = End(exit_code=exit_code, cpu=microseconds * 1000, peak_memory=kilobytes * _KIB)
