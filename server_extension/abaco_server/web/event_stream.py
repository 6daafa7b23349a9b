"""Everything that the caller may see happening, as one stream of server-sent events."""

import asyncio
import time
from typing import Any

from tornado.iostream import StreamClosedError

from abaco_jupyter.wire.errors import InvalidRequest, NotAuthorized, NotFound
from abaco_server.events.news import Reader
from abaco_server.service.events import Sight, Watch
from abaco_server.web import sights
from abaco_server.web.base import NONCE
from abaco_server.web.streams import HEARTBEAT, StreamHandler

TICK = 0.1
"""Seconds between two updates: ten a second is what an eye and a notebook can follow."""

SHARE = 5
"""A client whose looks take long is told less often: it gets a fifth of the time."""

LIFETIME = 600.0
"""Seconds. Then the client connects again, goes on where it was, and shows who it is anew."""

MOST_NAMED = 100
"""Actors in one `actors` parameter."""


class EventsHandler(StreamHandler):
    """`snapshot` tells what is, `update` what changed; each has a mark for `Last-Event-ID`.

    A client that comes back gets `resumed` and then the updates that it missed, or a snapshot
    that says why it is one.
    """

    async def get(self) -> None:
        news = self.abaco.news
        if news is None:
            raise self.abaco.refusal()
        watch = await self.service.events.watch(self.principal, self._named())
        mark = self.request.headers.get("Last-Event-ID")
        with news.reading(mark) as reader:
            self.when_left = reader.close
            self.begin()
            try:
                await self._begin(reader, watch, mark)
                await self._go_on(reader, watch)
            except (StreamClosedError, NotFound, NotAuthorized):
                return self.end()  # who connects again is told why there is no more
        self.end()

    async def _begin(self, reader: Reader, watch: Watch, mark: str | None) -> None:
        if reader.resumed:
            await watch.resume()
            return await self.send("resumed", {}, mark=reader.mark)
        sight = await watch.all()
        await self._tell("snapshot", sight, reader, why="missed" if mark else "new")

    async def _go_on(self, reader: Reader, watch: Watch) -> None:
        end = time.monotonic() + LIFETIME
        while not reader.closed and time.monotonic() < end:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    page = await reader.next()
            except TimeoutError:
                await self.beat()
                continue
            looked = time.monotonic()
            if page is None:
                await self._tell("snapshot", await watch.all(), reader, why="missed")
            elif sight := await watch.changed(page):
                await self._tell("update", sight, reader)
            spent = time.monotonic() - looked
            await reader.rest(max(TICK, spent * SHARE))

    async def _tell(self, event: str, sight: Sight, reader: Reader, **facts: Any) -> None:
        await self.send(event, facts | sights.shown(sight), mark=reader.mark)

    def _named(self) -> list[str]:
        query = self.query()
        unknown = sorted(set(query) - {"actors", NONCE})
        if unknown:
            raise InvalidRequest(f"Unknown parameter {unknown[0]!r}; there is `actors`.")
        given = ",".join(query.get("actors", []))
        named = [one for one in dict.fromkeys(given.split(",")) if one]
        if len(named) > MOST_NAMED:
            raise InvalidRequest(
                f"actors names {len(named)} actors, more than {MOST_NAMED}; leave it out to hear "
                "of all that you may see."
            )
        return named
