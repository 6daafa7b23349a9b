"""Section 7: messages, as they are answered and as the container sees them."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from walking import API, BINARY, FORM, JSON, Run, Scene, get, post

PART = b'--B\r\nContent-Disposition: form-data; name="message"\r\n\r\nhi\r\n--B--\r\n'
UNSET = object()
OMITTED = "binary - omitted"

BODIES = {
    # what is sent: body, content type, query; msg in the answer, _abaco_Content_Type, MSG
    "message in JSON": (b'{"message": "hi"}', JSON, "", "hi", "str", "hi"),
    "message in a form": (b"message=hi", FORM, "", "hi", "str", "hi"),
    "message in multipart": (PART, "multipart/form-data; boundary=B", "", "hi", "str", "hi"),
    "message in the query": (b"", None, "message=hi", "hi", "str", "hi"),
    "message that is an object": (
        b'{"message": {"a": null}}',
        JSON,
        "",
        "{'a': None}",
        "str",
        "{'a': None}",
    ),
    "octet-stream": (b"\x00\xff" * 70_000, BINARY, "", OMITTED, BINARY, UNSET),
    "JSON object": (
        b'{"a": 1, "t": true, "n": null}',
        JSON,
        "",
        {"a": 1, "t": True, "n": None},
        JSON,
        "{'a': 1, 't': True, 'n': None}",
    ),
    "JSON {}": (b"{}", JSON, "", {}, "str", "{}"),
    "JSON []": (b"[]", JSON, "", [], "str", "[]"),
    "JSON null": (b"null", JSON, "", None, "str", "None"),
    "JSON list (500 in the reference)": (b"[1, true]", JSON, "", [1, True], JSON, "[1, True]"),
    "JSON number (500 in the reference)": (b"5", JSON, "", 5, JSON, "5"),
    "JSON text (500 in the reference)": (b'"hi"', JSON, "", "hi", "str", "hi"),
    "a bare word as JSON, as agavepy sends it": (b"hi you", JSON, "", "hi you", "str", "hi you"),
    "JSON by another content type": (
        b'{"a": null}',
        "text/plain",
        "",
        {"a": None},
        "str",
        "{'a': None}",
    ),
}


@pytest.fixture(scope="module")
def sent(scene: Scene) -> dict[str, tuple[dict, Run]]:
    """Each of `BODIES`: the answer, and the execution once it has ended."""
    actor = scene.names["actor"]
    answers = {
        name: scene.send(actor, body, f"?{query}", kind=kind)
        for name, (body, kind, query, *_) in BODIES.items()
    }
    with ThreadPoolExecutor(4) as pool:
        runs = pool.map(lambda one: scene.ended(actor, one["executionId"]), answers.values())
        return dict(zip(answers, zip(answers.values(), runs, strict=True), strict=True))


@pytest.mark.parametrize("id", BODIES)
def test_kinds_of_body(scene: Scene, sent: dict[str, tuple[dict, Run]], id: str) -> None:
    body, _, _, shown, kind, text = BODIES[id]
    answer, run = sent[id]
    assert answer["msg"] == shown
    env = run.seen["env"]
    assert env["_abaco_Content_Type"] == kind
    assert env.get("MSG", UNSET) == text
    if text is UNSET:
        assert run.seen["binary"] == [len(body), hashlib.sha256(body).hexdigest()]


def test_the_answer(scene: Scene, sent: dict[str, tuple[dict, Run]]) -> None:
    answer, run = sent["JSON {}"]
    actor, server = scene.names["actor"], scene.url
    assert answer == {
        "executionId": run.record["id"],
        "msg": {},
        "_links": {
            "self": f"{server}{run.path}",
            "owner": f"{server}/profiles/v2/{scene.names['owner']}",
            "messages": f"{server}/actors/v2/{actor}/messages",
        },
    }


NO_MESSAGE = (
    "message POST body could not be serialized. Pass JSON data or use the message attribute."
)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", None),
        (b"plain", "text/plain"),
        (b"message=", FORM),
        (b"{", JSON),
        (b'{"a": 1}', FORM),
    ],
    ids=["no body", "text", "empty message", "malformed (500 in the reference)", "not a form"],
)
def test_bodies_that_are_no_message(scene: Scene, body: bytes, kind: str | None) -> None:
    scene.check(post("none", "/{actor}/messages", body, NO_MESSAGE, kind=kind))


def test_a_message_that_is_too_long(scene: Scene) -> None:
    headers = {"Content-Length": str(500_000_001)}
    text = "Message exceeds max content length of: 500000000"
    answer = scene.ada(
        "POST", scene.filled(API + "/{actor}/messages"), b"", kind=BINARY, headers=headers
    )
    assert answer.status == 400
    assert answer.message.startswith(text)


def test_query_parameters_become_variables(scene: Scene) -> None:
    """Over `defaultEnvironment`; the server's own win; the nonce and `_abaco_synchronous` too."""
    actor = scene.actor(defaultEnvironment={"F": "default", "G": "default"})
    nonce = scene.ada.ok("POST", f"{API}/{actor}/nonces")["id"]
    query = f"?F=b&_abaco_username=me&_abaco_synchronous=no&x-nonce={nonce}"
    path = f"{API}/{actor}/messages{query}"
    execution = scene.nobody("POST", path, {"message": "m"}).result["executionId"]
    env = scene.ended(actor, execution).seen["env"]
    assert (env["F"], env["G"]) == ("b", "default")
    assert env["_abaco_username"] == scene.names["owner"]
    assert (env["_abaco_synchronous"], env["x-nonce"]) == ("no", nonce)


