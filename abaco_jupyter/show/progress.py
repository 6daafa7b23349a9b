"""A log that grows in the cell it belongs to.

In a kernel a view is one display with an id: whatever updates it, from wherever, lands in the
cell that opened it. Updates come at most ten times a second, because the server drops a kernel's
messages beyond a thousand.
"""

import html
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, TextIO
from uuid import uuid4

from abaco_jupyter.show import ansi
from abaco_jupyter.show.surroundings import in_notebook, is_plain

_INTERVAL = 0.1
_REFRESH = 1.0
_MAX_CHARACTERS = 60_000

_BOX = (
    "border-left:3px solid var({colour});padding:2px 0 2px 10px;"
    "font-family:var(--jp-code-font-family);font-size:var(--jp-code-font-size);"
    "color:var(--jp-content-font-color1)"
)
_SCROLL = "display:flex;flex-direction:column-reverse;max-height:24em;overflow:auto"
_PRE = "margin:4px 0 0;padding:0;background:none;color:inherit;white-space:pre-wrap"
_FAINT = "color:var(--jp-content-font-color2)"


class View(Protocol):
    """A listener (`client.follow`) that a person looks at."""

    def log(self, text: str) -> None: ...
    def changed(self, record: dict[str, Any]) -> None: ...
    def lost(self, reason: str) -> None: ...
    def tick(self) -> float | None: ...
    def close(self, state: str, *, failed: bool = False, fold: bool = False) -> None:
        """Say how it ended. `fold`: the log is of no interest now, but can be opened."""
        ...


def open_view(title: str, state: str = "waiting") -> View:
    """A view for the surroundings: HTML in a kernel, text as it comes anywhere else."""
    if in_notebook() and not is_plain():
        return CellView(title, state)
    return TextView(title)


class TextView:
    """Text as it comes, for terminals and for tests that compare output."""

    def __init__(self, title: str, out: TextIO | None = None) -> None:
        self._title = title
        self._out = out or sys.stdout
        self._at_line_start = True

    def log(self, text: str) -> None:
        self._out.write(text if self._out.isatty() else ansi.to_text(text))
        self._out.flush()
        self._at_line_start = text.endswith("\n")

    def changed(self, record: dict[str, Any]) -> None:
        pass

    def lost(self, reason: str) -> None:
        if not is_plain():
            self._line(f"[{self._title}: the connection is lost, trying again]")

    def tick(self) -> float | None:
        return None

    def close(self, state: str, *, failed: bool = False, fold: bool = False) -> None:
        if failed and not is_plain():
            self._line(f"[{self._title}: {state}]")
        elif not self._at_line_start:
            self._out.write("\n")
            self._at_line_start = True

    def _line(self, text: str) -> None:
        self._out.write(("" if self._at_line_start else "\n") + text + "\n")
        self._out.flush()
        self._at_line_start = True


class CellView:
    """One display in a cell: a heading with status and seconds, and the end of the log."""

    def __init__(
        self, title: str, state: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._title = title
        self._state = state
        self._clock = clock
        self._began = clock()
        self._log = ""
        self._cut = False
        self._note = ""
        self._colour = "--jp-brand-color1"
        self._ended = self._folded = False
        self._id = uuid4().hex
        self._shown: float | None = None
        self._dirty = True
        self.tick()

    def log(self, text: str) -> None:
        self._note = ""
        self._log += text
        if len(self._log) > 2 * _MAX_CHARACTERS:
            self._log = self._log[-_MAX_CHARACTERS:].partition("\n")[2]
            self._cut = True
        self._touch()

    def changed(self, record: dict[str, Any]) -> None:
        self._note = ""
        self._state = str(record.get("status", self._state))
        self._touch()

    def lost(self, reason: str) -> None:
        self._note = "the connection is lost, trying again"
        self._touch()

    def tick(self) -> float | None:
        """Redraw when something changed, at most ten times a second, and for the seconds."""
        if self._ended:
            return None
        since = self._clock() - self._shown if self._shown is not None else _REFRESH
        due = _INTERVAL if self._dirty else _REFRESH
        if since >= due:
            self._draw()
            return _REFRESH
        return due - since

    def close(self, state: str, *, failed: bool = False, fold: bool = False) -> None:
        if self._ended:
            return
        self._ended, self._state, self._note, self._folded = True, state, "", fold
        self._colour = "--jp-error-color1" if failed else "--jp-success-color1"
        self._draw()

    def _touch(self) -> None:
        self._dirty = True
        self.tick()

    def _draw(self) -> None:
        from IPython.display import publish_display_data

        publish_display_data(  # type: ignore[no-untyped-call]
            {"text/plain": self._text(), "text/html": self._html()},
            transient={"display_id": self._id},
            update=self._shown is not None,
        )
        self._shown = self._clock()
        self._dirty = False

    def _heading(self) -> tuple[str, str]:
        rest = [self._state, f"{self._clock() - self._began:.1f} s"]
        return self._title, " · ".join([*rest, self._note] if self._note else rest)

    def _text(self) -> str:
        log = "" if self._folded else ansi.to_text(self._log).rstrip()
        return f"{' · '.join(self._heading())}" + (f"\n{log}" if log else "")

    def _html(self) -> str:
        title, rest = self._heading()
        heading = f'<b>{html.escape(title)}</b> <span style="{_FAINT}">{html.escape(rest)}</span>'
        fold = self._folded and bool(self._log.strip())
        parts = [
            f'<div style="{_BOX.format(colour=self._colour)}">',
            f'<details><summary style="cursor:pointer">{heading}</summary>' if fold else heading,
        ]
        if self._cut:
            parts.append(f'<div style="{_FAINT}">(the beginning of the log is not shown)</div>')
        if self._log.strip():
            log = ansi.to_html(self._log.rstrip())
            parts.append(f'<div style="{_SCROLL}"><pre style="{_PRE}">{log}</pre></div>')
        return "\n".join([*parts, "</details></div>" if fold else "</div>"])
