"""Images that are fetched from a registry (one of our own, on the loopback)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from abaco_server.model.task import FailureKind, Place, RunFailed
from abaco_server.runners.docker import connect
from runnerkit.kits import DockerKit
from runnerkit.registry import registry

pytestmark = [pytest.mark.docker, pytest.mark.asyncio]


@pytest_asyncio.fixture
async def kit(tmp_path: Path) -> AsyncIterator[DockerKit]:
    made = DockerKit(tmp_path)
    yield made
    await made.close()


async def test_an_image_is_pulled_when_it_is_not_here(kit: DockerKit) -> None:
    runner, engine = kit.runner(), connect()
    with registry() as address:
        name = f"{address}/thing/hello:1"
        try:
            place = Place(actor_id="actor", image=name)
            first, second = await asyncio.gather(runner.prepare(place), runner.prepare(place))
            assert first == second == engine.client.inspect_image(name)["Id"]
        finally:
            # Before the image, which would only lose its name while our link stands on it.
            await runner.close()
            kit.runners.remove(runner)
            engine.client.remove_image(name, force=True)
            engine.close()


@pytest.mark.parametrize("image", ["thing/hello:2", "no/such:thing"])
async def test_an_image_that_the_registry_does_not_have(kit: DockerKit, image: str) -> None:
    with registry() as address:
        name = f"{address}/{image}"
        with pytest.raises(RunFailed) as caught:
            await kit.runner().prepare(Place(actor_id="actor", image=name))
    assert caught.value.kind is FailureKind.IMAGE
    assert caught.value.reason == f"Image {name} was not found on the public registry."


async def test_a_registry_that_does_not_answer(kit: DockerKit) -> None:
    with registry() as address:
        pass
    with pytest.raises(RunFailed) as caught:
        await kit.runner().prepare(Place(actor_id="actor", image=f"{address}/thing/hello:1"))
    assert caught.value.kind is FailureKind.IMAGE
    start = f"Error pulling image {address}/thing/hello:1 - exception: "
    assert caught.value.reason.startswith(start)
    assert "connection refused" in caught.value.reason
