"""Which server a command talks to."""

import json
import stat
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fake_server import TOKEN, URL
from recorder import Recorder, Run
from typer.testing import CliRunner

from abaco_jupyter.cli import profiles
from abaco_jupyter.cli.app import app

FILE = Path(".config/abaco/profiles.toml")


class Hosts:
    """Which host was asked, with which token."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str]] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.asked.append((urlsplit(str(request.url)).hostname, token))
        status = {"username": "ann", "runner": "docker", "version": "1", "ready": True}
        return httpx.Response(200, json={"result": status, "message": ""})

    def first(self, *words: str) -> tuple[str | None, str]:
        """Who is asked first when `abaco status` is run with these words."""
        self.asked.clear()
        transport = httpx.MockTransport(self.handle)
        done = CliRunner().invoke(app, ["status", *words], obj=transport)
        assert done.exit_code == 0, done.stderr
        return self.asked[0]


@pytest.fixture
def hosts() -> Hosts:
    return Hosts()


def _login(name: str, url: str, token: str) -> None:
    words = ["login", name, "--url", url, "--token", token, "--no-check"]
    assert CliRunner().invoke(app, words).exit_code == 0


def test_login_asks_the_server_and_keeps_what_nobody_else_may_read(
    run: Run, server: Recorder, home: Path
) -> None:
    ran = run("login", "work", "--url", URL, "--token", "-", stdin=f"{TOKEN}\n")
    assert ran.out == f"Profile work ({URL}) is used from now on.\n"
    assert stat.S_IMODE((home / FILE).stat().st_mode) == 0o600
    assert profiles.read().get("work") == profiles.Profile(url=URL, token=TOKEN)
    assert run("profiles").out == f"*\twork\t{URL}\n"
    assert TOKEN not in run("profiles", "--json").out


def test_login_keeps_nothing_when_the_server_does_not_take_the_token(
    run: Run, server: Recorder, home: Path
) -> None:
    assert run("login", "--url", URL, "--token", "wrong").code == 4
    assert not (home / FILE).exists()


def test_a_server_that_was_found_can_be_kept(run: Run, server: Recorder) -> None:
    assert run("login").code == 0
    assert profiles.read().get("default") == profiles.Profile(url=URL, token=TOKEN)


def test_the_nearest_word_decides_which_server(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    _login("one", "http://one", "t1")
    _login("two", "http://two", "t2")
    assert hosts.first() == ("two", "t2")
    monkeypatch.setenv("ABACO_URL", "http://surroundings")
    monkeypatch.setenv("ABACO_TOKEN", "t0")
    assert hosts.first() == ("surroundings", "t0")
    monkeypatch.setenv("ABACO_PROFILE", "one")
    assert hosts.first() == ("one", "t1")
    assert hosts.first("--profile", "two") == ("two", "t2")
    assert hosts.first("--profile", "two", "--token", "t3") == ("two", "t3")
    assert hosts.first("--url", "http://three") == ("three", "t0")


def test_profiles_are_changed_and_forgotten(run: Run, hosts: Hosts) -> None:
    _login("one", "http://one", "t1")
    _login("two", "http://two", "t2")
    assert run("profiles", "--use", "one").out == "*\tone\thttp://one\n\ttwo\thttp://two\n"
    assert run("profiles", "--remove", "one").out == "\ttwo\thttp://two\n"
    assert profiles.read().current is None
    assert run("profiles", "--use", "one").code == 3


def test_the_notebook_server_on_this_machine_is_found(hosts: Hosts, home: Path) -> None:
    runtime = home / "runtime"
    runtime.mkdir()
    said = {"url": "http://found:8888/", "token": "t", "base_url": "/", "pid": 1}
    (runtime / "jpserver-1.json").write_text(json.dumps(said))
    assert hosts.first() == ("found", "t")


def test_what_the_agave_cli_was_logged_in_to_is_the_last_resort(hosts: Hosts, home: Path) -> None:
    (home / ".agave").mkdir()
    said = {"baseurl": "http://agave", "access_token": "t"}
    (home / ".agave/current").write_text(json.dumps(said))
    assert hosts.first() == ("agave", "t")
    _login("one", "http://one", "t1")
    assert hosts.first() == ("one", "t1")
    assert hosts.first("--profile", "agave") == ("agave", "t")


@pytest.mark.parametrize("text", ["no toml", "[profiles.x]\ntoken = 1", "profiles = 3"])
def test_a_file_that_is_spoilt_is_named(run: Run, home: Path, text: str) -> None:
    (home / FILE).parent.mkdir(parents=True)
    (home / FILE).write_text(text)
    ran = run("profiles")
    assert ran.code == 2
    assert str(home / FILE) in ran.err


def test_names_and_tokens_survive_the_file() -> None:
    odd = profiles.Profile(url='http://h/ü?a="b"\\', token="t\x7f\n'")
    profiles.write(profiles.Profiles(current="a.b@c", by_name={"a.b@c": odd}))
    assert profiles.read() == profiles.Profiles(current="a.b@c", by_name={"a.b@c": odd})


def test_completion_names_actors_and_aliases(
    run: Run, server: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from abaco_jupyter.cli import complete

    made = server.add_actor("words", description="Counts words.")
    server.aliases["wordy"] = made["id"]

    class Context:
        params: dict[str, str | None] = {}  # noqa: RUF012
        obj = server.http

    found = complete.actors(Context(), "wor")  # type: ignore[arg-type]
    assert found == [("words", "Counts words."), ("wordy", f"alias of {made['id']}")]
    assert [name for name, _ in complete.actors(Context(), made["id"][:4])] == [made["id"]]  # type: ignore[arg-type]
    assert complete.aliases(Context(), "") == [("wordy", made["id"])]  # type: ignore[arg-type]


def test_completion_is_silent_when_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    from abaco_jupyter.cli import complete

    class Context:
        params = {"url": "http://127.0.0.1:1"}  # noqa: RUF012
        obj = None

    assert complete.actors(Context(), "") == []  # type: ignore[arg-type]
