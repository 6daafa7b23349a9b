"""What is known of images holds until the engine tells of a change, and while it can."""

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from abaco_server.runners.docker.images import Image, Images
from abaco_server.runners.threads import Threads

NAME = "thing"


class Stream:
    """The engine's events; None ends it."""

    def __init__(self) -> None:
        self.events: queue.Queue[bytes | None] = queue.Queue()
        self._response = SimpleNamespace(raw=SimpleNamespace(close=lambda: None))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.events.get, None)

    def close(self) -> None:
        self.events.put(None)


class TellingEngine:
    """One image, which is looked at, and a stream that tells when it changes."""

    socket = "/var/run/docker.sock"

    def __init__(self) -> None:
        self.looks = 0
        self.streams: list[Stream] = []
        self.client = self
        self.threads = Threads(1)

    def events(self, **_: Any) -> Stream:
        self.streams.append(Stream())
        return self.streams[-1]

    def inspect_image(self, name: str) -> dict[str, Any]:
        self.looks += 1
        return {"Id": f"sha256:{self.looks}", "Config": {}}

    def images(self, **_: Any) -> list[Any]:
        return []

    async def call(self, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        return function(*given, **named)


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[TellingEngine]:
    made = TellingEngine()
    yield made
    made.threads.close()


async def known(images: Images) -> Image:
    """Once it is known for good."""
    async with asyncio.timeout(60):
        while (first := await images.get(NAME)) is not await images.get(NAME):
            await asyncio.sleep(0.01)
    return first


@pytest.mark.asyncio
async def test_an_image_is_looked_at_once(engine: TellingEngine) -> None:
    images = Images(engine, "service")  # type: ignore[arg-type]
    image, looks = await known(images), engine.looks
    assert [await images.get(NAME) for _ in range(5)] == [image] * 5
    assert engine.looks == looks
    await images.close()


@pytest.mark.asyncio
async def test_it_is_looked_at_again_when_any_image_changed(engine: TellingEngine) -> None:
    images = Images(engine, "service")  # type: ignore[arg-type]
    image = await known(images)
    engine.streams[0].events.put(b"{}")
    async with asyncio.timeout(60):
        while await images.get(NAME) == image:
            await asyncio.sleep(0.01)
    await images.close()


@pytest.mark.asyncio
async def test_nothing_holds_while_the_engine_tells_nothing(engine: TellingEngine) -> None:
    images = Images(engine, "service")  # type: ignore[arg-type]
    image = await known(images)
    engine.streams[0].close()
    async with asyncio.timeout(60):
        while await images.get(NAME) == image:
            await asyncio.sleep(0.01)
    assert await known(images) != image, "it listens anew"
    await images.close()
