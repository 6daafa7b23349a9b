"""How commands answer: text for scripts, tables for people, JSON, exit codes."""

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import httpx
import pytest
from fake_server import URL
from recorder import NONCE, Recorder, Run
from typer.testing import CliRunner

from abaco_jupyter.cli import output
from abaco_jupyter.cli.app import app
from abaco_jupyter.cli.ends import MEANING, End
from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.settings import DEFAULTS
from abaco_server.service.fields import TABLE


def test_a_list_is_a_line_for_each_with_tabs(run: Run, server: Recorder) -> None:
    made = server.add_actor("words", lastUpdateTime="2026-11-21T17:18:35.464Z", image="a\tb\nc")
    assert run("list").out == f"words\t{made['id']}\tREADY\t1\t2026-11-21T17:18:35.464Z\ta b c\n"
    assert run("list").out == run("ls").out == run("actors").out


def test_json_is_what_the_server_said(run: Run, server: Recorder) -> None:
    server.add_actor("wörter")
    told = json.loads(run("list", "--json").out)
    assert told == list(server.actors.values())
    assert run("--json", "list").out == run("list", "--json").out
    assert "wörter" in run("list", "--json").out


def test_a_thing_is_a_line_for_each_field_that_says_something(run: Run, server: Recorder) -> None:
    server.add_actor("words", hints=[], statusMessage=" ", defaultEnvironment={"A": 1})
    lines = run("show", "words").out.splitlines()
    assert "name\twords" in lines
    assert 'defaultEnvironment\t{"A": 1}' in lines
    assert not [line for line in lines if line.startswith(("hints", "statusMessage"))]


def test_errors_are_json_too_when_that_is_asked_for(run: Run, server: Recorder) -> None:
    ran = run("show", "nothing", "--json")
    assert ran.code == 3
    assert json.loads(ran.out) == {
        "error": {
            "code": "actor_not_found",
            "message": "No actor is 'nothing'. Actors: there are none yet.",
            "exitCode": 3,
        }
    }
    assert ran.err == "abaco: No actor is 'nothing'. Actors: there are none yet.\n"


def test_exit_codes_tell_who_is_to_blame(run: Run, server: Recorder) -> None:
    assert run("show", "nothing").code == End.NOT_FOUND
    assert run("show").code == End.USAGE
    assert run("list", "--token", "wrong").code == End.REFUSED
    assert run("list", "--profile", "nobody").code == End.NOT_FOUND


def test_a_server_that_is_not_there_is_exit_code_5(server: Recorder) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    done = CliRunner().invoke(app, ["list", "--url", URL], obj=httpx.MockTransport(refuse))
    assert (done.exit_code, done.stdout) == (5, "")
    assert done.stderr == f"abaco: No Abaco server: {URL} does not answer (refused).\n"


def test_the_page_of_help_names_every_exit_code(run: Run) -> None:
    page = run("--help").out
    for end in End:
        assert f"{int(end):>4}  {MEANING[end]}" in page


def test_what_nobody_foresaw_is_a_line_and_no_traceback(
    run: Run, server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_actor("words")
    monkeypatch.setattr(Actor, "delete", lambda self: 1 / 0)
    ran = run("delete", "words")
    assert ran.code == 1
    assert ran.err.startswith("abaco: ZeroDivisionError: ")
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("2026-11-21T17:18:35.464Z", "2026-11-21T17:18:35.464Z"),
        ("2026-11-21T17:18:35.464052", "2026-11-21T17:18:35.464Z"),
        ("Sat, 21 Nov 2026 17:18:38 GMT", "2026-11-21T17:18:38.000Z"),
        ("None", ""),
        (None, ""),
        (0, ""),
    ],
)
def test_every_form_of_a_time_is_shown_in_iso_and_utc(said: object, shown: str) -> None:
    assert output.time(said) == shown


def test_an_update_keeps_what_is_not_given(run: Run, server: Recorder) -> None:
    made = server.add_actor(
        "words", webhook="https://h/", hints=["a"], state={"n": 1}, stateless=False
    )
    assert run("update", "words", "-d", "new", "-e", "A=1").code == 0
    record = server.actors[made["id"]]
    assert (record["webhook"], record["hints"], record["state"]) == ("https://h/", ["a"], {"n": 1})
    assert (record["description"], record["defaultEnvironment"]) == ("new", {"A": "1"})


def test_a_replacement_is_what_is_given_and_no_more(run: Run, server: Recorder) -> None:
    server.add_actor("words", webhook="https://h/")
    assert run("update", "words", "img:2", "--replace", "-A").code == 0
    assert server.body("PUT", "") == {"image": "img:2", "token": False}
    assert run("update", "words", "--replace").code == 2
    assert run("update", "words").code == 2


