"""POST, GET and DELETE of messages (section 7)."""

import json
from datetime import timedelta

import pytest

from abaco_jupyter.wire.codes import ContentType
from abaco_server import queue

pytestmark = pytest.mark.asyncio

LIMIT = 200_000
"""`Web.max_body` of these tests."""

JSON = "application/json"
BINARY = "application/octet-stream"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=B"
PART = b'--B\r\nContent-Disposition: form-data; name="message"\r\n\r\nhi\r\n--B--\r\n'

TEXT = ContentType.TEXT


async def queued(place, actor_id: str):
    """The message as a worker finds it."""
    now = place.clock.now()
    lease = await place.service.desk.store.write(
        lambda conn: queue.lease(conn, actor_id, "w", now, timedelta(minutes=1), exclusive=False)
    )
    return lease.message


CASES = [
    # body, content type, query, shown, kind, queued body
    ({"message": "hi"}, JSON, "", "hi", TEXT, b"hi"),
    ({"message": "é"}, JSON, "", "é", TEXT, "é".encode()),
    ({"message": 5}, JSON, "", "5", TEXT, b"5"),
    ({"message": 0}, JSON, "", "0", TEXT, b"0"),
    ({"message": True}, JSON, "", "True", TEXT, b"True"),
    ({"message": {"a": None}}, JSON, "", "{'a': None}", TEXT, b"{'a': None}"),
    ({"message": "hi", "other": 1}, JSON, "", "hi", TEXT, b"hi"),
    ({"message": "hi"}, JSON, "?message=query", "hi", TEXT, b"hi"),
    ({"a": 1}, JSON, "?message=query", "query", TEXT, b"query"),
    (b"", None, "?message=query", "query", TEXT, b"query"),
    (b"bytes", BINARY, "?message=query", "query", TEXT, b"query"),
    (b"message=hi&x=1", FORM, "", "hi", TEXT, b"hi"),
    (b"message=h%C3%A9&message=2", FORM, "", "hé", TEXT, "hé".encode()),
    (PART, MULTIPART, "", "hi", TEXT, b"hi"),
    (b"\x00\xff", BINARY, "", "binary - omitted", ContentType.BINARY, b"\x00\xff"),
    (b"", BINARY, "", "binary - omitted", ContentType.BINARY, b""),
    (b'{"a": 1}', BINARY, "", "binary - omitted", ContentType.BINARY, b'{"a": 1}'),
    (b'{"a": [1, null]}', JSON, "", {"a": [1, None]}, ContentType.JSON, b'{"a": [1, null]}'),
    (b'{"a": 1}', "application/json; charset=utf-8", "", {"a": 1}, ContentType.JSON, b'{"a": 1}'),
    (b'{"a": 1}', "application/x+json", "", {"a": 1}, ContentType.JSON, b'{"a": 1}'),
    (b'{"message": ""}', JSON, "", {"message": ""}, ContentType.JSON, b'{"message": ""}'),
    (b'{"message": null}', JSON, "", {"message": None}, ContentType.JSON, b'{"message": null}'),
    (b'{"n": 1e400}', JSON, "", {"n": None}, ContentType.JSON, b'{"n": 1e400}'),
    (b'{"n": NaN}', JSON, "", {"n": None}, ContentType.JSON, b'{"n": NaN}'),
    (b"{}", JSON, "", {}, TEXT, b"{}"),
    (b"[]", JSON, "", [], TEXT, b"[]"),
    (b"null", JSON, "", None, TEXT, b"None"),
    (b"0", JSON, "", 0, TEXT, b"0"),
    (b"false", JSON, "", False, TEXT, b"False"),
    # Lists, numbers and texts as the whole body: abaco-cli and agavepy send them.
    (b"[1, true]", JSON, "", [1, True], ContentType.JSON, b"[1, true]"),
    (b"5", JSON, "", 5, ContentType.JSON, b"5"),
    (b'"hi"', JSON, "", "hi", TEXT, b"hi"),
    (b"a plain word", JSON, "", "a plain word", TEXT, b"a plain word"),
    # Another content type, and the body is JSON all the same.
    (
        b'{"a": null, "t": true}',
        "text/plain",
        "",
        {"a": None, "t": True},
        TEXT,
        b"{'a': None, 't': True}",
    ),
    (b"[1]", "text/plain", "", [1], TEXT, b"[1]"),
    (b'{"message": "hi"}', "text/plain", "", {"message": "hi"}, TEXT, b"{'message': 'hi'}"),
    (b'{"a": 1}', "application/octet-stream; x=1", "", {"a": 1}, TEXT, b"{'a': 1}"),
]


