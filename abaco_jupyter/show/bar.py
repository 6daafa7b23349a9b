"""How far many calls are: one line that grows, and only when it takes longer than two seconds."""

import html
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

from abaco_jupyter.show.surroundings import in_notebook, is_plain

PATIENCE = 2.0
"""Seconds without a bar."""
_INTERVAL = 0.1


def counted(
    results: Iterator[Any],
    total: int,
    title: str,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Any]:
    """`results`, one by one. In a notebook a bar shows in the cell that asks for the first."""
    bar = Bar(title, total, clock) if in_notebook() and not is_plain() else None
    done = 0
    try:
        for result in results:
            done += 1
            if bar is not None:
                bar.at(done)
            yield result
    finally:
        if bar is not None:
            bar.close(done)


class Bar:
    """One display with an id, at most ten updates a second."""

    def __init__(self, title: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._title = title
        self._total = total
        self._clock = clock
        self._began = clock()
        self._id = uuid4().hex
        self._shown: float | None = None

    def at(self, done: int) -> None:
        now = self._clock()
        due = self._began + PATIENCE if self._shown is None else self._shown + _INTERVAL
        if now >= due and done < self._total:
            self._draw(done, now)

    def close(self, done: int) -> None:
        if self._shown is not None:
            self._draw(done, self._clock())

    def _draw(self, done: int, now: float) -> None:
        from IPython.display import publish_display_data

        took = now - self._began
        told = f"{self._title} · {done:,} of {self._total:,} · {took:.0f} s"
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
