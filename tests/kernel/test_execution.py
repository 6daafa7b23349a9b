import _thread
import json

import cloudpickle
import pytest
from fake_server import FakeServer, Script, exception_of

from abaco_jupyter import (
    Abaco,
    ActorNotFound,
    Execution,
    ExecutionError,
    ExecutionFailed,
    InvalidRequest,
    RemoteError,
    RemoteTraceback,
)
from abaco_jupyter.client import patience
from abaco_jupyter.client.actor import Actor
from abaco_jupyter.wire.codes import ExecutionStatus


@pytest.fixture
def actor(server: FakeServer, abaco: Abaco) -> Actor:
    server.add_actor("count")
    return abaco.actor("count")


def failed(error: BaseException, *, pickled: bool = True) -> Script:
    end = {"status": "COMPLETE", "exitCode": 1, "exception": exception_of(error, pickled=pickled)}
    return Script(log=("working\n",), end=end)


def test_a_call_shows_the_log_and_returns_the_result(
    server: FakeServer, actor: Actor, capsys: pytest.CaptureFixture[str]
) -> None:
    server.scripts = [Script(log=("one\n", "two\n"), results=(b'{"a": 1}',))]
    assert actor("text") == {"a": 1}
    assert capsys.readouterr().out == "one\ntwo\n"
    assert json.loads(server.seen("POST", "/messages$")[0].content) == {"message": "text"}


def test_remote_is_quiet(
    server: FakeServer, actor: Actor, capsys: pytest.CaptureFixture[str]
) -> None:
    server.scripts = [Script(results=(b"3",))]
    assert actor.remote(n=1) == 3
    assert capsys.readouterr().out == ""


def test_submit_returns_at_once_and_the_execution_answers_later(
    server: FakeServer, actor: Actor
) -> None:
    server.scripts = [Script(log=("a", "b"), results=(cloudpickle.dumps({1, 2}),))]
    execution = actor.submit("x")
    assert execution.status is ExecutionStatus.SUBMITTED
    assert list(execution.follow()) == ["a", "b"]
    assert execution.result() == {1, 2}
    assert execution.result() == {1, 2}, "the server hands it out once, the execution keeps it"
    assert execution.logs == "ab"
    assert execution.record["exitCode"] == 0


def test_the_last_of_several_results_is_the_functions(server: FakeServer, actor: Actor) -> None:
    server.scripts = [Script(results=(b"1", b"raw \xff", b"3"))]
    execution = actor.submit("x").wait()
    assert execution.results() == [1, b"raw \xff", 3]
    assert execution.results(raw=True) == [b"1", b"raw \xff", b"3"]
    assert execution.result() == 3


def test_no_result_is_none(actor: Actor) -> None:
    assert actor.remote("x") is None


def test_the_original_exception_comes_back_with_the_remote_traceback(
    server: FakeServer, actor: Actor
) -> None:
    server.scripts = [failed(KeyError("cheese"))]
    with pytest.raises(KeyError, match="cheese") as caught:
        actor.remote("x")
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "line 3" in str(caught.value.__cause__)
    assert caught.value.__notes__ == ["It had printed:\nworking"]


def test_an_exception_that_cannot_be_rebuilt_is_a_remote_error(
    server: FakeServer, actor: Actor
) -> None:
    server.scripts = [failed(ValueError("bad"), pickled=False)]
    with pytest.raises(RemoteError, match="raised ValueError: bad") as caught:
        actor.remote("x")
    assert caught.value.type_name == "ValueError"
    assert isinstance(caught.value.__cause__, RemoteTraceback)


def test_a_pickle_of_a_module_that_is_not_here_is_a_remote_error(
    server: FakeServer, actor: Actor
) -> None:
    script = failed(ValueError("bad"))
    script.end["exception"]["pickle"] = "gASVDwAAAAAAAACMB25vd2hlcmWUjAFYlJOULg=="
    server.scripts = [script]
    with pytest.raises(RemoteError):
        actor.remote("x")


def test_an_exit_code_without_exception_names_the_code_and_the_log(
    server: FakeServer, actor: Actor
) -> None:
    server.scripts = [Script(log=("last words\n",), end={"status": "COMPLETE", "exitCode": 3})]
    with pytest.raises(ExecutionFailed, match=r"(?s)exit code 3.*last words") as caught:
        actor.remote("x")
    assert caught.value.record["exitCode"] == 3


