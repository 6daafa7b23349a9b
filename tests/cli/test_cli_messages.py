"""`abaco submit`, `logs`, `results`: what is sent, what is written where, how it ends."""

import base64
import json
import os
import pickle
from pathlib import Path

import pytest
from fake_server import Script, exception_of
from recorder import Recorder, Run


@pytest.fixture
def actor(server: Recorder) -> str:
    actor_id: str = server.add_actor("words")["id"]
    return actor_id


def _sent(server: Recorder) -> tuple[bytes, str]:
    request = server.seen("POST", "/messages$")[-1]
    return request.content, request.headers["Content-Type"]


@pytest.mark.parametrize(
    ("words", "body"),
    [
        (("hello",), b'{"message":"hello"}'),
        (("-m", "hello"), b'{"message":"hello"}'),
        (("-m", '{"a": [1, null]}'), b'{"a": [1, null]}'),
        (("-m", "5"), b"5"),
        (("-m", "null"), b"null"),
        (("-m", "5", "--text"), b'{"message":"5"}'),
        (("-m", ""), b'""'),
        (("-",), b'{"message":"from stdin\\n"}'),
    ],
)
def test_a_message_is_sent_as_json_when_it_is_json(
    run: Run, server: Recorder, actor: str, words: tuple[str, ...], body: bytes
) -> None:
    ran = run("submit", actor, *words, stdin="from stdin\n")
    assert (ran.code, ran.out) == (0, f"{list(server.executions)[-1]}\n")
    assert _sent(server) == (body, "application/json")


@pytest.mark.parametrize("place", ["file", "-"])
def test_a_file_is_sent_as_its_bytes(
    run: Run, server: Recorder, actor: str, place: str, tmp_path: Path
) -> None:
    body = bytes(range(256))
    (tmp_path / "file").write_bytes(body)
    word = "-" if place == "-" else str(tmp_path / "file")
    assert run("submit", actor, "--file", word, stdin=body).code == 0
    assert _sent(server) == (body, "application/octet-stream")


def test_variables_travel_with_the_message(run: Run, server: Recorder, actor: str) -> None:
    assert run("submit", actor, "m", "-e", "A=x y", "-q", "b=1&c=", "--env", "D=").code == 0
    params = dict(server.seen("POST", "/messages$")[-1].url.params)
    assert params == {"A": "x y", "b": "1", "c": "", "D": ""}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ((), "Give one message"),
        (("a", "-m", "b"), "Give one message"),
        (("a", "-e", "A"), "'A' is not of the form NAME=value."),
        (("a", "-e", "message=b"), "Abaco takes that for the message"),
        (("a", "-q", "a&b"), "is not of the form 'a=1&b=2'"),
        (("a", "--sync", "--wait"), "--sync waits in its own way"),
        (("a", "-Z", "n", "--wait"), "A nonce cannot follow"),
        (('{"message": "a", "b": 1}',), "drops the other fields"),
        (("--file", "/nowhere/at/all"), "No such file"),
    ],
)
def test_what_cannot_be_sent_is_said_in_one_line(
    run: Run, server: Recorder, actor: str, words: tuple[str, ...], why: str
) -> None:
    ran = run("submit", actor, *words)
    assert (ran.code, ran.out) == (2, "")
    assert why in ran.err
    assert ran.err.startswith("abaco: ")
    assert ran.err.count("\n") == 1
    assert not server.seen("POST", "/messages$")


def test_follow_shows_the_log_and_ends_as_the_execution_does(
    run: Run, server: Recorder, actor: str
) -> None:
    server.scripts.append(Script(log=("one\n", "two\n")))
    ran = run("submit", actor, "m", "--follow")
    assert (ran.code, ran.out, ran.err) == (0, "one\ntwo\n", "")


def test_wait_writes_the_results(run: Run, server: Recorder, actor: str) -> None:
    server.scripts.append(Script(results=(b'{"n": 1}', b"\x80\x00raw")))
    ran = run("submit", actor, "m", "--wait")
    assert (ran.code, ran.raw) == (0, b'{"n": 1}\n\x80\x00raw')


def test_with_both_the_log_goes_to_the_standard_error(
    run: Run, server: Recorder, actor: str
) -> None:
    server.scripts.append(Script(log=("one\n",), results=(b"42",)))
    ran = run("submit", actor, "m", "-f", "-w")
    assert (ran.code, ran.out, ran.err) == (0, "42\n", "one\n")


def test_a_failure_is_exit_code_1_and_one_line(run: Run, server: Recorder, actor: str) -> None:
    end = {"status": "COMPLETE", "exitCode": 1, "exception": exception_of(ValueError("bad input"))}
    server.scripts.append(Script(log=("half\n",), end=end))
    ran = run("submit", actor, "m", "--follow")
    assert (ran.code, ran.out) == (1, "half\n")
    assert ran.err.startswith("abaco: Execution ")
    assert ran.err.endswith("of words raised ValueError: bad input\n")


