"""What happened of late, for who looks at everything at once. Loop thread only.

Whoever changes something says which actor or execution it was, and no more. Readers share one
row of pages and each keeps its place in it: a reader that is slow costs nothing, one that comes
back goes on where it was, and one that is too late is told so and looks at everything again.
While nobody reads, nothing is kept.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from abaco_jupyter.wire.ids import new_id
from abaco_server.model.decision import Decision
from abaco_server.model.execution import Finished
from abaco_server.model.news import Page

KEPT = 50_000
"""Things that all pages together hold on to: a few megabytes."""

LINGER = 120.0
"""Seconds for which pages are kept when the last reader has gone, so that it can come back."""


class News:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._life = new_id()
        """Marks of another server's life mean nothing here."""
        self._pages: deque[Page] = deque()
        self._weight = 0
        self._page = Page(number=1)
        self._oldest = 1
        """The number of the first page that can still be read."""
        self._readers: set[Reader] = set()
        self._nobody_since = 0.0
        self._off = True
        """Nobody reads, and nobody is waited for."""

    def stirred(self, actor_id: str) -> None:
        """Something that is shown of this actor is not as it was."""
        if self._heard():
            self._page.stir(actor_id)
            self._wake()

    def submitted(self, actor_id: str) -> None:
        """It may have got messages."""
        if self._heard():
            self._page.submit(actor_id)
            self._wake()

    def moved(self, execution_ids: Collection[str]) -> None:
        """These began to run, or wait again."""
        if self._heard():
            self._page.move(execution_ids)
            self._wake()

    def ended(self, actor_id: str, finished: Sequence[Finished]) -> None:
        if self._heard():
            self._page.end(actor_id, finished)
            self._wake()

    def decided(self, decision: Decision) -> None:
        if self._heard():
            self._page.decide(decision)
            self._wake()

    @contextmanager
    def reading(self, mark: str | None = None) -> Iterator["Reader"]:
        """Read on after `mark`, or from now on when that is not possible."""
        self._heard()  # a reader that comes back too late finds nothing
        self._off = False
        place = self._place(mark)
        reader = Reader(self, self.turn() if place is None else place, resumed=place is not None)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)
            if not self._readers:
                self._nobody_since = self._clock()

    def mark(self, number: int) -> str:
        return f"{self._life}-{number}"

    def since(self, number: int) -> Page | None:
        """All pages after `number` as one; None: some of them are gone."""
        last = self.turn()
        if number + 1 < self._oldest:
            return None
        found = Page(number=last)
        for page in self._pages:
            if page.number > number:
                found.add(page)
        return found

    def _place(self, mark: str | None) -> int | None:
        life, _, number = (mark or "").partition("-")
        if life != self._life or not (number.isascii() and number.isdecimal()):
            return None
        place = int(number[:18])
        return place if self._oldest - 1 <= place < self._page.number else None

    def turn(self) -> int:
        """Begin a new page; the number of the last one that was written."""
        if self._page:
            self._pages.append(self._page)
            self._weight += self._page.weight
            self._page = Page(number=self._page.number + 1)
            while self._weight > KEPT:
                dropped = self._pages.popleft()
                self._weight -= dropped.weight
                self._oldest = dropped.number + 1
        return self._page.number - 1

    def _heard(self) -> bool:
        """Whether anybody reads, or may come back."""
        if self._readers:
            return True
        if self._off:
            return False
        if self._clock() - self._nobody_since < LINGER:
            return True
        self._off = True
        self._pages.clear()
        self._weight = 0
        # What happens from here on is written nowhere: whoever read before must look anew.
        self._oldest = self._page.number + 1
        self._page = Page(number=self._oldest)
        return False

    def _wake(self) -> None:
        for reader in self._readers:
            reader.wake()


class Reader:
    """One reader's place. `resumed`: it goes on where it was."""

    def __init__(self, news: News, place: int, *, resumed: bool) -> None:
        self.resumed = resumed
        self._news = news
        self._place = place
        self._woken = asyncio.Event()
        self._left = asyncio.Event()
        if resumed:
            self._woken.set()

    @property
    def mark(self) -> str:
        return self._news.mark(self._place)

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        """Nobody reads on."""
        self._left.set()
        self._woken.set()

    @property
    def closed(self) -> bool:
        return self._left.is_set()

    async def rest(self, seconds: float) -> None:
        """Let things gather. Ends at once when it is closed."""
        try:
            async with asyncio.timeout(seconds):
                await self._left.wait()
        except TimeoutError:
            return

    async def next(self) -> Page | None:
        """What happened since the last look, once there is anything; None: more than is kept."""
        await self._woken.wait()
        self._woken.clear()
        page = self._news.since(self._place)
        self._place = self._news.turn() if page is None else page.number
        return page
