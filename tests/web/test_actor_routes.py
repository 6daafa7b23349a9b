"""Actors and their state as clients see them (sections 6 and 9)."""

from datetime import timedelta

import pytest

from abaco_jupyter.wire.codes import ActorStatus
from abaco_server.store import actors as rows

pytestmark = pytest.mark.asyncio


async def test_the_whole_record(place) -> None:
    body = {"image": "abaco/x", "defaultEnvironment": {"a_b": 1}, "hints": ["h"], "status": "READY"}
    answer = await place.api("POST", "/actors/v2", body)
    assert (answer.status, answer.message) == (200, "Actor created successfully.")
    actor_id = answer.result["id"]
    server = place.api.root
    expected = {
        "id": actor_id,
        "image": "abaco/x",
        "stateless": True,
        "type": "none",
        "link": "",
        "token": "false",
        "webhook": "",
        "hints": ["h"],
        "description": "",
        "privileged": False,
        "useContainerUid": False,
        "defaultEnvironment": {"a_b": 1},
        "status": "SUBMITTED",
        "state": {},
        "createTime": "2026-11-21T17:18:35.464052",
        "lastUpdateTime": "2026-11-21T17:18:35.464052",
        "owner": "ada",
        "mounts": [],
        "revision": 1,
        "queue": "default",
        "cronOn": False,
        "_links": {
            "self": f"{server}/actors/v2/{actor_id}",
            "owner": f"{server}/profiles/v2/ada",
            "executions": f"{server}/actors/v2/{actor_id}/executions",
        },
    }
    assert answer.result == expected
    stored = {
        "createTime": "2026-11-21T17:18:35.464Z",
        "lastUpdateTime": "2026-11-21T17:18:35.464Z",
    }
    got = await place.api("GET", f"/actors/v2/{actor_id}")
    assert got.message == "Actor retrieved successfully."
    assert got.result == expected | stored
    listed = await place.api("GET", "/actors/v2")
    assert listed.result == [expected | stored]
    assert place.calls.woken == [actor_id]


async def test_keys_are_sorted_and_text_is_not_escaped(place) -> None:
    actor_id = await place.actor(description="à côté")
    lines = (await place.api("GET", f"/actors/v2/{actor_id}")).body.decode().splitlines()
    keys = [line.split('"')[1] for line in lines if line.startswith('    "')]
    assert keys == sorted(keys)
    assert '    "description": "à côté",' in lines


@pytest.mark.parametrize(
    ("body", "kind", "query"),
    [
        (b'{"image": "a", "token": true, "hints": "one"}', "application/json", ""),
        (b'{"image": "a", "token": "true", "hints": ["one"]}', "application/vnd.x+json", ""),
        (b"image=a&token=true&hints=one", "application/x-www-form-urlencoded", ""),
        (
            b'--B\r\nContent-Disposition: form-data; name="image"\r\n\r\na\r\n'
            b'--B\r\nContent-Disposition: form-data; name="token"\r\n\r\n1\r\n'
            b'--B\r\nContent-Disposition: form-data; name="hints"\r\n\r\none\r\n--B--\r\n',
            "multipart/form-data; boundary=B",
            "",
        ),
        (None, None, "?image=a&token=true&hints=one"),
        (b"null", "application/json", "?image=a&token=true&hints=one"),
        (b"", "application/json", "?image=a&token=true&hints=one"),
        (b'{"image": "a", "hints": "one"}', "application/json", "?image=b&token=TRUE&hints=two"),
    ],
)
async def test_a_description_comes_in_every_kind_of_body(place, body, kind, query) -> None:
    answer = await place.api("POST", f"/actors/v2{query}", body, kind=kind)
    assert answer.status == 200, answer.body
    assert answer.result["image"] == "a"
    assert answer.result["token"] is True
    assert answer.result["hints"] == ["one"]


