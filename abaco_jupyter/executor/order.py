"""Results of many calls: in their order, or as they come."""

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, as_completed
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from abaco_jupyter.executor.future import AbacoFuture
from abaco_jupyter.executor.line import Line
from abaco_jupyter.show.bar import Bar

_LOOK = 0.5
"""Seconds after which a bar is drawn anew."""
_LOOKS = 40_000
"""Futures that may be asked each second how they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The calls of one `map`."""

    futures: list[AbacoFuture]
    sizes: Sequence[int] | None = None
    """How many calls each future stands for; None: one, whose value is the result."""
    deadline: float | None = None
    """Of `time.monotonic`."""
    return_exceptions: bool = False
    bar: Bar | None = None

    @property
    def left(self) -> float | None:
        return None if self.deadline is None else self.deadline - time.monotonic()


def chunked(values: Iterable[Any], size: int) -> Iterator[tuple[Any, ...]]:
    """The last one may be shorter."""
    iterator = iter(values)
    while chunk := tuple(itertools.islice(iterator, size)):
        yield chunk


def in_order(batch: Batch) -> Iterator[Any]:
    """A kernel interrupt stops what is left; leaving the iteration drops what has not begun."""
    futures = batch.futures
    sizes = [1] * len(futures) if batch.sizes is None else list(batch.sizes)
    futures.reverse()
    sizes.reverse()
    total = sum(sizes)
    try:
        while futures:
            _await_last(batch, sizes, total)
            values = _values(batch, futures[-1], sizes[-1], batch.left)
            futures.pop()
            sizes.pop()
            while values:  # nothing here holds what was yielded
                yield values.pop()
    except KeyboardInterrupt:
        cancel(futures, force=True)
        raise
    finally:
        if batch.bar is not None:
            batch.bar.close(_ended(batch, sizes, total))
        cancel(futures)


def as_they_end(batch: Batch) -> Iterator[Any]:
    """As `in_order`, the first result that is there first."""
    sizes = batch.sizes or [1] * len(batch.futures)
    left = dict(zip(batch.futures, sizes, strict=True))
    total = sum(sizes)
    try:
        for future in completed(batch.futures, batch.left):
            values = _values(batch, future, left.pop(future), 0)
            del future
            if batch.bar is not None:
                batch.bar.at(total - sum(left.values()))
            while values:
                yield values.pop()
    finally:
        if batch.bar is not None:
            batch.bar.close(total - sum(left.values()))
        cancel(list(left))


def completed(futures: Sequence[AbacoFuture], timeout: float | None) -> Iterator[AbacoFuture]:
    """What `AbacoExecutor.as_completed` says."""
    try:
        for future in as_completed(futures, timeout):
            assert isinstance(future, AbacoFuture)
            yield future
    except KeyboardInterrupt:
        cancel(futures, force=True)
        raise


def cancel(futures: Sequence[AbacoFuture], *, force: bool = False) -> None:
    """Those that have not ended, in one request for each actor."""
    lines: dict[Line, list[AbacoFuture]] = {}
    for future in futures:
        if future.line is not None and not future.done():
            future.retries_left = 0
            lines.setdefault(future.line, []).append(future)
    for line, some in lines.items():
        line.cancel(some, force=force)


def _await_last(batch: Batch, sizes: Sequence[int], total: int) -> None:
    """Wait for the future that comes next, as long as the batch may, while its bar shows how many
    have ended."""
    if batch.bar is None:
        return
    pause = max(_LOOK, len(batch.futures) / _LOOKS)
    while True:
        if batch.bar.due:
            batch.bar.at(_ended(batch, sizes, total))
        rest = pause if batch.left is None else min(pause, batch.left)
        if batch.futures[-1].done() or rest <= 0:
            return
        with suppress(TimeoutError, CancelledError):
            batch.futures[-1].exception(rest)


def _ended(batch: Batch, sizes: Sequence[int], total: int) -> int:
    """Calls that have, of all."""
    waiting = (size for future, size in zip(batch.futures, sizes, strict=True) if not future.done())
    return total - sum(waiting)


def _values(batch: Batch, future: AbacoFuture, size: int, timeout: float | None) -> list[Any]:
    """The last one first."""
    try:
        value = future.result(timeout)
    except TimeoutError:
        if not batch.return_exceptions or not future.done():
            raise
        value = future.exception()
    except Exception as error:
        if not batch.return_exceptions:
            raise
        value = error
    else:
        return [value] if batch.sizes is None else value[::-1]
    return [value] * size
