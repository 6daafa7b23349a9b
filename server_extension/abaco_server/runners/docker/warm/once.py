"""A run that may begin in two places, told as one."""

from datetime import datetime
from typing import Any

from abaco_server.model.task import ResultBody
from abaco_server.runners.protocol import Watch


class Once:
    """A Watch that hears of a start once, also when the first place to run proves unfit."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._told = False

    async def started(self, at: datetime) -> None:
        if not self._told:
            await self._watch.started(at)
            self._told = True

    async def log(self, chunk: bytes) -> None:
        await self._watch.log(chunk)

    async def result(self, key: str, body: ResultBody) -> None:
        await self._watch.result(key, body)

    async def state(self, value: Any) -> None:
        await self._watch.state(value)
