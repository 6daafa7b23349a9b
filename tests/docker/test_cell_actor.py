"""A cell's actor in containers: its first line, calls of its function, a build that fails."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.magics.registry import AbacoMagics
from abaco_jupyter.wire.errors import BuildFailed
from live_server import LiveServer

pytestmark = pytest.mark.docker

CELL = """
def add(a, b=0):
    if a is None:
        raise ValueError("none")
    return a + b
"""


@pytest.fixture(scope="module")
def abaco(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Abaco]:
    home: Path = tmp_path_factory.mktemp("live")
    with (
        LiveServer(home, "--AbacoApp.runner=docker") as live,
        Abaco(live.url, live.token) as client,
    ):
        yield client
        for actor in client.actors():
            actor.delete()


@pytest.fixture
def shell(abaco: Abaco) -> Iterator[InteractiveShell]:
    made = InteractiveShell.instance()
    magics = AbacoMagics(made, connect=lambda: Abaco(abaco.url, abaco.token))
    made.register_magics(magics)
    yield made
    magics.close()
    InteractiveShell.clear_instance()


def test_a_cell_is_called_in_containers_of_each_isolation(
    shell: InteractiveShell, abaco: Abaco, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = "--timeout 5m --cpus 1 --memory 256m"
    for isolation in ("process", "none", "container"):
        shell.run_cell_magic("abaco_actor", f"add --isolation {isolation} {limits}", CELL)
        add: Any = shell.user_ns["add"]
        assert add.remote(a=1, b=2) == 3
        assert list(add.map([1, 2])) == [1, 2]
        with pytest.raises(ValueError, match="none") as caught:
            add.spawn(None).result(120)
        assert 'File "<add>", line 5, in add' in str(caught.value.__cause__)
    shell.run_cell_magic("abaco_actor", "add --dry-run --apt curl", CELL)
    told = capsys.readouterr().out
    assert "FROM " in told
    assert '"apt", "curl"]' in told


def test_a_package_that_does_not_exist_leaves_nothing(
    shell: InteractiveShell, abaco: Abaco
) -> None:
    with pytest.raises(BuildFailed, match="No matching distribution found for no-such-package-x"):
        shell.run_cell_magic("abaco_actor", "gone --pip no-such-package-x", CELL)
    assert abaco.named("gone") is None
    assert "gone" not in shell.user_ns
