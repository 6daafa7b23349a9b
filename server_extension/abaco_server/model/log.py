"""The log of a running execution, bounded (abaco-api.md, section 8)."""

import codecs

from abaco_jupyter.wire.limits import LOG_TRUNCATED, MAX_LOG_CHARACTERS


class LogBuffer:
    """Bytes in, text out: bytes that are not UTF-8 become U+FFFD, and the end is cut off."""

    def __init__(self, limit: int = MAX_LOG_CHARACTERS) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._parts: list[str] = []
        self._limit = limit
        self.length = 0
        self.truncated = False

    def append(self, chunk: bytes, *, final: bool = False) -> str:
        """The text that this chunk adds, after the limit."""
        added = self._decoder.decode(chunk, final)
        if self.truncated or not added:
            return ""
        room = self._limit - self.length
        if len(added) > room:
            added = added[:room] + LOG_TRUNCATED
            self.truncated = True
        self._parts.append(added)
        self.length += len(added)
        return added

    @property
    def text(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""
