"""Ours: what becomes of a channel's calls when its client does not come back.

A channel may ask (`Hello.cancel_after`) that its calls do not outlive it. A client that is back
in time, under the same name, has its calls to itself again. A restart of this server forgets who
was away: calls that were accepted go on.
"""

import asyncio
import logging
from collections.abc import Callable

from abaco_jupyter.wire.errors import AbacoError
from abaco_jupyter.wire.frames import FAILED, STOPPING
from abaco_server.service.channel import Channel, Over
from abaco_server.store import DatabaseFailed

log = logging.getLogger(__name__)

AGAIN = 1.0
"""Seconds until the store is asked again, if it failed."""

_Key = tuple[str, str, str]


class Attendance:
    """Which channels are open, and whose clients are away. Loop thread only."""

    def __init__(self) -> None:
        self._open: set[Channel] = set()
        self._away: dict[_Key, asyncio.Task[None]] = {}

    def came(self, channel: Channel) -> None:
        self._open.add(channel)

    def greeted(self, channel: Channel) -> None:
        """It has said its name: whoever waited for it does so no more, and what is left of its
        last connection, which may not have been missed yet, ends."""
        if not channel.name:
            return
        for other in self._open:
            if other is not channel and _key(other) == _key(channel):
                other.replaced = True
                other.end(STOPPING, "the same client has connected again")
        task = self._away.pop(_key(channel), None)
        if task is not None:
            task.cancel()

    def left(self, channel: Channel, deaf: Callable[[], None], *, on_purpose: bool) -> None:
        """The connection is gone. `deaf` ends the channel's hearing of executions."""
        self._open.discard(channel)
        wait = channel.cancel_after
        if wait is None or on_purpose or channel.replaced or not channel.awaited:
            deaf()
            return
        task = asyncio.create_task(_outlast(channel, wait), name="abaco-channel-away")
        self._away[_key(channel)] = task

        def over(_: object) -> None:
            deaf()
            if self._away.get(_key(channel)) is task:
                del self._away[_key(channel)]

        task.add_done_callback(over)

    async def close(self) -> None:
        """Every client is told to come again."""
        for channel in self._open:
            channel.end(STOPPING, "the server stops")
        tasks = list(self._away.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _key(channel: Channel) -> _Key:
    return channel.principal.username, channel.actor_id, channel.name


async def _outlast(channel: Channel, seconds: float) -> None:
    await asyncio.sleep(seconds)
    log.info("the client of %d calls is gone: they are cancelled", len(channel.awaited))
    while channel.awaited:
        try:
            await channel.cancel(sorted(channel.awaited), force=True)
            while channel.awaited:
                # Those that a worker had taken are halted when they begin; their ends are heard.
                await channel.wait()
                await channel.news()
        except (AbacoError, DatabaseFailed, Over) as error:
            if not _may_pass(error):
                log.warning("calls of a client that is gone were not all cancelled: %s", error)
                return
            log.warning("calls of a client that is gone are cancelled anew: %s", error)
            await asyncio.sleep(AGAIN)


def _may_pass(error: Exception) -> bool:
    """Whether it is the store that failed."""
    return isinstance(error, DatabaseFailed) or (isinstance(error, Over) and error.code == FAILED)
