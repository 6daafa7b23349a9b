"""The plug point of builders. One contract suite runs against every implementation."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from abaco_jupyter.wire.spec import BuildSpec

Log = Callable[[str], None]


class BuildCancelled(Exception):
    """The build stopped because it was asked to."""


class Cancellation:
    """A request to stop a build, made on one thread and obeyed on another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._stops: list[Callable[[], None]] = []

    def ask(self) -> None:
        with self._lock:
            self._asked = True
            for stop in self._stops:
                stop()

    @property
    def asked(self) -> bool:
        return self._asked

    def obey(self) -> None:
        if self._asked:
            raise BuildCancelled

    @contextmanager
    def stopping(self, stop: Callable[[], None]) -> Iterator[None]:
        """`stop` wakes the block up when the request comes; it must not block."""
        with self._lock:
            self._stops.append(stop)
            if self._asked:
                stop()
        try:
            yield
        finally:
            with self._lock:
                self._stops.remove(stop)


class Builder(Protocol):
    """Makes images. All methods block; several builds may run side by side in threads."""

    kind: str
    revision: str
    """Enters the image's name: what of ours is built in."""

    def check(self, spec: BuildSpec) -> None:
        """Raises InvalidSpec for what this builder cannot do, whoever asks."""
        ...

    def describe(self, spec: BuildSpec) -> str:
        """What `build` would do: a Dockerfile, or where there are none the same in words."""
        ...

    def exists(self, image: str) -> bool:
        """Whether the image is complete. Raises RunnerUnavailable when nobody can tell."""
        ...

    def build(self, spec: BuildSpec, image: str, log: Log, cancelled: Cancellation) -> None:
        """Make the image. Raises BuildFailed, BuildCancelled or RunnerUnavailable; then there is
        no such image, and nothing is left behind."""
        ...
