"""Pages of what happened: shared by readers, bounded, and empty while nobody reads."""

import asyncio
from contextlib import ExitStack

import pytest

from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server.events import news as module
from abaco_server.events.news import LINGER, News
from abaco_server.model.execution import Finished
from abaco_server.model.news import LISTED, MOVED

pytestmark = pytest.mark.asyncio


class Watchface:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def ended(*ids: str, code: int = 0) -> list[Finished]:
    return [Finished(id=one, status=ExecutionStatus.COMPLETE, exit_code=code) for one in ids]


async def test_what_happens_together_is_read_together() -> None:
    news = News()
    with news.reading() as reader:
        news.submitted("a")
        news.moved(["e1"])
        news.ended("b", ended("e2", "e3") + ended("e4", code=1))
        page = await reader.next()
    assert page is not None
    assert (page.actors, page.submitted, list(page.moved)) == ({"a", "b"}, {"a"}, ["e1"])
    assert list(page.finished["b"]) == ["e2", "e3", "e4"]
    assert page.ends["b"] == {"COMPLETE": 2, "FAILED": 1}


async def test_nobody_reads_and_nothing_is_kept() -> None:
    news = News()
    news.submitted("a")
    news.ended("a", ended("e"))
    assert not news._page
    assert not news._pages


async def test_ten_thousand_ends_are_counted_and_a_hundred_are_named() -> None:
    news = News()
    with news.reading() as reader:
        for start in range(0, 10_000, 500):
            news.ended("a", ended(*map(str, range(start, start + 500))))
        news.moved([str(one) for one in range(2 * MOVED)])
        page = await reader.next()
    assert page is not None
    assert page.ends["a"] == {"COMPLETE": 10_000}
    assert list(page.finished["a"]) == [str(one) for one in range(10_000 - LISTED, 10_000)]
    assert len(page.moved) == MOVED


async def test_each_reader_has_its_place() -> None:
    news = News()
    with news.reading() as first:
        news.stirred("a")
        assert (await first.next()).actors == {"a"}
        with news.reading() as second:
            news.stirred("b")
            assert (await second.next()).actors == {"b"}
            news.stirred("c")
            assert (await first.next()).actors == {"b", "c"}


async def test_who_comes_back_goes_on_where_it_was() -> None:
    clock = Watchface()
    news = News(clock)
    with news.reading() as reader:
        news.stirred("a")
        await reader.next()
        mark = reader.mark
    news.stirred("b")
    clock.seconds += LINGER - 1
    news.stirred("c")
    with news.reading(mark) as again:
        assert again.resumed
        assert (await again.next()).actors == {"b", "c"}


@pytest.mark.parametrize("event_while_away", [True, False])
async def test_who_comes_back_too_late_begins_anew(event_while_away: bool) -> None:
    clock = Watchface()
    news = News(clock)
    with news.reading() as reader:
        news.stirred("a")
        await reader.next()
        mark = reader.mark
    clock.seconds += LINGER + 1
    if event_while_away:
        news.stirred("b")
    with news.reading(mark) as again:
        assert not again.resumed
        news.stirred("c")
        assert (await again.next()).actors == {"c"}


@pytest.mark.parametrize("mark", ["", "x", "x-1", "-1", "{life}-", "{life}-99", "{life}-1e3"])
async def test_a_mark_of_elsewhere_means_nothing(mark: str) -> None:
    news = News()
    life = news.mark(0).partition("-")[0]
    with news.reading(mark.replace("{life}", life)) as reader:
        assert not reader.resumed


async def test_a_slow_reader_is_told_that_it_missed_something(monkeypatch) -> None:
    monkeypatch.setattr(module, "KEPT", 20)
    news = News()
    with ExitStack() as stack:
        slow, quick = (stack.enter_context(news.reading()) for _ in range(2))
        for number in range(50):
            news.stirred(f"a{number}")
            await quick.next()
        assert await slow.next() is None
        assert len(news._pages) <= 20
        news.stirred("later")
        assert (await slow.next()).actors == {"later"}


async def test_a_reader_that_left_is_let_go() -> None:
    news = News()
    with news.reading() as reader:
        waiting = asyncio.ensure_future(reader.next())
        await asyncio.sleep(0)
        reader.close()
        async with asyncio.timeout(60):
            assert not await waiting
            await reader.rest(1000)
    assert reader.closed
