"""A build between its start and its end, and what its followers are told."""

import asyncio
from dataclasses import dataclass

from abaco_jupyter.wire.spec import BuildSpec
from abaco_server.builds.builder import Cancellation
from abaco_server.builds.tail import Tail
from abaco_server.model.build import Build


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProgress:
    """More of a build's log."""

    offset: int
    """Characters of the log before `text`."""
    text: str


class Run:
    """A build that waits or runs. Lives on the event loop; the builder's thread only calls in."""

    def __init__(self, build: Build, spec: BuildSpec) -> None:
        self.build = build
        self.spec = spec
        self.tail = Tail()
        self.cancelled = Cancellation()
        self.stopped = False
        self.task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    @property
    def key(self) -> tuple[str, str]:
        return self.build.tenant, self.build.image

    def add(self, text: str) -> None:
        self.tail.append(text)
        self.tell()

    def tell(self) -> None:
        """Wake whoever waits for a change, and let them wait for the next one."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def change(self) -> None:
        await self._changed.wait()
