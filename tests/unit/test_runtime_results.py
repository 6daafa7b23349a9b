"""Results, exceptions and state: what leaves the container and which way it takes."""

import base64
import http.server
import json
import os
import pickle
import socket
import threading
from contextlib import contextmanager

import pytest
from actor_process import ActorProcess

SCRIPT = "from abaco_runtime import *\n"


def script(tmp_path, body):
    return ActorProcess(tmp_path, SCRIPT + body, entry=None)


def test_many_results_keep_their_order(tmp_path):
    ran = script(tmp_path, "for n in range(12): send_result(n)").run("m")
    assert ran.results == list(range(12))


def test_numbers_are_never_used_twice_although_the_server_deletes(tmp_path):
    actor = script(tmp_path, "send_bytes_result(b'x')")
    for number in (1, 2, 3):
        actor.run("m")
        [path] = actor.out.glob("*.result")
        assert path.name == f"{number:06d}.result"
        path.unlink()


def test_forked_processes_do_not_overwrite_each_other(tmp_path):
    body = """
import os
children = []
for n in range(4):
    child = os.fork()
    if not child:
        for k in range(5): send_result([n, k])
        os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
"""
    ran = script(tmp_path, body).run("m")
    assert sorted(ran.results) == [[n, k] for n in range(4) for k in range(5)]


def test_files_can_be_read_by_a_server_of_another_user(tmp_path):
    actor = script(tmp_path, "import os; os.umask(0o077); send_bytes_result(b'x')")
    actor.run("m")
    [path] = actor.out.glob("*.result")
    assert path.stat().st_mode & 0o777 == 0o644
    assert [p.name for p in actor.out.iterdir() if p.name.endswith(".part")] == []


def test_each_result_pokes_the_server(tmp_path):
    actor = script(tmp_path / ("deep" * 40), "send_result(1); send_result(2)")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as poke:
        shared = os.open(actor.shared, os.O_RDONLY)
        poke.bind(f"/proc/self/fd/{shared}/poke.sock")
        os.close(shared)
        poke.setblocking(False)
        assert actor.run("m").code == 0
        assert [poke.recv(10), poke.recv(10)] == [b"", b""]


def test_python_result_is_a_pickle_whatever_it_is(tmp_path):
    [body] = script(tmp_path, "send_python_result({'a': 1})").run("m").bodies
    assert pickle.loads(body) == {"a": 1}


def test_bytes_result_takes_bytes_only(tmp_path):
    ran = script(tmp_path, "send_bytes_result('text')").run("m")
    assert "TypeError: send_bytes_result takes bytes, not str" in ran.err


def test_what_cannot_be_sent_is_said(tmp_path):
    ran = ActorProcess(tmp_path, "import threading\ndef f(): return threading.Lock()").run()
    assert ran.code == 1
    assert "a result of type 'lock' cannot be sent: " in ran.err


def test_without_abaco_a_text_result_is_printed(tmp_path):
    ran = ActorProcess(tmp_path, "def f(text): return {'got': text}").run("hello", spool=False)
    assert (ran.code, ran.out) == (0, '{"got": "hello"}\n')
    assert "the result is printed: there is no /_abaco_results.sock" in ran.err


def test_without_abaco_a_pickle_is_said_to_be_lost(tmp_path):
    ran = ActorProcess(tmp_path, "def f(text): return {1}").run("hello", spool=False)
    assert (ran.code, ran.out) == (0, "")
    assert "bytes is lost: there is no /_abaco_results.sock" in ran.err


DATAGRAM = """
import abaco_runtime.result as result
import os
result.SOCKET = os.environ["SOCKET"]
"""


def test_any_other_abaco_gets_one_datagram_for_each_result(tmp_path):
    path = tmp_path / "results.sock"
    actor = ActorProcess(tmp_path, DATAGRAM + "def f(text): return text * 131_070")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as results:
        results.bind(str(path))
        ran = actor.run("x", spool=False, SOCKET=str(path))
        assert (ran.code, ran.err) == (0, "")
        assert len(results.recv(200_000)) == 131_072


def test_a_result_too_long_for_a_datagram_names_both_sizes(tmp_path):
    path = tmp_path / "results.sock"
    actor = ActorProcess(tmp_path, DATAGRAM + "def f(text): return text * 131_071")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as results:
        results.bind(str(path))
        ran = actor.run("x", spool=False, SOCKET=str(path))
    assert ran.code == 1
    assert "ResultTooLong: the result has 131073 bytes" in ran.err
    assert "at most 131072" in ran.err


RAISES = """
class Odd(Exception):
    def __init__(self, n): super().__init__(f"odd: {n}"); self.n = n
def f(text):
    try:
        int(text)
    except ValueError as error:
        raise Odd(5) from error
"""


def test_an_exception_goes_over_as_facts_and_a_pickle(tmp_path):
    found = ActorProcess(tmp_path, RAISES).run("x").exception
    assert set(found) == {"type", "module", "message", "traceback", "pickle"}
    assert (found["type"], found["module"], found["message"]) == ("Odd", "__main__", "odd: 5")
    assert "The above exception was the direct cause" in found["traceback"]