@pytest.mark.parametrize(("body", "kind", "query", "shown", "content_type", "stored"), CASES)
async def test_every_kind_of_body(place, body, kind, query, shown, content_type, stored) -> None:
    actor_id = await place.actor()
    place.calls.woken.clear()
    answer = await place.api("POST", f"/actors/v2/{actor_id}/messages{query}", body, kind=kind)
    assert (answer.status, answer.message) == (200, "The request was successful"), answer.body
    execution_id = answer.result["executionId"]
    server = place.api.root
    assert answer.result == {
        "executionId": execution_id,
        "msg": shown,
        "_links": {
            "self": f"{server}/actors/v2/{actor_id}/executions/{execution_id}",
            "owner": f"{server}/profiles/v2/ada",
            "messages": f"{server}/actors/v2/{actor_id}/messages",
        },
    }
    message = await queued(place, actor_id)
    assert (message.content_type, message.body) == (content_type, stored)
    assert message.executor == "ada"
    assert place.calls.woken == [actor_id]


UNSERIALIZABLE = (
    "message POST body could not be serialized. Pass JSON data or use the message attribute."
)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (None, None),
        (b"", None),
        (b"", JSON),
        (b"   ", JSON),
        (b"", FORM),
        (b"message=", FORM),
        (b'{"a": 1}', FORM),
        (b"a plain word", None),
        (b"a plain word", "text/plain"),
        (b'{"a": ', JSON),
        (b"[1,", JSON),
        (b'"open', JSON),
        (b"\xff\xfe\xfd", JSON),
        (b'{"a": "\\ud800"}', JSON),
        (b"[" * 100_000, JSON),
        (b"[" * 100_000, "text/plain"),
        (b"no parts", "multipart/form-data"),
        (b"--B\r\nnothing", MULTIPART),
        (b'--B\r\nContent-Disposition: form-data; name="other"\r\n\r\nhi\r\n--B--\r\n', MULTIPART),
    ],
)
async def test_bodies_that_are_no_message(place, body, kind) -> None:
    actor_id = await place.actor()
    answer = await place.api("POST", f"/actors/v2/{actor_id}/messages", body, kind=kind)
    assert (answer.status, answer.message) == (400, UNSERIALIZABLE)
    assert (await place.api("GET", f"/actors/v2/{actor_id}/messages")).result["messages"] == 0


async def test_query_parameters_are_the_environment(place) -> None:
    actor_id = await place.actor()
    query = "?A=1&B=%C3%A9&x-nonce=N&_abaco_synchronous=false&message=m&A=2&empty="
    answer = await place.api("POST", f"/actors/v2/{actor_id}/messages{query}")
    assert answer.status == 200
    assert (await queued(place, actor_id)).environment == {
        "A": "1",
        "B": "é",
        "x-nonce": "N",
        "_abaco_synchronous": "false",
        "empty": "",
    }


async def test_the_servers_token_is_no_part_of_the_environment(place) -> None:
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}/messages?token=the-token-of-the-server&message=m&_xsrf=2"
    for token in (None, "the-token-of-the-server"):
        assert (await place.api("POST", path, token=token)).status == 200
        assert (await queued(place, actor_id)).environment == {}


@pytest.mark.parametrize("query", ["?a%3Db=1", "?=1", "?a%00=1", "?a=%00", "?a%0Ab=1"])
async def test_names_that_no_environment_can_hold(place, query) -> None:
    actor_id = await place.actor()
    answer = await place.api("POST", f"/actors/v2/{actor_id}/messages{query}", {"message": "m"})
    assert answer.status == 400
    assert "cannot be an environment variable" in answer.message


