"""The log of a build. When it is too long its END is kept: that is where the error stands."""

import re
from collections import deque

from abaco_jupyter.wire.limits import MAX_LOG_CHARACTERS

_LEFT_OUT = "[the first {} characters are left out]\n"
_NOTE = re.compile(r"\[the first (\d+) characters are left out\]\n")


class Tail:
    """Text with character offsets that stay true when its beginning is dropped."""

    def __init__(self, limit: int = MAX_LOG_CHARACTERS) -> None:
        self._limit = limit
        self._parts: deque[str] = deque()
        self.start = 0
        """Offset of the first character that is kept."""
        self.end = 0

    @classmethod
    def read(cls, text: str) -> "Tail":
        """From what `text` gave earlier."""
        note = _NOTE.match(text)
        tail = cls(limit=len(text))
        if note:
            tail.start = tail.end = int(note[1])
            text = text[note.end() :]
        tail.append(text)
        return tail

    def append(self, text: str) -> None:
        self._parts.append(text)
        self.end += len(text)
        while self.end - self.start > self._limit:
            extra = self.end - self.start - self._limit
            first = self._parts.popleft()
            if len(first) > extra:
                self._parts.appendleft(first[extra:])
            self.start += min(extra, len(first))

    def since(self, offset: int) -> tuple[int, str]:
        """The text from `offset` on and where it really begins; later when that was dropped."""
        begin = min(max(offset, self.start), self.end)
        return begin, self._kept()[begin - self.start :]

    def lines(self, count: int) -> str:
        """The last lines that are not empty."""
        lines = [line for line in self._kept()[-200 * count :].splitlines() if line.strip()]
        return "\n".join(lines[-count:])

    @property
    def text(self) -> str:
        return (_LEFT_OUT.format(self.start) if self.start else "") + self._kept()

    def _kept(self) -> str:
        if len(self._parts) > 1:
            self._parts = deque(["".join(self._parts)])
        return self._parts[0] if self._parts else ""
