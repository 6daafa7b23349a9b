import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.append(str(Path(__file__).parents[1] / "kernel"))  # the fake server stands there

from fake_server import TOKEN, URL
from recorder import Ran, Recorder, Run

from abaco_jupyter.cli.app import app

_SURROUNDINGS = ("ABACO_URL", "ABACO_TOKEN", "ABACO_PROFILE", "ABACO_PLAIN", "JPY_PARENT_PID")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No server, no profile and no Agave login of whoever runs the tests."""
    for name in _SURROUNDINGS:
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(home / "runtime"))
    return home


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setenv("ABACO_URL", URL)
    monkeypatch.setenv("ABACO_TOKEN", TOKEN)
    return Recorder()


@pytest.fixture
def run(server: Recorder) -> Run:
    """Runs `abaco` with these words against the fake server."""

    def run(*words: str, stdin: str | bytes | None = None) -> Ran:
        done = CliRunner().invoke(app, list(words), obj=server.http, input=stdin)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout_bytes, done.stderr)

    return run