MALFORMED = (
    "Invalid actor description: Unable to process the JSON description.: 400 Bad Request: "
    "The browser (or proxy) sent a request that this server could not understand."
)
NO_IMAGE = (
    "Invalid actor description: {'image': 'Reference to image on docker hub for this actor.'}"
)


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        (b"", None, NO_IMAGE),
        (b"{}", "application/json", NO_IMAGE),
        (b"null", "application/json", NO_IMAGE),
        (b"image=", "text/plain", NO_IMAGE),
        (b"{", "application/json", MALFORMED),
        (b"image", "application/json", MALFORMED),
        (b'{"image": "a\xff"}', "application/json", MALFORMED),
        (b"[" * 100_000, "application/json", MALFORMED),
        (b"[]", "application/json", MALFORMED),
        (b'["image"]', "application/json", MALFORMED),
        (b'"image"', "application/json", MALFORMED),
        (b"5", "application/json", MALFORMED),
        (b"false", "application/json", MALFORMED),
        (b"no parts", "multipart/form-data", MALFORMED),
        (b"--B\r\nnothing", "multipart/form-data; boundary=B", MALFORMED),
        (
            b'{"image": "a", "stateless": "x"}',
            "application/json",
            "Invalid actor description: {'stateless': 'Whether the actor stores private state.'}",
        ),
        (b'{"image": "a", "cronSchedule": "x"}', None, NO_IMAGE),
        (
            b'{"image": "a", "cronSchedule": "x"}',
            "application/json",
            "The cron is not in the correct format",
        ),
    ],
)
async def test_descriptions_that_are_refused(place, body, kind, text) -> None:
    actor_id = await place.actor()
    for method, path in (("POST", "/actors/v2"), ("PUT", f"/actors/v2/{actor_id}")):
        answer = await place.api(method, path, body, kind=kind)
        assert (answer.status, answer.message) == (400, text)


async def test_a_field_named_token_is_no_credential(place) -> None:
    for body, kind in (
        ({"image": "a", "token": "true"}, "application/json"),
        ("image=a&token=true", "application/x-www-form-urlencoded"),
    ):
        right = await place.api("POST", "/actors/v2", body, kind=kind)
        assert right.status == 200, right.body
        wrong = await place.api("POST", "/actors/v2", body, kind=kind, token="wrong")
        assert (wrong.status, wrong.message) == (400, "No JWT or nonce provided.")
    stolen = await place.api(
        "POST",
        "/actors/v2",
        "image=a&token=the-token-of-the-server",
        kind="application/x-www-form-urlencoded",
        token=None,
    )
    assert stolen.status == 400


async def test_a_token_in_the_query_is_a_credential_and_no_field(place) -> None:
    query = "?token=the-token-of-the-server&image=a"
    answer = await place.api("POST", f"/actors/v2{query}", token=None)
    assert (answer.status, answer.result["token"]) == (200, "false")
    both = await place.api("POST", f"/actors/v2{query}")
    assert (both.status, both.result["token"]) == (200, "false")


async def test_put_shows_a_fresh_time_for_what_it_changed(place) -> None:
    actor_id = await place.actor(name="n")
    place.clock.turn(timedelta(seconds=1))
    answer = await place.api("PUT", f"/actors/v2/{actor_id}", {"image": "x"})
    assert (answer.status, answer.message) == (200, "Actor updated successfully.")
    assert answer.result["createTime"] == "2026-11-21T17:18:35.464Z"
    assert answer.result["lastUpdateTime"] == "2026-11-21T17:18:36.464052"
    assert answer.result["name"] == "n"


async def test_a_status_message_shows_once_there_is_one(place) -> None:
    actor_id = await place.actor()
    store = place.service.desk.store
    await store.write(lambda conn: rows.set_status(conn, actor_id, ActorStatus.READY, " "))
    got = await place.api("GET", f"/actors/v2/{actor_id}")
    assert (got.result["status"], got.result["statusMessage"]) == ("READY", " ")


@pytest.mark.parametrize(
    ("clean", "text"),
    [
        (True, "Actor deleted successfully."),
        (
            False,
            "Actor deleted successfully, though Abaco is still cleaning up some of the actor's "
            "resources.",
        ),
    ],
)
async def test_delete(place, clean, text) -> None:
    actor_id = await place.actor()
    place.calls.clean = clean
    answer = await place.api("DELETE", f"/actors/v2/{actor_id}")
    assert (answer.status, answer.message, answer.result) == (200, text, None)
    gone = await place.api("GET", f"/actors/v2/{actor_id}")
    assert (gone.status, gone.message) == (404, f"No actor found with identifier: {actor_id}.")


