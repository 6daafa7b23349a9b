"""A part of `test_behaviour`, asked of real containers, and what only they can show."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from test_behaviour import (
    BROKEN,
    LIMIT,
    mul,
    test_as_completed,
    test_map_exception,
    test_nothing_is_taken_after_the_shutdown,
    test_of_many_calls_only_the_broken_ones_fail,
    test_submit_keywords,
)

from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.executor.executor import AbacoExecutor
from abaco_jupyter.wire.errors import BuildFailed
from live_server import LiveServer

__all__ = [
    "test_as_completed",
    "test_map_exception",
    "test_nothing_is_taken_after_the_shutdown",
    "test_of_many_calls_only_the_broken_ones_fail",
    "test_submit_keywords",
]

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    home: Path = tmp_path_factory.mktemp("containers")
    with LiveServer(home, "--AbacoApp.runner=docker") as server:
        yield server


@pytest.fixture
def executor(containers: LiveServer) -> Iterator[AbacoExecutor]:
    with Abaco(containers.url, containers.token) as abaco:
        executor = AbacoExecutor(2, abaco=abaco)
        yield executor
        executor.shutdown(cancel_futures=True)


def test_calls_that_break_leave_the_others_alone(executor: AbacoExecutor) -> None:
    broken = [executor.submit(function, *args) for function, args, _, _ in BROKEN]
    assert executor.submit(mul, 6, 7).result(LIMIT) == 42
    for future, (_, _, kind, says) in zip(broken, BROKEN, strict=True):
        with pytest.raises(kind, match=says):
            future.result(LIMIT)


def test_a_base_image_with_another_python_is_refused_before_anything_runs(
    containers: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abaco_jupyter.executor.places.own_version", lambda: "3.9")
    with (
        Abaco(containers.url, containers.token) as abaco,
        pytest.raises(BuildFailed, match=r"has Python 3\.11, and Python 3\.9 is needed"),
    ):
        AbacoExecutor(image="abaco-jupyter/python:3.11", abaco=abaco)


def test_the_image_has_the_packages_that_a_function_uses(executor: AbacoExecutor) -> None:
    """The package has another name than its module."""

    def version_there() -> str:
        import dateutil

        return f"{dateutil.__name__} {version('python-dateutil')}"

    plain = executor.actor  # made now, for nobody knows yet what will be needed
    before = [one.id for one in plain.executions()]
    here = version("python-dateutil")
    assert executor.submit(version_there).result(LIMIT) == f"dateutil {here}"
    assert executor.actor.id != plain.id
    assert [one.id for one in plain.executions()] == before