def test_out_of_memory_says_so(server: FakeServer, actor: Actor) -> None:
    end = {"status": "COMPLETE", "exitCode": 137, "finalState": {"OOMKilled": True}}
    server.scripts = [Script(end=end)]
    with pytest.raises(ExecutionFailed, match=r"out of memory.*--memory"):
        actor.remote("x")


def test_an_execution_that_could_not_run_names_the_reason(server: FakeServer, actor: Actor) -> None:
    server.scripts = [Script(log=(), end={"status": "ERROR", "reason": "the image is gone"})]
    with pytest.raises(ExecutionError, match="could not be run: the image is gone"):
        actor.remote("x")


def test_an_interrupt_halts_the_execution_and_says_so(server: FakeServer, actor: Actor) -> None:
    server.interrupt = _thread.interrupt_main
    server.scripts = [Script(interrupt=True)]
    execution = actor.submit("x")
    with pytest.raises(KeyboardInterrupt, match="was halted") as caught:
        execution.wait()
    assert execution.id in str(caught.value)
    assert server.seen("DELETE", f"/executions/{execution.id}$")


def test_nobody_waits_for_an_actor_in_error(
    server: FakeServer, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_FIRST", 0.01)
    server.scripts = [Script(waits=True)]
    server.actors[actor.id] |= {"status": "ERROR", "statusMessage": "no image x:1\n"}
    with pytest.raises(ExecutionError, match=r"(?s)in ERROR: no image x:1\nThe message is kept"):
        actor.remote("x")


def test_a_message_that_waits_for_a_busy_actor_is_waited_for(
    server: FakeServer, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_FIRST", 0.01)
    server.scripts = [Script(waits=True)]
    with pytest.raises(TimeoutError, match="has not ended"):
        actor.submit("x").wait(0.2)
    looks = len(server.seen("GET", f"/actors/v2/{actor.id}$"))
    assert 2 <= looks <= 6, "ever more rarely"


def test_an_interrupt_takes_back_what_waits(actor: Actor, server: FakeServer) -> None:
    execution = actor.submit("x")
    assert execution._interrupt() == (
        f"Execution {execution.id} of count was taken back before it ran."
    )
    assert server.executions[execution.id]["status"] == "ERROR"
    assert execution._interrupt() == (f"Execution {execution.id} of count had ended already.")


def test_a_name_that_nobody_has_lists_those_there_are(server: FakeServer, abaco: Abaco) -> None:
    server.add_actor("count")
    theirs = server.add_actor("theirs", owner="grace")
    with pytest.raises(ActorNotFound, match=f"{theirs['id']} of grace. Use the id"):
        abaco.actor("theirs")
    with pytest.raises(ActorNotFound, match=r"No actor is 'cuont'\. Actors: count"):
        abaco.actor("cuont")


def test_a_name_that_two_actors_have_is_an_error_with_both_ids(
    server: FakeServer, abaco: Abaco
) -> None:
    ids = [server.add_actor("count")["id"] for _ in range(2)]
    with pytest.raises(InvalidRequest, match=", ".join(ids)):
        abaco.actor("count")
    assert abaco.actor(ids[0]).id == ids[0]


def test_somebody_elses_actor_does_not_take_the_name(server: FakeServer, abaco: Abaco) -> None:
    server.add_actor("count", owner="bob")
    assert abaco.named("count") is None


def test_state_and_executions(server: FakeServer, actor: Actor) -> None:
    actor.state = {"n": 1}
    assert actor.state == {"n": 1}
    ids = [actor.submit(str(n)).id for n in range(3)]
    assert [each.id for each in actor.executions(2)] == ids[1:]
    assert isinstance(actor.execution(ids[0]), Execution)
    assert actor.logs == "hello\n"
    actor.delete()
    assert server.actors == {}


def test_environment_travels_as_query(server: FakeServer, actor: Actor) -> None:
    actor.send("x", environment={"DEBUG": "1"})
    assert server.seen("POST", "/messages$")[0].url.params["DEBUG"] == "1"