def test_the_pickle_of_a_common_exception_gives_it_back(tmp_path):
    found = ActorProcess(tmp_path, "def f(text): raise KeyError(text, 2)").run("x").exception
    error = pickle.loads(base64.b64decode(found["pickle"]))
    assert (type(error), error.args) == (KeyError, ("x", 2))


@pytest.mark.parametrize(
    ("base", "arguments"),
    [("Exception", "5"), ("ValueError", "5"), ("Exception", "5, other=1"), ("KeyError", "n=5")],
)
def test_an_exception_with_an_init_of_its_own_comes_back_as_it_was(tmp_path, base, arguments):
    source = f"""
class Odd({base}):
    def __init__(self, n, *, other=None):
        super().__init__(f"odd: {{n}}")
        self.n, self.other = n, other
def f(text):
    raise Odd({arguments})
"""
    found = ActorProcess(tmp_path, source).run("x").exception
    error = pickle.loads(base64.b64decode(found["pickle"]))
    assert (str(error), error.args, error.n) == (found["message"], ("odd: 5",), 5)


def test_an_exception_that_pickles_itself_is_left_to_it(tmp_path):
    source = """
class Odd(OSError):
    def __init__(self, n): super().__init__(2, "gone"); self.n = n
    def __reduce__(self): return Odd, (self.n,)
def f(text): raise Odd(5)
"""
    found = ActorProcess(tmp_path, source).run("x").exception
    error = pickle.loads(base64.b64decode(found["pickle"]))
    assert (str(error), error.n, error.errno) == ("[Errno 2] gone", 5, 2)


@pytest.mark.parametrize(
    "source",
    [
        "import threading\ndef f(t): raise ValueError(threading.Lock())",
        "def f(t): raise ValueError('x' * 2_000_000)",
    ],
)
def test_an_exception_that_cannot_travel_still_tells_its_facts(tmp_path, source):
    found = ActorProcess(tmp_path, source).run("x").exception
    assert found["type"] == "ValueError"
    assert found["pickle"] is None
    assert len(found["message"]) <= 100_000


def test_an_exception_whose_str_raises(tmp_path):
    source = """
    class Broken(Exception):
        def __str__(self): raise RuntimeError
    def f(t): raise Broken
    """
    ran = ActorProcess(tmp_path, source).run("x")
    assert ran.code == 1
    assert ran.exception["message"] == "<its __str__ raised RuntimeError>"


def test_a_spool_that_is_gone_does_not_hide_the_exception(tmp_path):
    ran = ActorProcess(tmp_path, "def f(t): raise KeyError(t)").run("x", _abaco_dir="/no/such")
    assert ran.code == 1
    assert "KeyError: 'x'" in ran.err
    assert "the exception could not be reported" in ran.err


def test_state_is_the_value_and_get_context_gives_its_text(tmp_path):
    body = "print(get_state(), get_context().state)"
    ran = script(tmp_path, body).run("m", _abaco_actor_state="{'x': [1, None, True]}")
    assert ran.out == "{'x': [1, None, True]} {'x': [1, None, True]}\n"


def test_state_update_needs_a_token_and_says_so(tmp_path):
    ran = script(tmp_path, "update_state({'n': 1})").run("m", _abaco_api_server="http://x")
    assert ran.code == 1
    assert "this execution has no access token (_abaco_access_token)" in ran.err


@pytest.mark.parametrize("value", ["{}", "0", "None", "''"])
def test_empty_state_is_refused(tmp_path, value):
    ran = script(tmp_path, f"update_state({value})").run("m")
    assert "Abaco keeps no empty or false state" in ran.err


def test_state_through_the_file_that_the_server_names(tmp_path):
    actor = script(tmp_path, "update_state([1]); update_state({'n': 2}); print(get_state())")
    path = actor.out / "state.json"
    ran = actor.run("m", _abaco_state_file=str(path), _abaco_actor_state="{}")
    assert ran.out == "{'n': 2}\n"
    assert json.loads(path.read_bytes()) == {"n": 2}


def test_state_over_http(tmp_path):
    with api(200) as (url, seen):
        ran = script(tmp_path, "update_state({'n': 1})").run("m", **token(url))
    assert (ran.code, ran.err) == (0, "")
    assert seen == [("/base/actors/v2/A1/state", "Bearer T", {"n": 1})]


def test_state_of_a_stateless_actor_says_how_to_keep_one(tmp_path):
    with api(404) as (url, _):
        ran = script(tmp_path, "update_state({'n': 1})").run("m", **token(url))
    assert "RuntimeError: the state was not updated: this actor keeps none." in ran.err


def token(url):
    return {"_abaco_api_server": url, "_abaco_access_token": "T", "_abaco_actor_id": "A1"}


@contextmanager
def api(status):
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            seen.append((self.path, self.headers["Authorization"], body))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"actor is stateless.")

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/base", seen
        finally:
            server.shutdown()
            thread.join()
