"""The magics in a real IPython shell, against the fake server."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_server import FakeServer, Script
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from abaco_jupyter import (
    BuildFailed,
    InvalidRequest,
    ServerUnreachable,
    load_ipython_extension,
    unload_ipython_extension,
)
from abaco_jupyter.build import CellError, CellSyntaxError
from abaco_jupyter.magics.registry import AbacoMagics

CELL = 'def word_count(text):\n    """Count words."""\n    return len(text.split())\n'


@pytest.fixture
def shell(server: FakeServer) -> Iterator[InteractiveShell]:
    made = InteractiveShell.instance()
    magics = AbacoMagics(made, connect=server.connect)
    made.register_magics(magics)
    yield made
    magics.close()
    InteractiveShell.clear_instance()


@pytest.fixture
def run(shell: InteractiveShell) -> Callable[..., None]:
    def run(line: str, cell: str = CELL) -> None:
        shell.run_cell_magic("abaco_actor", line, cell)

    return run


Run = Callable[..., None]


def test_a_cell_is_built_registered_and_bound(
    run: Run, shell: InteractiveShell, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    run("word_count --pip 'numpy<2' pandas --env 'A=x y' --memory 1g --max-workers 2")
    actor = shell.user_ns["word_count"]
    record = server.actors[actor.id]
    assert (record["name"], record["description"]) == ("word_count", "Count words.")
    assert (record["memLimit"], record["maxWorkers"], record["stateless"]) == ("1g", 2, True)
    sent = json.loads(server.seen("POST", "/builds$")[0].content)
    assert (sent["pip"], sent["env"]) == (["numpy<2", "pandas"], {"A": "x y"})
    out = capsys.readouterr().out
    assert "Step 1/2\nStep 2/2\n" in out
    assert "word_count is registered (revision 1)." in out
    assert f"Each message runs in a container of {record['image']}." in out


def test_the_process_runner_is_named_for_what_it_is(
    run: Run, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.runner = "process"
    run("word_count")
    assert "no isolation boundary" in capsys.readouterr().out


def test_the_same_cell_again_does_nothing_and_says_so(
    run: Run, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    run("word_count")
    capsys.readouterr()
    server.requests.clear()
    run("word_count")
    assert "word_count is unchanged (revision 1): nothing was built" in capsys.readouterr().out
    assert not server.seen("PUT", "")
    assert not server.seen("POST", "/actors/v2$")
    assert not server.seen("GET", "/stream$")


def test_other_code_makes_a_new_revision_of_the_same_actor(
    run: Run, shell: InteractiveShell, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    run("word_count")
    before = shell.user_ns["word_count"]
    run("word_count", CELL.replace("split", "splitlines"))
    after = shell.user_ns["word_count"]
    assert (after.id, after.revision) == (before.id, 2)
    assert "word_count is updated (revision 2)." in capsys.readouterr().out
    assert len(server.actors) == 1


def test_an_update_keeps_what_the_cell_does_not_say(
    run: Run, shell: InteractiveShell, server: FakeServer
) -> None:
    run("word_count --stateful")
    record = server.actors[shell.user_ns["word_count"].id]
    record |= {"webhook": "https://h/", "hints": ["a"], "state": {"n": 5}, "token": "false"}
    run("word_count --stateful", CELL.replace("split", "splitlines"))
    record = server.actors[shell.user_ns["word_count"].id]
    assert (record["webhook"], record["state"]) == ("https://h/", {"n": 5})
    assert record["hints"] == ["a", "isolation:process"]
    assert "token" not in json.loads(server.seen("PUT", "")[0].content)


def test_other_settings_with_the_same_code_are_an_update(
    run: Run, shell: InteractiveShell, server: FakeServer
) -> None:
    run("word_count")
    run("word_count --memory 2g")
    assert server.actors[shell.user_ns["word_count"].id]["memLimit"] == "2g"
    assert shell.user_ns["word_count"].revision == 1


@pytest.mark.parametrize("status", ["READY", "ERROR"])
def test_force_and_an_actor_in_error_are_started_anew(
    run: Run, shell: InteractiveShell, server: FakeServer, status: str
) -> None:
    run("word_count")
    server.actors[shell.user_ns["word_count"].id]["status"] = status
    run("word_count" + (" --force" if status == "READY" else ""))
    assert shell.user_ns["word_count"].revision == 2


def test_a_name_that_somebody_else_has_is_refused_before_the_build(
    run: Run, shell: InteractiveShell, server: FakeServer
) -> None:
    theirs = server.add_actor("word_count", owner="bob")
    with pytest.raises(InvalidRequest) as caught:
        run("word_count")
    assert str(caught.value) == (
        "The name 'word_count' is taken: bob has an actor of this name that you may use. "
        f"Choose another name, or call theirs: Abaco().actor({theirs['id']!r})."
    )
    assert server.seen("POST", "") == []
    assert "word_count" not in shell.user_ns


def test_a_failing_build_shows_its_logs_end_and_leaves_nothing(
    run: Run, shell: InteractiveShell, server: FakeServer
) -> None:
    server.build_error = "The build failed: pip exited with 1"
    with pytest.raises(BuildFailed, match=r"(?s)pip exited with 1.*Step 2/2") as caught:
        run("word_count --pip no-such-package")
    assert server.actors == {}
    assert "word_count" not in shell.user_ns
    shown = "BuildFailed: The build failed: pip exited with 1\nIts log stands above."
    assert caught.value._render_traceback_() == [shown]


def test_where_no_log_is_shown_a_failing_build_tells_its_end(
    run: Run, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABACO_PLAIN", "1")
    server.build_error = "The build failed: pip exited with 1"
    with pytest.raises(BuildFailed) as caught:
        run("word_count --pip no-such-package")
    assert caught.value._render_traceback_() == [f"BuildFailed: {caught.value}"]


def test_a_failing_build_leaves_the_actor_that_was_there(
    run: Run, shell: InteractiveShell, server: FakeServer
) -> None:
    run("word_count")
    before = dict(server.actors[shell.user_ns["word_count"].id])
    server.build_error = "no"
    with pytest.raises(BuildFailed):
        run("word_count --pip other")
    assert server.actors[before["id"]] == before


def test_out_binds_another_variable(run: Run, shell: InteractiveShell) -> None:
    run("word_count --out counter")
    assert shell.user_ns["counter"].name == "word_count"
    assert "word_count" not in shell.user_ns


def test_a_dry_run_builds_nothing_and_shows_the_dockerfile(
    run: Run, server: FakeServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "words.txt"
    file.write_text("abc")
    run(f"word_count --dry-run --base debian:12 --apt curl --file {file}")
    out = capsys.readouterr().out
    for told in ("entry: word_count", "base: debian:12", "apt: curl", "words.txt (3 bytes)"):
        assert told in out
    assert "is not built yet. Its Dockerfile:\n\nFROM base\n" in out
    assert not server.seen("POST", "/builds$")
    assert server.actors == {}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("-", "'-' cannot be the name"),
        ("word-count", "'word-count' cannot be the name .* Use 'word_count'"),
        ("class", "'class' cannot be the name"),
        ("9lives", "'9lives' cannot be the name"),
        ("", "required: NAME"),
        ("word_count --out a-b", "'a-b' cannot be the name of --out"),
        ("word_count --nonsense", "nonsense"),
        ("word_count --pip 'numpy", "cannot be split"),
        ("word_count --memory lots", "'lots' is not a size"),
        ("word_count --max-workers 0", "is 0; it must be 1 or more"),
        ("word_count --max-workers 3 --stateful", "one message at a time"),
        ("word_count --entry f --script", "only one"),
    ],
)
def test_a_wrong_first_line_is_named(
    run: Run, server: FakeServer, line: str, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        run(line)
    assert server.requests == []


@pytest.mark.parametrize(
    ("cell", "error"),
    [("def f(:", CellSyntaxError), ("X = 1", CellError)],
)
def test_a_wrong_cell_asks_nobody(
    run: Run, server: FakeServer, cell: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        run("word_count", cell)
    assert server.requests == []


def test_braces_and_dollars_in_the_line_stay(shell: InteractiveShell, server: FakeServer) -> None:
    shell.user_ns["x"] = "expanded"
    shell.run_cell(f"%%abaco_actor word_count --description 'a {{x}} $x'\n{CELL}")
    assert next(iter(server.actors.values()))["description"] == "a {x} $x"


def test_plain_output_is_the_same_in_every_run(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABACO_PLAIN", "1")
    run("word_count")
    assert capsys.readouterr().out == (
        "word_count is registered (revision 1). Each message runs in a container.\n"
    )


# ---- %abaco -------------------------------------------------------------------------------


@pytest.fixture
def line(shell: InteractiveShell) -> Callable[[str], object]:
    return lambda text: shell.run_line_magic("abaco", text)


Line = Callable[[str], object]


def test_list_show_send_executions(line: Line, server: FakeServer) -> None:
    server.add_actor("count")
    assert [actor.name for actor in line("list")] == ["count"]  # type: ignore[attr-defined]
    assert line("show count").name == "count"  # type: ignore[attr-defined]
    line("send count some words")
    assert len(line("executions count -n 1")) == 1  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ('{"a": "it\'s"}', {"a": "it's"}),
        ("""'{"a": 1}'""", {"a": 1}),
        ("{not json}", {"message": "{not json}"}),
        ("it's one  apostrophe", {"message": "it's one  apostrophe"}),
        ("'quoted words'", {"message": "quoted words"}),
        ("'one' and 'two'", {"message": "'one' and 'two'"}),
    ],
)
def test_a_message_is_what_stands_in_the_line(
    line: Line, server: FakeServer, typed: str, sent: object
) -> None:
    server.add_actor("count")
    line(f"send count {typed}")
    assert json.loads(server.seen("POST", "/messages$")[0].content) == sent


def test_a_file_that_is_not_there_is_named(line: Line, server: FakeServer) -> None:
    with pytest.raises(UsageError, match=r"'nowhere\.py' does not exist"):
        line("build nowhere.py")
    assert server.requests == []


def test_logs_of_the_newest_and_followed(
    line: Line, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.add_actor("count")
    server.scripts = [Script(log=("first\n",)), Script(log=("second",))]
    first = line("send count a")
    line("send count b")
    line("logs count")
    line(f"logs count {first.id} -f")  # type: ignore[attr-defined]
    assert capsys.readouterr().out == "second\nfirst\n"


def test_halt_needs_an_id_when_several_run(line: Line, server: FakeServer) -> None:
    server.add_actor("count")
    for _ in range(2):
        server.executions[line("send count a").id]["status"] = "RUNNING"  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match=r"2 executions of count are running: \w+, \w+\. Say"):
        line("halt count")


def test_halt_needs_exactly_one_running(
    line: Line, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.add_actor("count")
    execution = line("send count a")
    with pytest.raises(UsageError, match="No execution of count is running"):
        line("halt count")
    server.executions[execution.id]["status"] = "RUNNING"  # type: ignore[attr-defined]
    line("halt count")
    assert "is being halted" in capsys.readouterr().out


def test_delete_and_status_and_help(
    line: Line, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.add_actor("count")
    line("delete count")
    assert server.actors == {}
    line("status")
    line("")
    out = capsys.readouterr().out
    assert "found by the url given" in out
    assert "runner: docker" in out
    assert "%abaco logs ACTOR" in out
    with pytest.raises(UsageError, match="no command 'lst'"):
        line("lst")


def test_a_server_that_went_away_is_looked_for_again(
    shell: InteractiveShell, line: Line, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_actor("count")
    magics = shell.magics_manager.registry["AbacoMagics"]
    actor = magics.client.actor("count")

    def gone(*_: object, **__: object) -> None:
        raise ServerUnreachable("http://old", "refused")

    with monkeypatch.context() as patch:
        patch.setattr(magics.client.transport, "call", gone)
        with pytest.raises(ServerUnreachable):
            line("list")
    assert [each.title for each in line("list")] == ["count"]  # type: ignore[attr-defined]
    assert actor.status == "READY", "actors in variables go on with the connection that they have"


def test_the_extension_is_loaded_and_unloaded() -> None:
    shell = InteractiveShell.instance()
    load_ipython_extension(shell)
    assert "abaco_actor" in shell.magics_manager.magics["cell"]
    assert "--max-workers" in (shell.find_cell_magic("abaco_actor").__doc__ or "")
    unload_ipython_extension(shell)
    assert "abaco_actor" not in shell.magics_manager.magics["cell"]
    assert "abaco" not in shell.magics_manager.magics["line"]
    InteractiveShell.clear_instance()