def test_a_text_too_long_for_a_variable(scene: Scene) -> None:
    """131 072 bytes and more, to an image without our runtime, which would read a file."""
    run = scene.run(scene.names["actor"], {"message": "x" * 150_000})
    assert (run.record["status"], run.record["exitCode"]) == ("COMPLETE", 1)
    assert run.log.endswith("argument list too long\n")


def test_it_works_in_any_status(scene: Scene) -> None:
    actor = scene.actor(image="localhost:1/none:1")
    scene.send(actor)
    scene.until(lambda: scene.ada.ok("GET", f"{API}/{actor}")["status"] == "ERROR")
    scene.send(actor)
    assert scene.ada.ok("GET", f"{API}/{actor}/messages")["messages"] == 2


@pytest.mark.parametrize("word", ["true", "TRUE"])
def test_synchronous(scene: Scene, word: str) -> None:
    """A result as soon as there is one, though the container runs on; else the log."""
    path = scene.filled(API + "/{actor}/messages") + f"?_abaco_synchronous={word}"
    early = scene.ada("POST", f"{path}&DO=answer%203", {"message": "m"})
    assert (early.status, early.headers["Content-Type"]) == (200, BINARY)
    assert early.body == b"early"
    log = scene.ada("POST", f"{path}&DO=much%203", {"message": "m"})
    assert (log.headers["Content-Type"], log.body) == ("text/html; charset=utf-8", b"xxx\n")


@pytest.fixture(scope="module")
def stuck(scene: Scene) -> str:
    """An actor whose image cannot be had, with five messages."""
    actor = scene.actor(image="localhost:1/none:2")
    for _ in range(5):
        scene.send(actor)
    return actor


def test_the_number_that_waits(scene: Scene, stuck: str) -> None:
    answer = scene.check(
        get("waiting", f"/{stuck}/messages", "The request was successful", status=200)
    )
    links = answer.result["_links"]
    assert answer.result["messages"] == 5
    assert set(answer.result) == {"messages", "_links"}
    assert set(links) == {"self", "owner"}


def test_a_synchronous_message_behind_a_long_queue(scene: Scene, stuck: str) -> None:
    text = "Cannot issue synchronous execution when actor message queue > 0."
    path = f"/{stuck}/messages?_abaco_synchronous=true"
    scene.check(post("queue", path, {"message": "m"}, text))


def test_purge(scene: Scene) -> None:
    """What waited ends in ERROR; in the reference it stays SUBMITTED for ever."""
    actor = scene.actor(image="localhost:1/none:3")
    execution = scene.send(actor)["executionId"]
    answer = scene.ada("DELETE", f"{API}/{actor}/messages")
    assert answer.message == "The request was successful"
    assert answer.result["msg"] == "Actor mailbox purged."
    assert scene.ada.ok("GET", f"{API}/{actor}/messages")["messages"] == 0
    assert scene.ada.ok("GET", f"{API}/{actor}/executions/{execution}")["status"] == "ERROR"