UNKNOWN = "fLh2cJXhFdQQk"


@pytest.mark.parametrize(
    ("method", "path", "text"),
    [
        ("GET", f"/actors/v2/{UNKNOWN}", f"No actor found with identifier: {UNKNOWN}."),
        ("PUT", f"/actors/v2/{UNKNOWN}?image=x", f"No actor found with id: {UNKNOWN}."),
        ("GET", f"/actors/v2/{UNKNOWN}/state", f"No actor found with id: {UNKNOWN}."),
        ("POST", f"/actors/v2/{UNKNOWN}/state", f"No actor found with id: {UNKNOWN}."),
        ("GET", f"/actors/v2/{UNKNOWN}/messages", f"No actor found with id: {UNKNOWN}."),
        ("POST", f"/actors/v2/{UNKNOWN}/messages", f"No actor found with id: {UNKNOWN}."),
        ("DELETE", f"/actors/v2/{UNKNOWN}/messages", f"No actor found with id: {UNKNOWN}."),
        ("GET", f"/actors/v2/{UNKNOWN}/executions", f"No actor found with id: {UNKNOWN}."),
        ("GET", f"/actors/v2/{UNKNOWN}/executions/e", f"No actor found with id: {UNKNOWN}."),
        ("GET", f"/actors/v2/{UNKNOWN}/executions/e/logs", f"No actor found with id: {UNKNOWN}."),
        ("GET", f"/actors/v2/{UNKNOWN}/workers", f"No actor found with id: {UNKNOWN}."),
        ("GET", f"/actors/v2/{UNKNOWN}/workers/w", f"No actor found with id: {UNKNOWN}."),
        ("GET", "/actors/v2/nobody", "Actor with identifier 'nobody' not found"),
        ("GET", "/actors/v2/a%2Fb", "Actor with identifier 'a/b' not found"),
        ("GET", "/actors/v2/%F0%9F%8E%AD", "Actor with identifier '🎭' not found"),
    ],
)
async def test_actors_that_are_not_there(place, method, path, text) -> None:
    answer = await place.api(method, path)
    assert (answer.status, answer.message) == (404, text)
    assert answer.headers["X-Abaco-Error"] == "actor_not_found"


# ---- state -----------------------------------------------------------------------------------

UNFIT = "Invalid actor state description: state must be JSON serializable."


async def test_state(place) -> None:
    actor_id = await place.actor(stateless=False)
    path = f"/actors/v2/{actor_id}/state"
    answer = await place.api("POST", path, {"n": [1, None], "a_b": "c"})
    assert (answer.status, answer.message) == (200, "State updated successfully.")
    assert answer.result["id"] == actor_id
    assert answer.result["state"] == {"n": [1, None], "a_b": "c"}
    got = await place.api("GET", path)
    assert got.message == "Actor state retrieved successfully."
    assert got.result == {"state": {"n": [1, None], "a_b": "c"}}
    for value in ([1], 5, "text", True):
        answer = await place.api(
            "POST", path, value if value != "text" else b'"text"', kind="application/json"
        )
        assert answer.result["state"] == value


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        *((body, "application/json") for body in (b"{}", b"[]", b"0", b"false", b'""', b"null")),
        (b"", "application/json"),
        (None, None),
        (b"{", "application/json"),
        (b"word", "application/json"),
        (b'{"a": "\\ud800"}', "application/json"),
        (b"a=1", "application/x-www-form-urlencoded"),
        (b'{"a": 1}', "text/plain"),
        (b'{"a": 1}', None),
    ],
)
async def test_a_state_that_is_none(place, body, kind) -> None:
    actor_id = await place.actor(stateless=False)
    answer = await place.api("POST", f"/actors/v2/{actor_id}/state", body, kind=kind)
    assert (answer.status, answer.message) == (400, UNFIT)


async def test_a_stateless_actor_has_no_state_to_set(place) -> None:
    actor_id = await place.actor()
    for body in (b"{}", b'{"a": 1}', b"{"):
        path = f"/actors/v2/{actor_id}/state"
        answer = await place.api("POST", path, body, kind="application/json")
        assert (answer.status, answer.message) == (404, "actor is stateless.")
        assert answer.headers["X-Abaco-Error"] == "actor_is_stateless"
