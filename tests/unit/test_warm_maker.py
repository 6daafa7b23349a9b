"""Containers that wait, made on an engine that fails."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from abaco_server.model.task import FailureKind, Place, RunFailed
from abaco_server.runners.docker.warm import starter
from abaco_server.runners.docker.warm.maker import SpareMaker
from abaco_server.runners.threads import Threads

PLACE = Place(actor_id="a", image="image")


class SlowEngine:
    """It makes the container, and its answer comes too late."""

    def __init__(self) -> None:
        self.there: set[str] = set()

    async def create_waiting(self, place: Place, image: Any, path: Path, name: str) -> str:
        self.there.add(name)
        raise RunFailed(FailureKind.INTERNAL, "no answer in time")

    async def remove(self, container_id: str) -> None:
        self.there.discard(container_id)


async def image(name: str) -> Any:
    return SimpleNamespace(id="sha256:1", command=["run"], runs_as="sha256:1")


@pytest.mark.asyncio
async def test_a_container_that_was_made_after_all_does_not_stay(tmp_path: Path) -> None:
    containers, threads = SlowEngine(), Threads(1)
    maker = SpareMaker(
        engine=SimpleNamespace(threads=threads),  # type: ignore[arg-type]
        containers=containers,  # type: ignore[arg-type]
        image=image,
        run_dir=tmp_path,
    )
    maker._program = tmp_path / "starter"
    maker._program.touch()
    with pytest.raises(RunFailed, match="no answer"):
        await maker.make(PLACE, lambda: None)
    threads.close()
    assert (containers.there, maker.names) == (set(), set())
    assert [path.name for path in tmp_path.iterdir()] == ["starter"]


def test_a_program_of_another_version_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled before the last change of the source: both would wait for one another."""
    monkeypatch.setattr(starter.resources, "files", lambda _: tmp_path)
    (tmp_path / "starters").mkdir()
    program = tmp_path / "starters" / "x86_64"
    program.write_bytes(b"\x7fELF abaco starter: \0")
    assert starter.install("amd64", tmp_path / "home") is None
    program.write_bytes(b"\x7fELF " + starter.WIRE + b": \0")
    assert starter.install("amd64", tmp_path / "home") == tmp_path / "home" / "starter"