class Trap:
    """Its pickle makes a directory when it is read."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


def test_nothing_that_an_actor_pickled_is_read(
    run: Run, server: Recorder, actor: str, tmp_path: Path
) -> None:
    trap = pickle.dumps(Trap(str(tmp_path / "sprung")))
    raised = exception_of(ValueError("bad")) | {"pickle": base64.b64encode(trap).decode()}
    end = {"status": "COMPLETE", "exitCode": 1, "exception": raised}
    server.scripts += [Script(results=(trap,), end=end), Script(results=(trap,), end=end)]
    assert run("submit", actor, "m", "--wait").code == 1
    assert run("submit", actor, "m", "--wait", "--json").code == 1
    assert not (tmp_path / "sprung").exists()


def test_a_failure_in_silence_shows_the_end_of_the_log(
    run: Run, server: Recorder, actor: str
) -> None:
    server.scripts.append(Script(log=("why\n",), end={"status": "COMPLETE", "exitCode": 3}))
    ran = run("submit", actor, "m", "--wait")
    assert (ran.code, ran.out) == (1, "")
    assert "ended with exit code 3" in ran.err
    assert ran.err.endswith("The end of its log:\nwhy\n")


def test_json_is_the_last_record_and_nothing_else(run: Run, server: Recorder, actor: str) -> None:
    end = {"status": "COMPLETE", "exitCode": 2}
    server.scripts.append(Script(results=(b'{"n": 1}', b"text", b"\xff"), end=end))
    ran = run("submit", actor, "m", "--follow", "--wait", "--json")
    told = json.loads(ran.out)
    assert (ran.code, told["exitCode"], told["status"]) == (1, 2, "COMPLETE")
    assert told["results"] == [{"n": 1}, "text", {"base64": "/w=="}]
    assert ran.err.startswith("hello\n")


def test_json_of_a_plain_submit_is_the_receipt(run: Run, server: Recorder, actor: str) -> None:
    told = json.loads(run("submit", actor, "m", "--json").out)
    assert told["executionId"] == list(server.executions)[-1]
    assert told["msg"] == "..."


def test_time_over_is_exit_code_6_and_tells_what_goes_on(
    run: Run, server: Recorder, actor: str
) -> None:
    server.scripts.append(Script(waits=True))
    ran = run("submit", actor, "m", "--wait", "--timeout", "0.05")
    execution = list(server.executions)[-1]
    assert (ran.code, ran.out) == (6, "")
    assert ran.err == (
        f"abaco: Not ended after 0.05 s. Execution {execution} goes on: `abaco logs -f {actor} "
        f"{execution}` shows its log, `abaco halt {actor} {execution}` stops it.\n"
    )


def test_a_synchronous_message_writes_its_answer(run: Run, server: Recorder, actor: str) -> None:
    ran = run("submit", actor, "m", "-x", "-e", "A=1")
    assert (ran.code, ran.out) == (0, f"answer of {actor}\n")
    assert server.seen("POST", "/messages$")[-1].url.params["A"] == "1"


def test_a_nonce_goes_without_a_token_and_asks_nothing_else(
    run: Run, server: Recorder, actor: str
) -> None:
    server.requests.clear()
    ran = run("submit", actor, "m", "-Z", "DEV_n1", "-e", "A=1")
    assert (ran.code, ran.out) == (0, "e1\n")
    (request,) = server.requests
    assert dict(request.url.params) == {"x-nonce": "DEV_n1", "A": "1"}


def test_logs_are_of_the_newest_execution_unless_one_is_named(
    run: Run, server: Recorder, actor: str
) -> None:
    server.scripts += [Script(log=("first\n",)), Script(log=("second, no end of line",))]
    first = run("submit", actor, "m").out.strip()
    run("submit", actor, "m")
    assert run("logs", actor).out == "second, no end of line\n"
    assert run("logs", actor, first).out == "first\n"
    assert run("logs", actor, "--follow").out == "second, no end of line"
    assert json.loads(run("logs", actor, first, "--json").out) == {"logs": "first\n"}


def test_results_are_taken_one_by_one_or_into_a_file(
    run: Run, server: Recorder, actor: str, tmp_path: Path
) -> None:
    server.scripts.append(Script(results=(b"1", b"\x80two", b"3")))
    run("submit", actor, "m")
    assert run("results", actor, "--next").out == "1\n"
    assert run("results", actor, "-o", str(tmp_path / "out")).out == ""
    assert (tmp_path / "out").read_bytes() == b"\x80two3"
    assert run("results", actor).out == ""


def test_halt_wants_to_know_which_when_it_is_not_clear(
    run: Run, server: Recorder, actor: str
) -> None:
    ids = [run("submit", actor, "m").out.strip() for _ in range(2)]
    assert "No execution of words is running" in run("halt", actor).err
    for each in ids:
        server.executions[each]["status"] = "RUNNING"
    ran = run("halt", actor)
    assert (ran.code, all(each in ran.err for each in ids)) == (2, True)
    server.executions[ids[0]]["status"] = "COMPLETE"
    assert run("halt", actor).out == f"Execution {ids[1]} of words is being halted.\n"


def test_an_actor_without_executions_has_no_log(run: Run, actor: str) -> None:
    ran = run("logs", actor)
    assert (ran.code, ran.err) == (
        3,
        "abaco: words has no execution yet. Send it a message first.\n",
    )
