"""The `sitecustomize` of our images: what Python does at its start, and to requests."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

RUNTIME = Path(__file__).parents[2] / "images" / "runtime"
STARTUP = RUNTIME / "abaco_runtime" / "startup"

ASK = """
import json, sys, requests
[url, headers] = json.loads(sys.argv[1])
print(requests.get(url, headers=headers, verify=False).text, end="")
"""


class Door(HTTPServer):
    """Answers with what it was asked."""

    @property
    def at(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def door() -> Iterator[Door]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = {"path": self.path, "authorization": self.headers.get("Authorization")}
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with Door(("127.0.0.1", 0), Answer) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def python(source: str, *arguments: str, path: str = "", **environment: str) -> str:
    """What a Python in a container prints; `path` is the user's part of PYTHONPATH."""
    places = os.pathsep.join(filter(None, [str(STARTUP), path, str(RUNTIME)]))
    ran = subprocess.run(
        [sys.executable, "-c", source, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": places, **environment},
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def asked(url: str, headers: dict[str, str] | None = None, **environment: str) -> dict[str, str]:
    """What reached the server."""
    found: dict[str, str] = json.loads(python(ASK, json.dumps([url, headers or {}]), **environment))
    return found


def test_agavepys_address_becomes_the_servers(door: Door) -> None:
    for base in ("", "/user/ada"):
        found = asked(
            f"https://{door.at}/actors/v2/A?x=1",
            _abaco_api_server=f"http://{door.at}{base}",
            _abaco_access_token="T",
        )
        assert found == {"path": f"{base}/actors/v2/A?x=1", "authorization": "Bearer T"}


def test_a_true_address_stays_as_it_is(door: Door) -> None:
    server = f"http://{door.at}/user/ada"
    found = asked(f"{server}/actors/v2", _abaco_api_server=server, _abaco_access_token="T")
    assert found == {"path": "/user/ada/actors/v2", "authorization": "Bearer T"}


def test_a_token_or_nonce_that_is_there_stays(door: Door) -> None:
    known = {"_abaco_api_server": f"http://{door.at}", "_abaco_access_token": "T"}
    own = asked(f"https://{door.at}/actors/v2", {"Authorization": "Bearer mine"}, **known)
    assert own["authorization"] == "Bearer mine"
    assert asked(f"https://{door.at}/actors/v2?x-nonce=N", **known)["authorization"] is None
    known["_abaco_access_token"] = ""
    assert asked(f"https://{door.at}/actors/v2", **known)["authorization"] is None


def test_the_token_goes_nowhere_else(door: Door) -> None:
    host = door.at.partition(":")[0]
    for server in (f"http://{host}:1", "http://elsewhere.example", ""):
        found = asked(f"http://{door.at}/a", _abaco_api_server=server, _abaco_access_token="T")
        assert found == {"path": "/a", "authorization": None}


def test_no_proxy_stands_between(door: Door) -> None:
    found = asked(
        f"https://{door.at}/actors/v2",
        _abaco_api_server=f"http://{door.at}",
        http_proxy="http://127.0.0.1:1",
        https_proxy="http://127.0.0.1:1",
    )
    assert found["path"] == "/actors/v2"


def test_requests_that_is_not_imported_costs_nothing() -> None:
    source = "import sys; print(sorted(set(sys.modules) & set(sys.argv[1:])))"
    names = ("requests", "urllib.parse", "functools", "json", "importlib.util")
    bare = subprocess.run(
        [sys.executable, "-S", "-c", source, *names], capture_output=True, text=True, timeout=60
    ).stdout
    found = python(source, *names, _abaco_api_server="http://x:1")
    assert "requests" not in found
    assert "urllib.parse" not in found
    assert bare == "[]\n"


@pytest.mark.parametrize("server", ["", "http://x:1"])
def test_the_users_own_sitecustomize_runs_and_is_the_one_that_is_known(
    tmp_path: Path, server: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os\nMINE = __name__ + os.sep\n")
    source = "import sitecustomize as s; print(s.MINE, s.__file__, s.__spec__.name)"
    found = python(source, path=str(tmp_path), _abaco_api_server=server)
    assert found == f"sitecustomize/ {tmp_path / 'sitecustomize.py'} sitecustomize\n"


def test_two_copies_of_ours_do_the_work_once(door: Door, tmp_path: Path) -> None:
    """An image on a base that has it already, as `abaco-jupyter/python` does."""
    copy = tmp_path / "sitecustomize.py"
    copy.write_bytes((STARTUP / "sitecustomize.py").read_bytes())
    known = {"_abaco_api_server": f"http://{door.at}/p", "_abaco_access_token": "T"}
    found = asked(f"https://{door.at}/actors/v2", path=str(tmp_path), **known)
    assert found == {"path": "/p/actors/v2", "authorization": "Bearer T"}
