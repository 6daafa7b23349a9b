"""How far many calls are: one line that grows, and only when it takes longer than two seconds.

It is HTML that is drawn anew, and no widget: while a cell waits its kernel hears no button, and
an interrupt is what stops the calls. `show.views.calls.MapProgress` is for calls in the background.
"""

import html
import threading
import time
from collections.abc import Callable
from uuid import uuid4

from abaco_jupyter.show.surroundings import in_cell

PATIENCE = 2.0
"""Seconds without a bar."""
_INTERVAL = 0.1


def open_bar(title: str, total: int) -> "Bar | None":
    """None where nobody could see it: in a script, in a thread, in text that is compared."""
    return Bar(title, total) if in_cell() else None


class Bar:
    """One display with an id, at most ten updates a second."""

    def __init__(self, title: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._total = total
        self._clock = clock
        self._began = clock()
        self._id = uuid4().hex
        self._shown: float | None = None

    @property
    def due(self) -> bool:
        """Whether `at` would draw it. The first time it is in the cell that runs."""
        if self._shown is not None:
            return self._clock() >= self._shown + _INTERVAL
        in_main = threading.current_thread() is threading.main_thread()
        return in_main and self._clock() >= self._began + PATIENCE

    def at(self, done: int, failed: int = 0) -> None:
        if self.due and done < self._total:
            self._draw(done, failed)

    def close(self, done: int, failed: int = 0) -> None:
        if self._shown is not None:
            self._draw(done, failed)

    def _draw(self, done: int, failed: int) -> None:
        from IPython.display import publish_display_data

        now = self._clock()
        took = now - self._began
        told = f"{self._title} · {done:,} of {self._total:,} · {took:.0f} s"
        if failed:
            told += f" · {failed:,} failed"
        if 0 < done < self._total:
            told += f" · about {took / done * (self._total - done):.0f} s left"
        page = (
            f'<progress value="{done}" max="{self._total}" style="width:20em" '
            f'aria-label="{html.escape(self._title, quote=True)}"></progress> {html.escape(told)}'
        )
        publish_display_data(  # type: ignore[no-untyped-call]
            {"text/plain": told, "text/html": page},
            transient={"display_id": self._id},
            update=self._shown is not None,
        )
        self._shown = now
