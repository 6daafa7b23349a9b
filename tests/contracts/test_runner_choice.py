"""Which runner is chosen, and what is said when there is none."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from abaco_jupyter.wire.errors import RunnerUnavailable
from abaco_server.runners.choose import choose

pytestmark = pytest.mark.asyncio


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Any]:
    return {
        "service_id": "test",
        "run_dir": tmp_path / "run",
        "environments": tmp_path / "environments",
    }


async def test_auto_is_process_when_no_engine_answers(
    places: dict[str, Any], tmp_path: Path
) -> None:
    runner = await choose("auto", docker_url=f"unix://{tmp_path}/none.sock", **places)
    assert runner.name == "process"
    await runner.close()


async def test_process_never_asks_an_engine(places: dict[str, Any]) -> None:
    runner = await choose("process", docker_url="nonsense://", **places)
    assert runner.name == "process"
    await runner.close()


@pytest.mark.docker
@pytest.mark.parametrize("name", ["auto", "docker"])
async def test_docker_when_an_engine_answers(places: dict[str, Any], name: str) -> None:
    runner = await choose(name, **places)
    assert runner.name == "docker"
    assert runner.describe()["engine"].startswith(("unix://", "tcp://"))
    await runner.close()


async def test_an_unknown_runner_is_named_with_the_choices(places: dict[str, Any]) -> None:
    with pytest.raises(RunnerUnavailable) as caught:
        await choose("podmann", **places)
    assert str(caught.value) == (
        "there is no runner 'podmann': use one of 'auto', 'docker', 'process'"
    )


async def test_docker_without_an_engine_says_what_was_tried(
    places: dict[str, Any], tmp_path: Path
) -> None:
    url = f"unix://{tmp_path}/none.sock"
    with pytest.raises(RunnerUnavailable) as caught:
        await choose("docker", docker_url=url, **places)
    assert str(caught.value) == (
        f"no Docker engine answers at {url} (no such file or directory): "
        "start it, set DOCKER_HOST, or use runner='process'"
    )


async def test_a_refused_connection_says_so(
    places: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/dead.sock")
    with pytest.raises(RunnerUnavailable, match=r"dead\.sock \(connection refused\)"):
        await choose("docker", **places)


async def test_rootless_sockets_are_tried_where_they_exist(
    places: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from abaco_server.runners.docker import engine

    with socket.socket(socket.AF_UNIX) as dead:
        (tmp_path / "podman").mkdir()
        dead.bind(str(tmp_path / "podman" / "podman.sock"))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", os.fspath(tmp_path))
    monkeypatch.setattr(engine, "DEFAULT_URL", f"unix://{tmp_path}/none.sock")
    with pytest.raises(RunnerUnavailable, match=r"none\.sock .* or unix:.*/podman\.sock"):
        await choose("docker", **places)
