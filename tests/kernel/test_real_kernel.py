"""The notebook side in a real kernel, over a real socket, against the fake server."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_server import TOKEN, FakeServer, Script, exception_of
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

CELL = "%%abaco_actor count --pip numpy\ndef count(text):\n    return len(text)\n"
SLOW = Script(log=("one\n", "two\n"), results=(b"7",))


class _Bridge(http.server.BaseHTTPRequestHandler):
    """Hands requests of a socket to `FakeServer.handle`."""

    server: "_Server"

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        request = httpx.Request(
            self.command,
            f"http://fake{self.path}",
            headers=list(self.headers.items()),
            content=self.rfile.read(length),
        )
        response = self.server.fake.handle(request)
        self.send_response(response.status_code)
        self.send_header("Connection", "close")
        for name, value in response.headers.items():
            if name not in ("content-length", "transfer-encoding"):
                self.send_header(name, value)
        self.end_headers()
        assert isinstance(response.stream, httpx.SyncByteStream)
        for chunk in response.stream:
            self.wfile.write(chunk)
            self.wfile.flush()

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, *_: Any) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, fake: FakeServer) -> None:
        super().__init__(("127.0.0.1", 0), _Bridge)
        self.fake = fake


@pytest.fixture
def url(server: FakeServer) -> Iterator[str]:
    with _Server(server) as bridge:
        thread = threading.Thread(target=bridge.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{bridge.server_port}/user/ann"
        bridge.shutdown()
        thread.join()


def run(url: str, monkeypatch: pytest.MonkeyPatch, *cells: str) -> list[Any]:
    monkeypatch.setenv("ABACO_URL", url)
    monkeypatch.setenv("ABACO_TOKEN", TOKEN)
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "x", "language": "python"}
    client = NotebookClient(notebook, timeout=60, allow_errors=False)
    client.execute()
    return [cell.outputs for cell in notebook.cells]


@pytest.mark.filterwarnings("default")  # of the kernel's own client
def test_build_log_and_call_land_in_their_cells(
    server: FakeServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.scripts = [SLOW]
    loaded, made, called, after = run(
        url, monkeypatch, "%load_ext abaco_jupyter", CELL, "count('x')", "count"
    )
    assert loaded == []
    view, said = made
    assert view.output_type == "display_data"
    assert "building count · built" in view.data["text/plain"]
    assert "Step 2/2" in view.data["text/html"]
    assert "count is registered (revision 1)" in said.text
    log, value = called
    assert log.data["text/plain"].startswith("count · COMPLETE")
    assert log.data["text/plain"].endswith("one\ntwo")
    assert value.data["text/plain"] == "7"
    assert "Actor count" in after[0].data["text/html"]


@pytest.mark.filterwarnings("default")
def test_the_users_own_exception_ends_the_cell(
    server: FakeServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = {"status": "COMPLETE", "exitCode": 1, "exception": exception_of(KeyError("cheese"))}
    server.scripts = [Script(end=end)]
    with pytest.raises(CellExecutionError) as caught:
        run(url, monkeypatch, "%load_ext abaco_jupyter", CELL, "count('x')")
    assert caught.value.ename == "KeyError"
    assert "RemoteTraceback" in caught.value.traceback
    assert "count('x')" in caught.value.traceback
    assert "abaco_jupyter" not in caught.value.traceback, "the frames on the way are hidden"


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("cell", ["count(1, 2)", "count.submit('x').wait(0.1)", "count('x')"])
def test_no_error_of_a_call_shows_our_frames(
    server: FakeServer, url: str, monkeypatch: pytest.MonkeyPatch, cell: str
) -> None:
    server.scripts = [Script(waits=True)]
    before = "count.delete()" if cell == "count('x')" else "pass"
    with pytest.raises(CellExecutionError) as caught:
        run(url, monkeypatch, "%load_ext abaco_jupyter", CELL, before, cell)
    assert caught.value.ename in ("TypeError", "TimeoutError", "ActorNotFound")
    assert cell in caught.value.traceback
    assert "/abaco_jupyter/" not in caught.value.traceback


@pytest.mark.filterwarnings("default")
def test_a_failing_build_is_told_without_our_frames(
    server: FakeServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.build_error = "The build failed: there is no numpy"
    with pytest.raises(CellExecutionError) as caught:
        run(url, monkeypatch, "%load_ext abaco_jupyter", CELL)
    assert caught.value.ename == "BuildFailed"
    assert "registry.py" not in caught.value.traceback


@pytest.mark.filterwarnings("default")
def test_what_a_thread_says_lands_in_its_own_cell(
    server: FakeServer, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # nbclient drops what is said while no cell runs: the threads go on once the last one does.
    server.build_gate = tmp_path / "the last cell runs"
    background = CELL.replace("--pip numpy", "--pip numpy --noblock")
    other = background.replace("count", "other")
    _, first, second, third = run(
        url,
        monkeypatch,
        "%load_ext abaco_jupyter",
        background,
        other,
        f"open({str(server.build_gate)!r}, 'w').close()\n"
        "count.wait(60), other.wait(60)\nprint('here')",
    )
    for outputs, name in ((first, "count"), (second, "other")):
        told = [output.data["text/plain"] for output in outputs]
        assert f"building {name} · built" in told[0]
        assert f"{name} is registered (revision 1)" in told[1]
    assert [output.text for output in third] == ["here\n"]
