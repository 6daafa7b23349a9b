"""`jupyter abaco token`, run as a person runs it, on the database of a notebook server."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from traitlets.config import Application

from abaco_jupyter.wire.errors import NotAuthorized
from abaco_jupyter.wire.ids import new_id
from abaco_server.app import AbacoApp
from abaco_server.model.clock import SystemClock
from abaco_server.model.principal import Principal
from abaco_server.service import Desk, ServiceConfig
from abaco_server.service.credentials import Credentials
from abaco_server.store import Store


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATA", "CONFIG", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / name.lower()))
    (tmp_path / "config").mkdir()
    return tmp_path


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """`jupyter abaco token` with these words; exit code, what was said, what was noted."""

    def call(*words: str) -> tuple[int, str, str]:
        code = 0
        try:
            AbacoApp.launch_instance(["token", *words])
        except SystemExit as end:
            code = end.code or 0
        finally:
            # A process runs one command; this one runs several.
            type(Application.instance()).clear_instance()
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def bearer(url: str, token: str) -> Principal:
    """Whom a service on this database takes it for."""

    async def ask() -> Principal:
        clock = SystemClock()
        store = Store.open(url, payload_dir=Path("/nowhere"), clock=clock)
        desk = Desk(store=store, clock=clock, new_id=new_id, config=ServiceConfig(tenant="X"))
        try:
            return await Credentials(desk).bearer(token, api_server="")
        finally:
            await store.close()

    return asyncio.run(ask())


@pytest.fixture
def url(home: Path) -> str:
    return f"sqlite:///{home}/data/abaco/abaco.db"


def test_a_token_from_its_making_to_its_end(run: Run, url: str) -> None:
    words = ("--user", "ann", "--role", "user", "--role=privileged", "--label", "CI of foo")
    code, said, noted = run("create", *words, "--expires", "90d", "--tenant=DEV")
    assert (code, said[:7], said.count("\n")) == (0, "abaco_" + said[6], 1)
    assert said.strip() not in noted
    found = bearer(url, said.strip())
    assert (found.username, found.tenant) == ("ann", "DEV")
    assert found.roles == {"Internal/abaco-user", "Internal/abaco-privileged"}
    code, listed, _ = run("list", "--tenant", "DEV", "--json")
    record = json.loads(listed)
    assert (record["username"], record["roles"]) == ("ann", ["privileged", "user"])
    assert (record["label"], record["last_use_time"] is None) == ("CI of foo", False)
    assert "digest" not in record
    assert f"Token {record['id']} of ann in DEV" in noted
    assert run("revoke", record["id"], "--tenant", "DEV")[0] == 0
    with pytest.raises(NotAuthorized):
        bearer(url, said.strip())
    assert run("list", "--tenant=DEV")[1].count("\n") == 1


def test_a_table_for_people(run: Run) -> None:
    run("create", "--user", "ann", "--role", "admin", "--label", "a b")
    code, table, _ = run("list")
    head, row = table.splitlines()
    assert head.split()[:3] == ["ID", "USER", "ROLES"]
    assert row.split()[1:3] == ["ann", "admin"]
    assert (code, row.split()[5:]) == (0, ["never", "never", "a", "b"])


def test_the_role_is_user_unless_another_is_named(run: Run, url: str) -> None:
    token = run("create", "--user", "ann")[1].strip()
    found = bearer(url, token)
    assert (found.roles, found.tenant) == ({"Internal/abaco-user"}, "JUPYTER")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "Whose token shall it be? Name the user: --user ann."),
        (
            ["--user=a", "--role=boss"],
            "There is no role 'boss'; the roles are admin, privileged, user, limited.",
        ),
        (["--user=a b"], "The user 'a b' cannot be one: a name has 1 to 200 characters"),
        (["--user=a", "--expires=soon"], "'soon' is no time to expire at: give a period such as"),
        (["--user=a", "--expires=2001-01-01"], "The token would have expired at 2001-01-01"),
        (["--user=a", "--expire=1d"], "There is no option --expire; --help lists"),
        (["--user=a", "1d"], "What is '1d' for? --help says what may be given."),
        (
            ["--user=a", "--AbacoApp.store_url=sqlite:////proc/none/abaco.db"],
            "The database (AbacoApp.store_url) cannot be used: ",
        ),
    ],
)
def test_what_cannot_be_made(run: Run, words: list[str], reason: str) -> None:
    code, said, noted = run("create", *words)
    assert (code, said) == (1, "")
    assert reason in noted
    assert run("list")[1].count("\n") == 1


def test_what_cannot_be_revoked(run: Run) -> None:
    assert run("revoke")[::2] == (
        1,
        "Which token? Name its id, as `jupyter abaco token list` shows it.\n",
    )
    code, _, noted = run("revoke", "xyz")
    assert (code, noted) == (1, "No token 'xyz' in the tenant JUPYTER.\n")


def test_it_is_said_what_there_is_to_do(run: Run) -> None:
    code, _, noted = run()
    assert (code, noted) == (2, "Say what to do: jupyter abaco token create | list | revoke.\n")


def test_the_settings_of_the_notebook_server_hold(run: Run, home: Path) -> None:
    url = f"sqlite:///{home}/elsewhere.db"
    settings = {"AbacoApp": {"store_url": url, "tenant": "SETTING"}}
    (home / "config" / "jupyter_server_config.json").write_text(json.dumps(settings))
    token = run("create", "--user", "ann")[1].strip()
    assert bearer(url, token).tenant == "SETTING"
