"""What the first line of a cell may say, through to a real server, whose runner needs no engine."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from abaco_jupyter.client.errors import ExecutionFailed
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.magics.registry import AbacoMagics
from abaco_jupyter.wire.errors import AbacoError
from live_server import LiveServer

ADD = '''
import os
OFFSET = 1

def add(a, b=0):
    """Add two values."""
    return a + b + OFFSET
'''


@pytest.fixture
def abaco(live: LiveServer) -> Iterator[Abaco]:
    with Abaco(live.url, live.token) as client:
        yield client
        for actor in client.actors():
            actor.delete()


@pytest.fixture
def shell(live: LiveServer, abaco: Abaco) -> Iterator[InteractiveShell]:
    made = InteractiveShell.instance()
    magics = AbacoMagics(made, connect=lambda: Abaco(live.url, live.token))
    made.register_magics(magics)
    yield made
    magics.close()
    InteractiveShell.clear_instance()


Make = Callable[..., Any]


@pytest.fixture
def make(shell: InteractiveShell) -> Make:
    def make(line: str, cell: str = ADD) -> Any:
        shell.run_cell_magic("abaco_actor", line, cell)
        return shell.user_ns.get(line.split()[0])

    return make


def test_every_option_reaches_the_server(
    make: Make,
    abaco: Abaco,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("API_KEY", "xyz")
    other = abaco.create("img:1", name="other")
    line = (
        "add --env 'A=x y' --hint mine --cpus 0.5 --memory 64m --max-workers 2 --timeout 5m "
        "--cron '30 2 * * mon-fri Europe/Rome' --cron 0 6 1 * * --cron 'now + 1 day' --link other "
        "--webhook https://h.example/x --public --share bob:READ --secret API_KEY"
    )
    actor = make(line)
    record = actor.record
    assert (record["maxCpus"], record["memLimit"], record["maxWorkers"]) == (5 * 10**8, "64m", 2)
    assert record["hints"] == ["mine", "isolation:process", "timeout:300"]
    assert (record["link"], record["webhook"]) == (other.id, "https://h.example/x")
    assert record["cronOn"]
    assert record["cronSchedule"].endswith(" + 1 day")
    rights = actor.permissions.all()
    assert (rights["ABACO_WORLD"], rights["bob"]) == ("EXECUTE", "READ")
    planned = [(each["cron"], each["timeZone"]) for each in actor.schedules.all()]
    assert planned == [("30 2 * * mon-fri", "Europe/Rome"), ("0 6 1 * *", "UTC")]
    config = abaco.configs.get("API_KEY")
    assert (config["isSecret"], config["actors"]) == (True, actor.id)
    assert "given the secret API_KEY, shared with bob (READ)" in capsys.readouterr().out
    make(line)
    assert "add is unchanged (revision 1): nothing was built" in capsys.readouterr().out
    make("add --cron '0 6 1 * *'")
    assert [each["cron"] for each in actor.schedules.all()] == ["0 6 1 * *"]
    assert actor.record["hints"] == ["mine", "isolation:process"]
    abaco.configs.delete("API_KEY")


def test_a_secret_is_given_to_the_code_and_to_a_second_actor(
    make: Make, abaco: Abaco, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_KEY", "s3")
    code = (
        "import ast, os\n\ndef add(a):\n    return ast.literal_eval(os.environ['_actor_configs'])\n"
    )
    assert make("add --secret DB_KEY", code).remote("x") == {"DB_KEY": "s3"}
    second = make("more --secret DB_KEY", code)
    assert abaco.configs.get("DB_KEY")["actors"].split(",")[1] == second.id
    monkeypatch.delenv("DB_KEY")
    make("add --secret DB_KEY", code)  # it has it already: nobody is asked for the value
    abaco.configs.delete("DB_KEY")


def test_calls_take_any_arguments_and_run_here_too(make: Make) -> None:
    add = make("add")
    assert add.remote(a=1, b=2) == 4
    assert add.local(1, b=2) == 4
    assert add.spawn(1.5, b=2).result(60) == 4.5
    assert list(add.map([1, 2], [10, 20])) == [12, 23]
    assert list(add.starmap([(1, 2), (3, 4)], chunksize=2)) == [4, 8]
    assert add.spawn(complex(1, 2)).result(60) == complex(2, 2)


def test_a_function_that_raises_is_called_again(make: Make, tmp_path: Path) -> None:
    counter = tmp_path / "n"
    code = f'''
from pathlib import Path

def add(text):
    with open("{counter}", "a") as file:
        file.write("x")
    if len(Path("{counter}").read_text()) < 3:
        raise ValueError("not yet")
    return text.upper()
'''
    add = make("add --retries 2", code)
    assert add.remote("a") == "A"
    assert "attempt 2 of 3 failed" in add.executions()[-1].logs


def test_an_execution_that_takes_too_long_is_stopped(make: Make) -> None:
    code = "import time\n\ndef add(text):\n    time.sleep(600)\n"
    with pytest.raises(ExecutionFailed, match="its time limit"):
        make("add --timeout 1s", code).remote("a")


def test_local_runs_the_cell_here_as_well(make: Make, shell: InteractiveShell) -> None:
    add = make("add --local --out plus")
    assert add is shell.user_ns["add"]
    assert shell.user_ns["OFFSET"] == 1
    shell.user_ns["OFFSET"] = 100
    plus = shell.user_ns["plus"]
    assert (plus.local(1), plus.remote(a=1)) == (101, 2)


def test_no_build_needs_the_image(make: Make) -> None:
    with pytest.raises(AbacoError, match="no image of add as it stands here"):
        make("add --no-build --env NEVER=built")
    make("add --env BUILT=once")
    assert make("add --no-build --env BUILT=once").revision == 1


def test_noblock_builds_in_the_background(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    add = make("add --noblock --env BACK=ground")
    assert add.remote(a=1, b=1) == 3
    assert add.done
    assert "add is registered" in capsys.readouterr().out
    broken = make("gone --noblock --link nobody --env A=1")
    with pytest.raises(AbacoError, match="No actor is 'nobody'"):
        broken.wait(60)
    assert "gone was not made. ActorNotFound" in capsys.readouterr().out
    assert "was not made" in repr(broken)


def test_a_new_actor_that_cannot_be_given_what_it_needs_is_removed(
    make: Make, abaco: Abaco, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIG", "x" * 200_000)
    with pytest.raises(AbacoError, match="BIG takes 200"):
        make("add --secret BIG")
    assert abaco.named("add") is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("add --cpus 0", "--cpus is 0; it must be from 0.01"),
        ("add --memory 1m", "'1m' is less than 6m"),
        ("add --timeout soon", "'soon' is not a time such as"),
        ("add --timeout 0", "not from one second"),
        ("add --retries -1", "--retries is -1"),
        ("add --isolation procss", r"--isolation 'procss' is none of .* Did you mean process\?"),
        ("add --cron 'every day'", "neither five fields"),
        ("add --cron '61 2 * * *'", "'61' is not a minute, which is 0 to 59"),
        ("add --cron '1 2 * * * Europa/Rom'", "'Europa/Rom' is not a time zone"),
        ("add --webhook h.example", "not the URL of a web server"),
        ("add --secret KEY=value", "without its value, which would be saved"),
        ("add --share bob:REED", r"'REED' is none of .* Did you mean READ\?"),
        ("add --pipp numpy", r"Did you mean --pip\?"),
        ("add --hint {a}", "must be a simple text"),
    ],
)
def test_values_out_of_range_are_refused_before_anything_is_asked(
    shell: InteractiveShell, make: Make, line: str, complaint: str
) -> None:
    magics = shell.magics_manager.registry["AbacoMagics"]
    magics._connect = lambda: pytest.fail("the server was asked")
    with pytest.raises(UsageError, match=complaint):
        make(line)
