"""`agavepy.actors` in a container, as an actor's author uses it (abaco-api.md, section 17).

The image has agavepy 0.9.5 from PyPI with the pins that it asks for: nobody else lives there.
"""

import json
from collections.abc import Callable
from typing import Any

import cloudpickle
import pytest
from agavepy.actors import AbacoExecutor

from live_server import LiveServer

pytestmark = [
    pytest.mark.docker,
    pytest.mark.filterwarnings("ignore:unclosed file .*resource_exceptions.json:ResourceWarning"),
]

ACTOR = """
import json
import sys
import warnings

warnings.simplefilter("ignore")
from agavepy.actors import (
    get_binary_message,
    get_client,
    get_context,
    send_bytes_result,
    send_python_result,
    update_state,
)

context = get_context()
if context.content_type == "application/octet-stream":
    body = get_binary_message()
    try:
        import cloudpickle
        call = cloudpickle.loads(body)
    except Exception:
        send_bytes_result(body)
    else:
        send_python_result(call["func"](*call["args"], **call["kwargs"]))
    sys.exit()

what = context.message_dict.get("do")
print("what", what, context.raw_message_parse_log)
if what == "context":
    names = ("raw_message", "content_type", "message_dict", "execution_id", "username", "state",
             "actor_id", "actor_dbid", "_abaco_worker_id", "F")
    send_bytes_result(json.dumps({name: context.get(name) for name in names}).encode())
elif what == "state":
    update_state(context.message_dict["state"])
elif what == "client":
    actors = get_client().actors
    me = context.actor_id
    said = {"get": actors.get(actorId=me).id, "state": actors.getState(actorId=me).state}
    sent = actors.sendMessage(actorId=me, body="from inside", environment={"F": "inside"})
    said["sent"] = sent.executionId
    nonce = actors.addNonce(actorId=me, body={"level": "EXECUTE", "maxUses": 1})
    said["by nonce"] = actors.sendMessage(
        actorId=me, body="by nonce", nonce=nonce.id, headers={"Authorization": None}
    ).executionId
    for name, call in (("list", actors.list), ("add", lambda: actors.add(body={"image": "x"}))):
        try:
            call()
        except Exception as error:
            said[name] = [error.response.status_code, error.response.json()["message"]]
    send_python_result(said)
else:
    send_bytes_result(context.raw_message.encode())
"""


@pytest.fixture(scope="module")
def agavepy_image(build: Callable[..., str]) -> str:
    """Pip's part of it comes from the engine's cache unless our runtime has changed."""
    return build(ACTOR, pip=["agavepy==0.9.5"])


@pytest.fixture(scope="module")
def actor(server: LiveServer, agavepy_image: str) -> str:
    """A stateful actor: its id."""
    body = {"image": agavepy_image, "stateless": False}
    return str(server.api("POST", "actors/v2", body)["id"])


def run(server: LiveServer, actor: str, body: Any, query: str = "") -> str:
    """Sends it and waits for its end; the execution's id."""
    sent = server.api("POST", f"actors/v2/{actor}/messages{query}", body)
    execution = str(sent["executionId"])
    server.follow(actor, execution)
    done = server.api("GET", f"actors/v2/{actor}/executions/{execution}")
    log = server.api("GET", f"actors/v2/{actor}/executions/{execution}/logs")["logs"]
    assert (done["status"], done["exitCode"]) == ("COMPLETE", 0), log
    return execution


def test_get_context(server: LiveServer, actor: str) -> None:
    execution = run(server, actor, {"do": "context", "none": None}, "?F=query")
    owner = server.api("GET", f"actors/v2/{actor}")["owner"]
    said = json.loads(server.result(actor, execution))
    worker = said.pop("_abaco_worker_id")
    assert worker
    assert said == {
        "raw_message": "{'do': 'context', 'none': None}",
        "content_type": "application/json",
        "message_dict": {"do": "context", "none": None},
        "execution_id": execution,
        "username": owner,
        "state": "{}",
        "actor_id": actor,
        "actor_dbid": f"JUPYTER_{actor}",
        "F": "query",
    }


def test_a_text_is_no_dict(server: LiveServer, actor: str) -> None:
    execution = run(server, actor, {"message": "some words"})
    assert server.result(actor, execution) == b"some words"


def test_a_binary_message_and_raw_bytes_back(server: LiveServer, actor: str) -> None:
    body = bytes(range(256)) * 1000
    status, answer = server.request(
        "POST",
        f"actors/v2/{actor}/messages",
        body[:130_000],
        content_type="application/octet-stream",
    )
    assert status == 200
    execution = json.loads(answer)["result"]["executionId"]
    server.follow(actor, execution)
    assert server.result(actor, execution) == body[:130_000]


def test_update_state(server: LiveServer, actor: str) -> None:
    run(server, actor, {"do": "state", "state": {"n": [1, None, True]}})
    state = f"actors/v2/{actor}/state"
    assert server.api("GET", state)["state"] == {"n": [1, None, True]}
    run(server, actor, {"do": "state", "state": {"n": 2}})
    assert server.api("GET", state)["state"] == {"n": 2}


def test_get_client(server: LiveServer, actor: str) -> None:
    """A client of the actor's own token: what it may, and what it may not."""
    execution = run(server, actor, {"do": "client"})
    said = cloudpickle.loads(server.result(actor, execution))
    refused = [400, "Not authorized -- you do not have access to this actor."]
    assert said["get"] == actor
    assert (said["list"], said["add"]) == (refused, refused)
    for name, text in (("sent", b"from inside"), ("by nonce", b"by nonce")):
        server.follow(actor, said[name])
        assert server.result(actor, said[name]) == text


def test_agavepys_own_executor(ag: Any, agavepy_image: str) -> None:
    """Of 0.9.5: it registers an actor of the image that it is given, and calls functions there."""
    executor = AbacoExecutor(ag, image=agavepy_image)
    try:
        assert ag.actors.get(actorId=executor.actor_id).name == "agpy_abaco_executor"
        base = 40
        assert executor.blocking_call(lambda x, y=0: base + x + y, 1, y=1) == [42]
        many = executor.map(lambda x: x * x, [[2], [3]])
        assert [one.result() for one in many] == [[4], [9]]
        again = AbacoExecutor(ag, actor_id=executor.actor_id)
        assert again.blocking_call(len, "four") == [4]
    finally:
        executor.delete()