async def test_nul_and_half_surrogates_do_not_reach_an_environment_variable(place) -> None:
    actor_id = await place.actor()
    answer = await place.api("POST", f"/actors/v2/{actor_id}/messages", b"message=a%00b", kind=FORM)
    assert answer.result["msg"] == "ab"


# ---- sizes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [BINARY, JSON, FORM, None])
async def test_a_message_over_the_limit_names_both_sizes(place, kind) -> None:
    actor_id = await place.actor()
    body = b"x" * (LIMIT + 123)
    answer = await place.api("POST", f"/actors/v2/{actor_id}/messages", body, kind=kind)
    assert answer.status == 400
    assert answer.message == (
        "Message exceeds max content length of: 200000. This message has 200123 bytes."
    )
    assert answer.headers["X-Abaco-Error"] == "message_too_large"


async def test_a_message_at_the_limit_is_taken(place) -> None:
    actor_id = await place.actor()
    body = b"x" * LIMIT
    answer = await place.api("POST", f"/actors/v2/{actor_id}/messages", body, kind=BINARY)
    assert answer.status == 200


async def test_a_message_over_the_limit_is_refused_before_it_is_sent(place) -> None:
    """The announced length is enough: a client that waits for `100 Continue` sends nothing."""
    actor_id = await place.actor()
    answer = await place.api(
        "POST",
        f"/actors/v2/{actor_id}/messages",
        b"x" * (LIMIT + 1),
        kind=BINARY,
        expect_100_continue=True,
    )
    assert answer.status == 400
    assert answer.message.endswith("This message has 200001 bytes.")


def chunked(size: int):
    async def produce(write) -> None:
        for start in range(0, size, 50_000):
            await write(b"x" * min(50_000, size - start))

    return produce


async def test_a_message_in_pieces_is_counted_as_it_comes(place) -> None:
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}/messages"
    answer = await place.api("POST", path, kind="text/plain", body_producer=chunked(LIMIT + 7))
    assert answer.status == 400
    assert answer.message.endswith("This message has 200007 bytes.")


async def test_a_binary_message_needs_a_length(place) -> None:
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}/messages"
    answer = await place.api("POST", path, kind=BINARY, body_producer=chunked(10))
    assert (answer.status, answer.message) == (
        400,
        "Content Length required for application/octet-stream.",
    )


@pytest.mark.parametrize("path", ["/actors/v2", "/abaco/v1/builds"])
async def test_other_bodies_have_the_same_limit(place, path) -> None:
    answer = await place.api("POST", path, b"x" * (LIMIT + 1), kind=JSON)
    assert (answer.status, answer.message) == (
        400,
        "Request body exceeds max content length of: 200000. This body has 200001 bytes.",
    )


# ---- GET and DELETE --------------------------------------------------------------------------


async def test_count_and_purge(place) -> None:
    actor_id = await place.actor()
    ended = [await place.execution(actor_id) for _ in range(3)]
    path, server = f"/actors/v2/{actor_id}/messages", place.api.root
    links = {"self": server + path, "owner": f"{server}/profiles/v2/ada"}
    answer = await place.api("GET", path)
    assert (answer.message, answer.result) == (
        "The request was successful",
        {"messages": 3, "_links": links},
    )
    answer = await place.api("DELETE", path)
    assert (answer.status, answer.message, answer.result) == (
        200,
        "The request was successful",
        {"msg": "Actor mailbox purged.", "_links": links},
    )
    for execution_id in ended:
        got = await place.api("GET", f"/actors/v2/{actor_id}/executions/{execution_id}")
        assert got.result["status"] == "ERROR"
    assert (await place.api("GET", path)).result["messages"] == 0


async def test_who_may_not_send_is_told_that_and_not_what_is_wrong_with_the_body(place) -> None:
    answer = await place.api("POST", "/actors/v2/nobody/messages", b"", kind=JSON)
    assert (answer.status, json.loads(answer.body)["message"]) == (
        404,
        "Actor with identifier 'nobody' not found",
    )
