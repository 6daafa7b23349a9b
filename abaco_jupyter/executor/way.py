"""How the calls of a line reach the server: by its channel of calls, or by plain HTTP."""

from collections.abc import Sequence
from typing import Protocol

from abaco_jupyter.executor.future import AbacoFuture

PATIENCE = 120.0
"""Seconds without a server after which an executor gives it up."""

PAUSE = 0.5
"""Seconds between two tries to reach it."""


class Way(Protocol):
    def carry(self) -> None:
        """Send what waits until the line is done. In the line's own thread."""

    def take_back(self, left: Sequence[AbacoFuture], *, force: bool) -> None:
        """Drop those that have not begun; with `force`, stop the others. They do not wait here."""

    def look_at(self, ids: list[str]) -> None:
        """Hear how these are, and of their ends."""

    def stop(self) -> None:
        """There is nothing more to hear of."""

    def join(self) -> None:
        """Wait for the threads."""
