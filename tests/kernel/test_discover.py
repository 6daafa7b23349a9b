import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from abaco_jupyter.client import discover
from abaco_jupyter.client.discover import Candidate, Place, find
from abaco_jupyter.client.errors import ServerNotFound, ServerUnreachable, UnexpectedAnswer
from abaco_jupyter.wire.errors import NotAuthorized

KERNEL = "0f1e2d3c-1111-2222-3333-444455556666"


def place(tmp_path: Path, kernel_id: str | None = KERNEL, **environ: str) -> Place:
    return Place(environ=environ, runtime_dir=tmp_path, kernel_id=kernel_id)


def server_file(tmp_path: Path, pid: int, **facts: Any) -> None:
    said = {"url": f"http://localhost:{pid}/", "base_url": "/", "token": f"t{pid}", "sock": ""}
    (tmp_path / f"jpserver-{pid}.json").write_text(json.dumps(said | facts))


def only(url: str) -> Callable[[Candidate], dict[str, Any]]:
    """A world in which one address answers."""

    def probe(candidate: Candidate) -> dict[str, Any]:
        if candidate.url != url:
            raise ServerUnreachable(candidate.url, "connection refused")
        return {"runner": "docker"}

    return probe


def everything(candidate: Candidate) -> dict[str, Any]:
    return {"runner": "docker"}


ALL = {
    "ABACO_URL": "http://variable:1",
    "ABACO_TOKEN": "tv",
    "_abaco_api_server": "http://inside:2",
    "_abaco_access_token": "ti",
    "JPY_PARENT_PID": "4711",
    "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8000/user/ann/",
    "JUPYTERHUB_API_TOKEN": "th",
}


@pytest.mark.parametrize(
    ("answers", "how", "token"),
    [
        ("http://variable:1", "ABACO_URL", "tv"),
        ("http://inside:2", "_abaco_api_server", "ti"),
        ("http://localhost:4711", "the server that started this kernel (jpserver-4711.json)", "t"),
        ("http://127.0.0.1:8000/user/ann", "JUPYTERHUB_SERVICE_URL", "th"),
        ("http://localhost:99", "a server on this machine (jpserver-99.json)", "t99"),
    ],
)
def test_the_first_that_answers_is_taken(
    tmp_path: Path, answers: str, how: str, token: str
) -> None:
    server_file(tmp_path, 4711, token="t")
    server_file(tmp_path, 99)
    found = find(None, None, place=place(tmp_path, **ALL), probe=only(answers))
    assert (found.server.url, found.server.how, found.server.token) == (answers, how, token)


def test_the_order_is_the_documented_one(tmp_path: Path) -> None:
    server_file(tmp_path, 4711)
    server_file(tmp_path, 99)
    tried = [
        each.how if isinstance(each, Candidate) else each
        for each in discover.candidates(None, None, place(tmp_path, **ALL))
    ]
    assert tried == [
        "ABACO_URL",
        "_abaco_api_server",
        "the server that started this kernel (jpserver-4711.json)",
        "JUPYTERHUB_SERVICE_URL",
        "a server on this machine (jpserver-4711.json)",
        "a server on this machine (jpserver-99.json)",
    ]


def test_an_explicit_url_is_the_only_one_tried(tmp_path: Path) -> None:
    where = place(tmp_path, **ALL)
    found = find("http://mine:5/", "tm", place=where, probe=everything)
    assert (found.server.url, found.server.token) == ("http://mine:5", "tm")
    with pytest.raises(ServerNotFound) as caught:
        find("http://mine:5", None, place=where, probe=only("http://variable:1"))
    assert "variable" not in str(caught.value)


def test_an_explicit_url_takes_the_token_of_the_environment(tmp_path: Path) -> None:
    found = find("http://mine:5", None, place=place(tmp_path, **ALL), probe=everything)
    assert found.server.token == "tv"


def test_servers_on_the_machine_must_run_this_kernel(tmp_path: Path) -> None:
    server_file(tmp_path, 99)
    found = find(None, None, place=place(tmp_path), probe=everything)
    assert found.server.kernel_id == KERNEL


def test_a_server_behind_a_unix_socket(tmp_path: Path) -> None:
    server_file(tmp_path, 4711, sock="/run/j.sock", base_url="/b/", url="http+unix://%2Frun/b/")
    found = find(None, None, place=place(tmp_path, JPY_PARENT_PID="4711"), probe=everything)
    assert (found.server.uds, found.server.url) == ("/run/j.sock", "http://localhost/b")


def test_the_error_lists_every_attempt_and_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "jpserver-4711.json").write_text("{broken")
    server_file(tmp_path, 99)
    where = place(tmp_path, ABACO_URL="http://gone:1", JPY_PARENT_PID="4711")
    with pytest.raises(ServerNotFound) as caught:
        find(None, None, place=where, probe=only("nowhere"))
    text = str(caught.value)
    assert "1. ABACO_URL: http://gone:1 does not answer (connection refused)" in text
    assert "2. _abaco_api_server: not set" in text
    assert "3. the server that started this kernel (jpserver-4711.json): the file cannot" in text
    assert "4. JUPYTERHUB_SERVICE_URL: not set" in text
    assert "6. a server on this machine (jpserver-99.json)" in text
    assert 'Abaco("http://host:8888", "token")' in text


@pytest.mark.parametrize(
    ("failure", "advice"),
    [
        (UnexpectedAnswer("html", status_code=404), "jupyter server extension list"),
        (NotAuthorized("refused the token"), "set ABACO_TOKEN"),
    ],
)
def test_the_way_out_fits_what_went_wrong(tmp_path: Path, failure: Exception, advice: str) -> None:
    def probe(candidate: Candidate) -> dict[str, Any]:
        raise failure

    with pytest.raises(ServerNotFound, match=advice):
        find(None, None, place=place(tmp_path, ABACO_URL="http://x:1"), probe=probe)


def test_outside_a_kernel_no_server_of_the_machine_is_guessed(tmp_path: Path) -> None:
    server_file(tmp_path, 99)
    with pytest.raises(ServerNotFound, match="this is no kernel of one"):
        find(None, None, place=place(tmp_path, None), probe=everything)


@pytest.mark.parametrize(
    ("arguments", "kernel"),
    [
        (["-f", f"/run/user/0/jupyter/kernel-{KERNEL}.json"], KERNEL),
        ([f"--f=/tmp/kernel-{KERNEL}.json"], KERNEL),
        (["-m", "pytest"], None),
    ],
)
def test_the_kernel_id_is_in_the_connection_file(arguments: list[str], kernel: str | None) -> None:
    assert discover.kernel_of(arguments) == kernel
