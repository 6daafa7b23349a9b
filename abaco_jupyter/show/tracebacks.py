"""Errors in a cell without the frames of this package, which are no concern of who reads them.

IPython asks an exception whether it renders itself. `ABACO_TRACEBACK=1` shows all frames.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from abaco_jupyter.client.errors import RemoteTraceback
from abaco_jupyter.wire.errors import AbacoError

_OURS = str(Path(__file__).parents[1]) + os.sep


@contextmanager
def our_frames_hidden() -> Iterator[None]:
    """What is raised in the block is shown with the cell's line, and without the way to here."""
    __tracebackhide__ = True
    try:
        yield
    except BaseException as error:
        hide_ours_in(error)
        raise


def hide_ours_in(error: BaseException) -> None:
    """Show `error` with the cell's line, and without the way from there to here."""
    _rendered_by(error, _WithoutOurs(error))


def as_sentence(error: BaseException, text: str | None = None) -> None:
    """Show `error` as its sentence alone: the cell is a magic, so there is no line to point to.

    `text` is shown in its place, for what stands in the cell already. The first call decides.
    """
    if "_render_traceback_" not in vars(error):
        _rendered_by(error, _Sentence(error, text or str(error)))


def hide_in_all_errors() -> None:
    """Every error of ours, raised wherever, is shown without our frames in this process."""
    AbacoError._render_traceback_ = lambda self: _WithoutOurs(self)()  # type: ignore[attr-defined]


class _Sentence:
    """A class and not a closure, so that the exception can still be pickled."""

    def __init__(self, error: BaseException, text: str) -> None:
        self._error = error
        self._text = text

    def __call__(self) -> list[str]:
        return _full(self._error) or [f"{type(self._error).__name__}: {self._text}"]


class _WithoutOurs:
    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __call__(self) -> list[str]:
        error = self._error
        if full := _full(error):
            return full
        cause = error.__cause__
        if not isinstance(cause, RemoteTraceback):
            error.__cause__ = None  # what httpx went through: the sentence says it
        try:
            return _structured(error, _before_ours(error.__traceback__))
        finally:
            error.__cause__ = cause


def _rendered_by(error: BaseException, rendering: Any) -> None:
    error._render_traceback_ = rendering  # type: ignore[attr-defined]


def _full(error: BaseException) -> list[str] | None:
    if os.environ.get("ABACO_TRACEBACK", "") in ("", "0"):
        return None
    return _structured(error, error.__traceback__)


def _structured(error: BaseException, frames: TracebackType | None) -> list[str]:
    from IPython import get_ipython

    shell: Any = get_ipython()
    lines: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, frames)
    return lines


def _before_ours(frames: TracebackType | None) -> TracebackType | None:
    """The traceback up to the call of this package; a copy, so that debuggers see it whole."""
    if frames is None or frames.tb_frame.f_code.co_filename.startswith(_OURS):
        return None
    rest = _before_ours(frames.tb_next)
    return TracebackType(rest, frames.tb_frame, frames.tb_lasti, frames.tb_lineno)
