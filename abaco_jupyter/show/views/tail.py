"""The end of a log that grows: bounded here, on the way to the page, and there."""

from typing import Any

KEPT = 400_000
"""Characters that a page gets which is loaded later."""

AT_ONCE = 200_000
"""Characters in one update: of a log that grows faster, pieces are left out and counted."""


class Tail:
    """Loop or thread, but one at a time."""

    def __init__(self) -> None:
        self.length = 0
        """Characters of the whole log so far."""
        self._kept = ""
        self._told = 0

    def add(self, text: str) -> None:
        self.length += len(text)
        self._kept = (self._kept + text)[-KEPT:] if len(text) < KEPT else text[-KEPT:]

    def news(self) -> dict[str, Any] | None:
        """What no page has been told: `text` that begins at character `at` of the log."""
        if self._told == self.length:
            return None
        begins = max(self._told, self.length - min(AT_ONCE, len(self._kept)))
        self._told = self.length
        return {"at": begins, "text": self._kept[begins - self.length :]}

    def all(self) -> dict[str, Any]:
        """For a page that knows nothing yet."""
        return {"at": self.length - len(self._kept), "text": self._kept}

    def end(self, lines: int) -> str:
        return "\n".join(self._kept.rstrip("\n").rsplit("\n", lines)[-lines:])
