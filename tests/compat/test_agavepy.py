"""agavepy 0.9.5 as it is on PyPI: every operation of its table (abaco-api.md, section 17)."""

import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest
from requests import HTTPError

from abaco_jupyter import agavepy_client
from live_server import LiveServer

pytestmark = [
    pytest.mark.docker,
    # agavepy opens this file for each client and leaves it to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed file .*resource_exceptions.json:ResourceWarning"),
]


def wait(found: Callable[[], Any], seconds: float = 60) -> Any:
    """agavepy has no other way to hear of an end than to ask again."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not come about")


def complete(ag: Any, actor: Any, sent: Any) -> Any:
    """The execution of a message, once it is COMPLETE."""

    def found() -> Any:
        execution = ag.actors.getExecution(actorId=actor.id, executionId=sent.executionId)
        assert execution.status != "ERROR", execution
        return execution if execution.status == "COMPLETE" else None

    return wait(found)


def refusal(error: pytest.ExceptionInfo[HTTPError]) -> tuple[int, str]:
    answer = error.value.response
    assert sorted(answer.json()) == ["message", "result", "status", "version"]
    return answer.status_code, answer.json()["message"]


def test_it_is_the_published_release() -> None:
    assert version("agavepy") == "0.9.5"


# ---- actors ----------------------------------------------------------------------------------


def test_add_list_get_update_delete(ag: Any, echo: str, server: LiveServer) -> None:
    made = ag.actors.add(
        body={"image": echo, "name": "mine", "defaultEnvironment": {"F": "d"}, "token": True}
    )
    assert (made.name, made.image, made.stateless, made.revision) == ("mine", echo, True, 1)
    assert made.defaultEnvironment == {"F": "d"}
    assert made.get("_links")["self"] == f"{server.url}actors/v2/{made.id}"
    assert made.id in [one.id for one in ag.actors.list()]
    assert ag.actors.get(actorId=made.id).owner == made.owner
    changed = ag.actors.update(actorId=made.id, body={"image": echo, "description": "new"})
    assert (changed.description, changed.name, changed.revision) == ("new", "mine", 1)
    assert ag.actors.delete(actorId=made.id) is None
    assert made.id not in [one.id for one in ag.actors.list()]


@pytest.mark.parametrize(
    "query", [{"limit": 1}, {"offset": 0}, {"query": {"q": "x"}}, {"query": {"name": "echo"}}]
)
def test_a_list_with_a_query_is_a_search(ag: Any, actor: Any, query: dict[str, Any]) -> None:
    """agavepy takes the two keys of its answer for two actors, whose names it spells."""
    garbled = ag.actors.list(**query)
    assert [set(one.values()) for one in garbled] == [{"_metadata"}, {"search"}]


def test_an_actor_that_is_not_there(ag: Any) -> None:
    with pytest.raises(HTTPError) as unknown:
        ag.actors.get(actorId="nobody")
    assert refusal(unknown) == (404, "Actor with identifier 'nobody' not found")
    with pytest.raises(HTTPError) as unfit:
        ag.actors.add(body={"name": "no image"})
    assert refusal(unfit) == (
        400,
        "Invalid actor description: {'image': 'Reference to image on docker hub for this actor.'}",
    )


# ---- messages and executions -----------------------------------------------------------------


def test_a_json_message_and_its_execution(ag: Any, actor: Any) -> None:
    sent = ag.actors.sendMessage(actorId=actor.id, body={"message": "hello"})
    assert sent.msg == "hello"
    done = complete(ag, actor, sent)
    assert (done.id, done.actorId, done.exitCode) == (sent.executionId, actor.id, 0)
    listed = ag.actors.listExecutions(actorId=actor.id)
    assert [one["id"] for one in listed.executions] == [sent.executionId]
    names = {"actorId": actor.id, "executionId": sent.executionId}
    assert ag.actors.getExecutionLogs(**names).logs == "heard hello None\n"
    assert ag.actors.getOneExecutionResult(**names).content == b"hello"
    assert ag.actors.getOneExecutionResult(**names).content == b""


def test_a_message_with_an_environment(ag: Any, actor: Any) -> None:
    sent = ag.actors.sendMessage(
        actorId=actor.id, body={"message": "hello"}, environment={"F": "b"}
    )
    done = complete(ag, actor, sent)
    names = {"actorId": actor.id, "executionId": done.id}
    assert ag.actors.getExecutionLogs(**names).logs == "heard hello b\n"


def test_a_plain_text_goes_out_as_if_it_were_json(ag: Any, actor: Any) -> None:
    for text in ("5", "some words"):
        sent = ag.actors.sendMessage(actorId=actor.id, body=text)
        done = complete(ag, actor, sent)
        names = {"actorId": actor.id, "executionId": done.id}
        assert ag.actors.getOneExecutionResult(**names).content == text.encode()


def test_an_object_without_message_is_python_text(ag: Any, actor: Any) -> None:
    sent = ag.actors.sendMessage(actorId=actor.id, body={"a": [1, None, True]})
    done = complete(ag, actor, sent)
    names = {"actorId": actor.id, "executionId": done.id}
    assert ag.actors.getOneExecutionResult(**names).content == b"{'a': [1, None, True]}"


def test_a_binary_message(ag: Any, actor: Any) -> None:
    body = bytes(range(256)) * 400
    sent = ag.actors.sendBinaryMessage(actorId=actor.id, message=body)
    assert sent.msg == "binary - omitted"
    done = complete(ag, actor, sent)
    names = {"actorId": actor.id, "executionId": done.id}
    assert ag.actors.getOneExecutionResult(**names).content == body


def test_the_guides_binary_example_does_not_send_the_bytes(ag: Any, actor: Any) -> None:
    """requests makes a form of the dict: the actor gets that, as it does from Abaco."""
    sent = ag.actors.sendMessage(
        actorId=actor.id,
        body={"binary": b"\x00\xff"},
        headers={"Content-Type": "application/octet-stream"},
    )
    done = complete(ag, actor, sent)
    names = {"actorId": actor.id, "executionId": done.id}
    assert ag.actors.getOneExecutionResult(**names).content == b"binary=%00%FF"


def test_waiting_messages_are_counted_and_purged(ag: Any, echo: str) -> None:
    stateful = ag.actors.add(body={"image": echo, "stateless": False})
    sent = [ag.actors.sendMessage(actorId=stateful.id, body={"message": "wait"}) for _ in range(3)]

    def running() -> bool:
        first = ag.actors.getExecution(actorId=stateful.id, executionId=sent[0].executionId)
        return bool(first.status == "RUNNING")

    wait(running)
    assert ag.actors.getMessages(actorId=stateful.id).messages == 2
    # The server answers 200; agavepy's own description of that answer has a hole.
    with pytest.raises(KeyError):
        ag.actors.deleteMessages(actorId=stateful.id)
    assert ag.actors.getMessages(actorId=stateful.id).messages == 0
    last = ag.actors.getExecution(actorId=stateful.id, executionId=sent[2].executionId)
    assert last.status == "ERROR"
    ag.actors.delete(actorId=stateful.id)


# ---- state, workers, permissions, nonces, aliases ----------------------------------------------


def test_state(ag: Any, echo: str) -> None:
    stateful = ag.actors.add(body={"image": echo, "stateless": False})
    assert ag.actors.getState(actorId=stateful.id).state == {}
    ag.actors.updateState(actorId=stateful.id, body={"n": 1})
    assert ag.actors.getState(actorId=stateful.id).state == {"n": 1}
    ag.actors.delete(actorId=stateful.id)


def test_state_of_a_stateless_actor(ag: Any, actor: Any) -> None:
    with pytest.raises(HTTPError) as stateless:
        ag.actors.updateState(actorId=actor.id, body={"n": 1})
    assert refusal(stateless) == (404, "actor is stateless.")


def test_workers(ag: Any, actor: Any) -> None:
    complete(ag, actor, ag.actors.sendMessage(actorId=actor.id, body={"message": "hello"}))
    [worker] = ag.actors.listWorkers(actorId=actor.id)
    one = ag.actors.getWorker(actorId=actor.id, workerId=worker.id)
    assert (one.id, one.image) == (worker.id, actor.image)
    # agavepy hands on the whole envelope here.
    added = ag.actors.addWorker(actorId=actor.id, body={"num": 2})
    assert added["message"] == (
        "Scheduled 1 new worker(s) to start. Previously, there were 1 workers."
    )
    wait(lambda: len(ag.actors.listWorkers(actorId=actor.id)) == 2)
    assert ag.actors.deleteWorker(actorId=actor.id, workerId=worker.id) is None
    wait(lambda: worker.id not in [w.id for w in ag.actors.listWorkers(actorId=actor.id)])
    with pytest.raises(HTTPError) as gone:
        ag.actors.deleteWorker(actorId=actor.id, workerId=worker.id)
    assert refusal(gone) == (404, "Worker not found.")


def test_permissions(ag: Any, actor: Any) -> None:
    ag.actors.updatePermissions(actorId=actor.id, body={"user": "bob", "level": "READ"})
    assert ag.actors.getPermissions(actorId=actor.id)["bob"] == "READ"
    with pytest.raises(HTTPError) as unfit:
        ag.actors.updatePermissions(actorId=actor.id, body={"level": "READ"})
    assert refusal(unfit) == (
        400,
        "Invalid permissions description: {'user': 'User owning the permission.'}",
    )


def test_nonces(ag: Any, actor: Any) -> None:
    made = ag.actors.addNonce(actorId=actor.id, body={"level": "READ", "maxUses": 3})
    assert (made.level, made.maxUses, made.remainingUses) == ("READ", 3, 3)
    assert [one.id for one in ag.actors.listNonces(actorId=actor.id)] == [made.id]
    assert ag.actors.getNonce(actorId=actor.id, nonceId=made.id).lastUseTime == "None"
    ag.actors.deleteNonce(actorId=actor.id, nonceId=made.id)
    assert ag.actors.listNonces(actorId=actor.id) == []


def test_a_nonce_instead_of_the_token(ag: Any, actor: Any, server: LiveServer) -> None:
    made = ag.actors.addNonce(actorId=actor.id, body={"level": "EXECUTE", "maxUses": 2})
    nobody = agavepy_client(server.url, use_nonce=True)
    sent = nobody.actors.sendMessage(actorId=actor.id, body={"message": "by nonce"}, nonce=made.id)
    complete(ag, actor, sent)
    assert ag.actors.getNonce(actorId=actor.id, nonceId=made.id).currentUses == 1
    with pytest.raises(HTTPError) as bare:
        nobody.actors.get(actorId=actor.id)
    assert refusal(bare) == (400, "No JWT or nonce provided.")
    # With a client that has a token, the token counts: the nonce keeps its last use.
    ag.actors.sendMessage(actorId=actor.id, body={"message": "by token"}, nonce=made.id)
    assert ag.actors.getNonce(actorId=actor.id, nonceId=made.id).currentUses == 1


def test_aliases(ag: Any, actor: Any) -> None:
    made = ag.actors.addAlias(body={"alias": "counter", "actorId": actor.id})
    assert (made.alias, made.actorId) == ("counter", actor.id)
    assert "counter" in [one.alias for one in ag.actors.listAliases()]
    assert ag.actors.getAlias(alias="counter").actorId == actor.id
    assert ag.actors.get(actorId="counter").id == actor.id
    ag.actors.deleteAlias(alias="counter")
    with pytest.raises(HTTPError) as gone:
        ag.actors.getAlias(alias="counter")
    assert refusal(gone) == (404, "No alias found: counter.")


# ---- what goes along with any call -------------------------------------------------------------


def test_headers_and_query_are_added(ag: Any, actor: Any) -> None:
    sent = ag.actors.sendMessage(
        actorId=actor.id,
        body={"message": "hello"},
        query={"F": "from the query"},
        headers={"X-Nothing": "1"},
    )
    done = complete(ag, actor, sent)
    names = {"actorId": actor.id, "executionId": done.id}
    assert ag.actors.getExecutionLogs(**names).logs == "heard hello from the query\n"


def test_a_wrong_token_is_a_refusal(server: LiveServer, ag: Any) -> None:
    stranger = agavepy_client(server.url, server.token)
    stranger._token = "wrong"
    stranger.refresh_aris()
    with pytest.raises(HTTPError) as refused:
        stranger.actors.list()
    assert refusal(refused) == (400, "No JWT or nonce provided.")
