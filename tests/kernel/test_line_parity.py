"""`%abaco` and `abaco` are one: the same words ask the server the same, and mean the same."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "cli"))

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from recorder import Recorder
from typer.testing import CliRunner

from abaco_jupyter.cli.app import app
from abaco_jupyter.client.errors import ExecutionFailed
from abaco_jupyter.magics import line as magic
from abaco_jupyter.magics.registry import AbacoMagics

LINES = {
    "list": "list",
    "show": "show words",
    "send": "send words text",
    "call": "call words text",
    "logs": "logs words",
    "executions": "executions words -n 5",
    "cancel": "cancel words {waiting}",
    "scale": "scale words 3",
    "cron": "cron words '30 2 * * * Europe/Rome'",
    "nonce": "nonce create words",
    "share": "share words bob READ",
    "config": "config list",
    "build": "build {file} --entry f --pip numpy",
    "clean": "clean --all --dry-run",
    "status": "status",
    "report": "report words",
}


@pytest.fixture
def server() -> Recorder:
    found = Recorder()
    found.add_actor("words")
    return found


@pytest.fixture
def line(server: Recorder) -> Iterator[Callable[[str], Any]]:
    shell = InteractiveShell.instance()
    magics = AbacoMagics(shell, connect=server.connect)
    shell.register_magics(magics)
    yield lambda text: shell.run_line_magic("abaco", text)
    magics.close()
    InteractiveShell.clear_instance()


def _asked(server: Recorder) -> list[tuple[str, str, bytes]]:
    """What the server was asked for, without how it was found."""
    return [
        (request.method, request.url.path, request.content)
        for request in server.requests
        if request.method != "GET" or not request.url.path.endswith("/status")
    ]


def test_every_verb_has_its_line_here() -> None:
    assert set(LINES) == set(magic.VERBS)


@pytest.mark.parametrize("verb", magic.VERBS)
def test_both_ask_the_server_the_same(
    verb: str,
    line: Callable[[str], Any],
    server: Recorder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "f.py"
    file.write_text("def f(text):\n    return text\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("ABACO_URL", "http://fake.example:8888/user/ann")
    monkeypatch.setenv("ABACO_TOKEN", "s3cret")
    actor = next(iter(server.actors))
    sent = line("send words waiting")
    server.images.clear()
    words = LINES[verb].format(waiting=sent.id, file=file)
    server.requests.clear()
    line(words)
    in_the_notebook = _asked(server)
    server.executions[sent.id]["status"] = "SUBMITTED"
    server.images.clear()
    server.requests.clear()
    done = CliRunner().invoke(app, magic.split(words), obj=server.http)
    assert done.exit_code == 0, done.output
    ours = [(method, path.replace(actor, "A"), body) for method, path, body in in_the_notebook]
    theirs = [(method, path.replace(actor, "A"), body) for method, path, body in _asked(server)]
    for each in server.executions:
        ours = [(method, path.replace(each, "E"), body) for method, path, body in ours]
        theirs = [(method, path.replace(each, "E"), body) for method, path, body in theirs]
    assert ours == theirs


def test_a_call_returns_the_result_and_raises_what_went_wrong(
    line: Callable[[str], Any], server: Recorder
) -> None:
    from fake_server import Script

    server.scripts = [
        Script(results=(b'{"n": 1}',)),
        Script(end={"status": "COMPLETE", "exitCode": 3}),
    ]
    assert line('call words {"a": 1}') == {"n": 1}
    with pytest.raises(ExecutionFailed, match="exit code 3"):
        line("call words text")


def test_tables_are_values_too(line: Callable[[str], Any], server: Recorder) -> None:
    found = line("config list")
    assert found.head == ["name", "secret", "actors", "value"]
    assert found.rows == [["c", "false", "a1", "1"]]
    assert "<table" in found._repr_mimebundle_()["text/html"]
    assert line("list --json") == list(server.actors.values())


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("lists", r"no command 'lists'\. Did you mean list\?"),
        ("show", "Missing argument 'ACTOR'"),
        ("logs words --followw", r"No such option: --followw.*--follow"),
        ("scale words many", "Invalid value for 'N'.*--help` says how"),
        ("cancel words", "2 executions of words wait or run"),
    ],
)
def test_a_wrong_line_says_what_is_wrong(
    line: Callable[[str], Any], server: Recorder, typed: str, complaint: str
) -> None:
    for _ in range(2):
        line("send words a")
    with pytest.raises(UsageError, match=complaint):
        line(typed)
