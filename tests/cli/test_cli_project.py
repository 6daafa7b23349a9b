"""`abaco init` and `abaco deploy`, without an engine."""

import base64
import json
from pathlib import Path

import pytest
from recorder import Recorder, Run

from abaco_jupyter.cli.project.ignore import Ignored


@pytest.fixture
def project(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run("init", "words", "-d", 'Counts "words"').code == 0
    return tmp_path / "words"


def _spec(server: Recorder) -> dict[str, object]:
    sent: dict[str, object] = server.body("POST", "/builds$")
    return sent


def test_a_new_project_is_deployed_as_it_is(run: Run, server: Recorder, project: Path) -> None:
    ran = run("deploy", "words")
    (record,) = server.actors.values()
    assert (ran.code, ran.out) == (0, f"{record['id']}\n")
    assert ran.err == "Step 1/2\nStep 2/2\nwords is created (revision 1).\n"
    assert (record["name"], record["description"]) == ("words", 'Counts "words"')
    sent = _spec(server)
    assert (sent["entry"], sent["pip"], sent["files"]) == ("reactor", [], {})
    assert sent["source"] == (project / "reactor.py").read_text()


def test_deploying_again_changes_nothing_until_something_changed(
    run: Run, server: Recorder, project: Path
) -> None:
    run("deploy", "words")
    assert "words is unchanged (revision 1)." in run("deploy", "words").err
    (project / "reactor.py").write_text("def reactor(message): return 2\n")
    assert "words is updated (revision 2)." in run("deploy", "words").err
    assert "words is updated (revision 3)." in run("deploy", "words", "--force").err
    assert len(server.actors) == 1


def test_settings_packages_files_and_secrets_travel(
    run: Run, server: Recorder, project: Path
) -> None:
    settings = project / "abaco.toml"
    text = settings.read_text().replace("hints = []", 'hints = ["a"]\nmem_limit = "1g"')
    settings.write_text(f'alias = "counter"\n{text}GREETING = "hello"\n')
    (project / "requirements.txt").write_text("# packages\nnumpy<2  # for now\n\nrequests\n")
    (project / "secrets.json").write_text('{"KEY": "s3cret"}')
    (project / "data").mkdir()
    (project / "data/words.txt").write_bytes(b"\xff\x00")
    (project / "__pycache__").mkdir()
    (project / "__pycache__/x.pyc").write_bytes(b"x")
    assert run("deploy", "words", "--quiet").code == 0
    sent = _spec(server)
    assert sent["pip"] == ["numpy<2", "requests"]
    assert sent["files"] == {"data/words.txt": base64.b64encode(b"\xff\x00").decode()}
    (record,) = server.actors.values()
    assert (record["hints"], record["memLimit"]) == (["a"], "1g")
    assert record["defaultEnvironment"] == {"GREETING": "hello", "KEY": "s3cret"}
    assert server.aliases == {"counter": record["id"]}


def test_what_the_file_does_not_name_stays_on_the_server(
    run: Run, server: Recorder, project: Path
) -> None:
    run("deploy", "words")
    run("update", "words", "--webhook", "https://h/")
    (project / "reactor.py").write_text("def reactor(message): return 2\n")
    run("deploy", "words")
    (record,) = server.actors.values()
    assert record["webhook"] == "https://h/"


def test_a_script_has_no_entry(run: Run, server: Recorder, project: Path) -> None:
    assert run("init", "other", "--template", "script").code == 0
    assert run("deploy", "other").code == 0
    assert _spec(server)["entry"] is None


def test_a_dockerfile_of_ones_own_is_not_passed_over_in_silence(
    run: Run, server: Recorder, project: Path
) -> None:
    file = project / "Dockerfile"
    text = file.read_text()
    file.write_text(text.replace("ARG base=python:", "ARG base=python:3.9-"))
    assert run("deploy", "words").code == 0
    file.write_text(text + "RUN true\n")
    ran = run("deploy", "words")
    assert ran.code == 2
    assert "--docker to build it here, or --server" in ran.err
    assert run("deploy", "words", "--server").code == 0


def test_a_dry_run_shows_what_would_be_and_asks_nobody(
    run: Run, server: Recorder, project: Path
) -> None:
    (project / "secrets.json").write_text('{"KEY": "s3cret"}')
    ran = run("deploy", "words", "--dry-run")
    assert "build on the server" in ran.out
    assert "s3cret" not in ran.out
    plan = json.loads(run("deploy", "words", "--dry-run", "--json").out)
    assert (plan["actor"], plan["variables"]) == ("words", ["KEY"])
    assert json.loads(run("deploy", "words", "-R", "--docker", "--json").out)["docker"]
    assert not server.requests


def test_a_build_that_fails_leaves_the_actor_alone(
    run: Run, server: Recorder, project: Path
) -> None:
    server.build_error = "pip found no such package"
    ran = run("deploy", "words")
    assert (ran.code, ran.out) == (1, "")
    assert "pip found no such package" in ran.err
    assert not server.actors


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("abaco.toml", "name = ", "abaco.toml"),
        ("abaco.toml", "description = 'x'", "names no actor"),
        ("abaco.toml", "name = 'x'\nimage = 'y'", "there is no setting 'image'"),
        ("abaco.toml", "name = 'x'\n[build]\nnpm = []", "but no 'npm'"),
        ("abaco.toml", "name = 'x'\n[build]\nbase = 'b'\npython = '3.11'", "brings its own"),
        ("requirements.txt", "-r other.txt", "takes no options of pip"),
        ("secrets.json", "[]", "does not hold a JSON object"),
        ("secrets.json", "{", "is not JSON"),
    ],
)
def test_what_is_written_wrong_is_named(
    run: Run, server: Recorder, project: Path, file: str, text: str, why: str
) -> None:
    (project / file).write_text(text)
    ran = run("deploy", "words")
    assert (ran.code, why in ran.err) == (2, True), ran.err
    assert not server.seen("POST", "/builds$")


def test_init_overwrites_nothing(run: Run, project: Path) -> None:
    assert run("init", "words").code == 2
    assert run("init", "../words").code == 2
    assert run("deploy", "nowhere").code == 2


@pytest.mark.parametrize(
    ("rules", "name", "out"),
    [
        (["a"], "a", True),
        (["a"], "b/a", False),
        (["**/a"], "b/c/a", True),
        (["**/a"], "a", True),
        (["a"], "a/b/c", True),
        (["*.pyc"], "x.pyc", True),
        (["*.pyc"], "d/x.pyc", False),
        (["d/*", "!d/keep"], "d/keep", False),
        (["d", "!d/keep/*.py"], "d/keep/x.py", False),
        (["/a/"], "a/b", True),
        (["a?c"], "abc", True),
        (["[a]"], "a", True),
        (["[^b-c]"], "a", True),
        (["[^b-c]"], "b", False),
        ([r"\*"], "a", False),
        ([r"\*"], "*", True),
        (["# a", ""], "a", False),
        ([], "secrets.json", True),
        (["!secrets.json"], "secrets.json", True),
    ],
)
def test_dockerignore_is_read_as_docker_reads_it(rules: list[str], name: str, out: bool) -> None:
    assert Ignored(rules).leaves_out(name) is out