def test_every_setting_of_an_actor_can_be_given(run: Run, server: Recorder, tmp_path: Path) -> None:
    (tmp_path / "env.json").write_text('{"A": 1, "B": 2}')
    words = "-n x -d d -e A=9 -H one -H two -S --access-token -p -u --link l --queue q"
    words += " --webhook http://w --max-workers 2 --max-cpus 3 --mem-limit 1g --log-ex 5"
    words += " --cron c --cron-on --type bin"
    server.add_actor("l")
    assert run("create", "img", "-E", str(tmp_path / "env.json"), *words.split()).code == 0
    sent = server.body("POST", "/actors/v2$")
    assert set(sent) == set(DEFAULTS) | {"name", "image"}
    assert (sent["defaultEnvironment"], sent["hints"]) == ({"A": "9", "B": 2}, ["one", "two"])
    assert (sent["stateless"], sent["token"], sent["privileged"]) == (False, True, True)


def test_the_client_knows_the_settings_that_the_server_knows() -> None:
    assert set(DEFAULTS) == {field.wire for field in TABLE} - {"name", "image"}


def test_levels_may_be_written_small(run: Run, server: Recorder) -> None:
    server.add_actor("words")
    assert run("share", "words", "bob", "read").out == "ann\tUPDATE\nbob\tREAD\n"
    assert server.body("POST", "/permissions$") == {"user": "bob", "level": "READ"}
    assert run("permissions", "words", "-u", "bob").code == 2
    made = run("nonces", "create", "words", "-l", "update", "-m", "3", "-d", "why")
    assert made.out == f"{NONCE['id']}\n"
    wanted = {"level": "UPDATE", "maxUses": 3, "description": "why"}
    assert server.body("POST", "/nonces$") == wanted


def test_cron_is_switched_on_with_a_schedule_and_off_without_losing_it(
    run: Run, server: Recorder
) -> None:
    server.add_actor("words")
    assert run("cron", "words", "now + 1 day").code == 0
    assert (server.body("PUT", "")["cronSchedule"], server.body("PUT", "")["cronOn"]) == (
        "now + 1 day",
        True,
    )
    assert run("cron", "words", "--off").code == 0
    assert server.body("PUT", "")["cronOn"] is False
    assert run("cron", "words").out == "cronSchedule\tnow + 1 day\ncronOn\tfalse\n"


def test_a_search_says_how_many_it_does_not_show(run: Run, server: Recorder) -> None:
    ran = run("search", "executions", "status.neq=ERROR", "-n", "1", "-q", "some words")
    assert ran.out == "e1\ta1\tCOMPLETE\t\t2026-11-21T17:18:35.464Z\n"
    assert ran.err == "1 of 7\n"
    params = dict(server.seen("GET", "/search/executions")[-1].url.params)
    wanted = {"status.neq": "ERROR", "limit": "1", "skip": "0", "search": "some words"}
    assert params == wanted


def test_a_secret_needs_its_value_again_and_is_not_listed(run: Run, server: Recorder) -> None:
    one, two = (server.add_actor(name)["id"] for name in ("a1", "a2"))
    assert run("configs", "create", "c", "-", "-a", "a1", "--secret", stdin="s3cret").code == 0
    wanted = {"name": "c", "value": "s3cret", "isSecret": True, "actors": one}
    assert server.body("POST", "/configs$") == wanted
    assert run("configs", "update", "c", "--secret", "-a", "a1", "-a", "a2").code == 0
    assert server.body("PUT", "/configs/c") == wanted | {"value": "1", "actors": f"{one},{two}"}


def test_a_terminal_gets_a_table_unless_plain_text_is_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = (
        "from abaco_jupyter.cli import output;"
        "output.table([{'id': 'i1', 'status': 'READY'}], {'id': 'id', 'status': 'status'})"
    )
    fancy = _on_a_terminal(program, os.environ | {"TERM": "xterm"})
    assert "\x1b[" in fancy
    assert "status" in fancy
    assert _on_a_terminal(program, os.environ | {"ABACO_PLAIN": "1"}) == "i1\tREADY\n"


def _on_a_terminal(program: str, environment: dict[str, str]) -> str:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    attributes = termios.tcgetattr(theirs)
    attributes[1] &= ~termios.OPOST  # what is written is what is read
    termios.tcsetattr(theirs, termios.TCSANOW, attributes)
    with subprocess.Popen([sys.executable, "-c", program], stdout=theirs, env=environment) as child:
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    assert child.returncode == 0
    return shown.decode()


def test_help_needs_nothing_heavy() -> None:
    program = (
        "import sys, abaco_jupyter.cli.app;"
        "heavy = ('httpx', 'msgspec', 'rich', 'IPython', 'jupyter_core', 'cloudpickle', 'docker');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
