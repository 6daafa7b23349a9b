"""The end of a command's log, as the starter marks it on stdout and on stderr."""

from dataclasses import dataclass

_RS = b"\x1e"
_KIB = 1024
STREAMS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What the starter saw of its command."""

    exit_code: int
    cpu: int
    """Nanoseconds."""
    peak_memory: int
    """Bytes, of the largest of its processes."""


class Mark:
    """Takes the marks out of a log as it comes. `secret` keeps user code from writing one by
    accident: its processes may know it, and would only cut their own log short."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.end: End | None = None
        self._begin = _RS + secret.encode() + b" "
        self._held: dict[int, bytes] = {}
        self._seen = 0

    @property
    def complete(self) -> bool:
        """Both streams have ended."""
        return self._seen >= STREAMS

    def strip(self, stream: int, chunk: bytes) -> bytes:
        """What of the log is certain now; the beginning of a mark is held until it is whole."""
        data = self._held.pop(stream, b"") + chunk
        at = data.find(self._begin)
        if at < 0:
            at = len(data) - self._overlap(data)
            self._hold(stream, data[at:])
            return data[:at]
        stop = data.find(_RS, at + len(self._begin))
        if stop < 0:
            self._hold(stream, data[at:])
            return data[:at]
        self._note(data[at + len(self._begin) : stop])
        return data[:at] + self.strip(stream, data[stop + 1 :])

    def rest(self) -> bytes:
        """What is held when the streams end without a mark: it was none."""
        held = b"".join(self._held.values())
        self._held.clear()
        return held

    def _hold(self, stream: int, data: bytes) -> None:
        if data:
            self._held[stream] = data

    def _overlap(self, data: bytes) -> int:
        """How many bytes at the end of `data` may begin a mark."""
        for size in range(min(len(self._begin) - 1, len(data)), 0, -1):
            if self._begin.startswith(data[-size:]):
                return size
        return 0

    def _note(self, facts: bytes) -> None:
        self._seen += 1
        exit_code, microseconds, kilobytes = facts.split()
        self.end = End(
            exit_code=int(exit_code),
            cpu=int(microseconds) * 1000,
            peak_memory=int(kilobytes) * _KIB,
        )
