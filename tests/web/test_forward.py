"""A second notebook server of the same user: the host answers."""

import asyncio
import json
from datetime import timedelta

import pytest
import pytest_asyncio

from abaco_jupyter.wire import paths
from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server.events.stream import Ended, LogAdded, execution_topic
from abaco_server.model.roles import RoleBook
from abaco_server.store import executions, results
from abaco_server.web import identity, streams
from abaco_server.web.forward import Host
from abaco_server.web.served import Web

pytestmark = pytest.mark.asyncio
GUEST_TOKEN = "the-token-of-the-guest"


def at(url: str, token: str):
    """What a server that forwards asks for each request."""
    return lambda: Host(url=url, token=token)


@pytest_asyncio.fixture
async def guest(place, make_place):
    """An Api of the second server; `place` is the host."""
    web = Web(
        tenant="DEV",
        host=at(place.api.root + "/", "the-token-of-the-server"),
        max_body=place.web.max_body,
    )
    return make_place(web, GUEST_TOKEN)


async def ask(guest, method: str, path: str, body=None, **options):
    return await guest(method, path, body, token=GUEST_TOKEN, **options)


async def test_everything_is_answered_by_the_host(place, guest) -> None:
    created = await ask(guest, "POST", "/actors/v2", {"image": "x"})
    assert created.status == 200, created.body
    actor_id = created.result["id"]
    assert created.headers["Content-Type"] == "application/json"
    assert (await place.api("GET", f"/actors/v2/{actor_id}")).status == 200
    path = f"/actors/v2/{actor_id}/messages"
    sent = await ask(
        guest, "POST", f"{path}?A=%C3%A9", b"\x00\xff", kind="application/octet-stream"
    )
    assert sent.result["msg"] == "binary - omitted"
    assert (await ask(guest, "GET", path)).result["messages"] == 1
    assert (await ask(guest, "DELETE", path)).result["msg"] == "Actor mailbox purged."
    assert (await ask(guest, "PUT", f"/actors/v2/{actor_id}", {"image": "y"})).status == 200
    assert (await ask(guest, "GET", "/abaco/v1/status")).result["runner"] == "fake"
    head = await ask(guest, "HEAD", "/actors/v2")
    assert (head.status, head.body) == (200, b"")


async def test_links_are_those_of_the_server_that_was_asked(place, guest) -> None:
    created = await ask(guest, "POST", "/actors/v2", {"image": "x"})
    assert created.result["_links"]["self"].startswith(f"{guest.root}/actors/v2/")
    nobody = await place.api(
        "POST", "/actors/v2", {"image": "x"}, headers={"X-Abaco-Api-Server": "javascript:alert(1)"}
    )
    assert nobody.result["_links"]["self"].startswith(f"{place.api.root}/actors/v2/")


async def test_refusals_come_through(place, guest) -> None:
    unknown = await ask(guest, "GET", "/actors/v2/nobody")
    assert (unknown.status, unknown.message) == (404, "Actor with identifier 'nobody' not found")
    assert unknown.headers["X-Abaco-Error"] == "actor_not_found"
    assert (await ask(guest, "GET", "/actors/v2/x/y/z")).status == 404
    assert (await ask(guest, "PATCH", "/actors/v2")).status == 405
    place.change(ready=False, service=None)
    starting = await ask(guest, "GET", "/actors/v2")
    assert (starting.status, starting.headers["Retry-After"]) == (503, "1")


async def test_who_the_guest_does_not_know_does_not_reach_the_host(place, guest) -> None:
    for token in (None, "wrong", "the-token-of-the-server"):
        answer = await guest("GET", "/actors/v2", token=token)
        assert (answer.status, answer.message) == (400, "No JWT or nonce provided.")


async def test_the_callers_credentials_stay_behind(place, guest, monkeypatch) -> None:
    seen = []
    whole = type(place.service.actors).list

    async def listening(self, principal):
        return await whole(self, principal)

    monkeypatch.setattr(type(place.service.actors), "list", listening)
    place.app.settings["log_function"] = lambda handler: seen.append(handler.request)
    path = f"/actors/v2?token={GUEST_TOKEN}"
    answer = await guest("GET", path, token=None, headers={"Cookie": "a=secret"})
    assert answer.status == 200
    assert GUEST_TOKEN not in seen[0].uri
    assert GUEST_TOKEN not in str(seen[0].headers)
    assert "Cookie" not in seen[0].headers
    assert "Set-Cookie" not in answer.headers


async def test_results_and_large_bodies(place, guest) -> None:
    actor_id = await place.actor()
    execution_id = await place.execution(actor_id)
    body = bytes(range(256)) * 700
    expires = place.clock.now() + timedelta(hours=1)
    async with place.service.desk.store.keeping(body) as kept:
        await place.service.desk.store.write(
            lambda conn: results.add(conn, execution_id, "1", kept, expires)
        )
    answer = await ask(guest, "GET", f"/actors/v2/{actor_id}/executions/{execution_id}/results")
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    path = f"/actors/v2/{actor_id}/messages"
    large = await ask(guest, "POST", path, body, kind="application/octet-stream")
    assert large.status == 200
    over = await ask(guest, "POST", path, body * 2, kind="application/octet-stream")
    assert over.message.startswith("Message exceeds max content length of: 200000.")


async def test_a_stream_is_passed_on_as_it_comes(place, guest) -> None:
    actor_id = await place.actor()
    execution_id = await place.execution(actor_id)
    pieces: asyncio.Queue[str] = asyncio.Queue()
    asked = asyncio.ensure_future(
        ask(
            guest,
            "GET",
            paths.execution_stream(actor_id, execution_id),
            streaming_callback=lambda chunk: pieces.put_nowait(chunk.decode()),
        )
    )
    async with asyncio.timeout(60):
        assert (await pieces.get()).startswith("event: status\n")
        topic = execution_topic(execution_id)
        place.hub.publish(topic, LogAdded(offset=0, text="one\n"))
        assert json.dumps({"text": "one\n"}, separators=(",", ":")) in await pieces.get()
        now = place.clock.now()
        await place.service.desk.store.write(
            lambda conn: executions.end(
                conn, execution_id, status=ExecutionStatus.COMPLETE, finish_time=now
            )
        )
        place.hub.publish(topic, Ended(status="COMPLETE"))
        assert (await pieces.get()).startswith("event: end\n")
        answer = await asked
    assert answer.headers["Content-Type"] == "text/event-stream"


async def test_a_viewer_who_leaves_the_guest_leaves_the_host(place, guest, monkeypatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    actor_id = await place.actor()
    execution_id = await place.execution(actor_id)

    def leave(_: bytes) -> None:
        raise ConnectionAbortedError

    asked = asyncio.ensure_future(
        ask(
            guest,
            "GET",
            paths.execution_stream(actor_id, execution_id),
            streaming_callback=leave,
        )
    )
    await asyncio.wait([asked])
    assert asked.exception() or asked.result().status == 599
    async with asyncio.timeout(60):
        while place.hub._listeners:
            await asyncio.sleep(0.01)


async def test_a_host_that_is_gone(place, make_place) -> None:
    web = Web(tenant="DEV", host=at("http://127.0.0.1:9/", "x"))
    guest = make_place(web, GUEST_TOKEN)
    answer = await ask(guest, "GET", "/actors/v2")
    assert answer.status == 503
    assert answer.message.startswith("The host of the Abaco service does not answer: ")
    assert answer.headers["Retry-After"] == "1"


async def test_two_that_take_each_other_for_the_host(place, make_place) -> None:
    first = make_place(Web(tenant="DEV", host=at("http://127.0.0.1:9/", "x")), "one")
    second = make_place(Web(tenant="DEV", host=at(first.root, "one")), GUEST_TOKEN)
    answer = await ask(second, "GET", "/actors/v2")
    assert answer.status == 503
    assert "take each other for the host" in answer.message


async def test_other_people_stay_who_they_are(place, make_place) -> None:
    """With the host's token alone everybody would be its owner, who is an admin."""
    host = at(place.api.root, place.api.token)
    book = RoleBook.read({"privileged": ["b+b&name=c"]}, "limited")
    actor_id = await place.actor()
    guest = make_place(Web(tenant="DEV", host=host, roles=book), GUEST_TOKEN, people=True)
    for name, status in (("eve", 400), ("b+b&name=c", 200), (identity.owner(), 200)):
        body = {"image": "x", "maxWorkers": 2}
        made = await guest("POST", "/actors/v2", body, token=f"as-{name}")
        assert made.status == status, made.body
        if status == 200:
            assert made.result["owner"] == name
    refused = await guest("GET", f"/actors/v2/{actor_id}", token="as-eve")
    assert refused.message == "Not authorized -- you do not have access to this actor."


async def test_nobody_but_the_owner_speaks_for_others(place) -> None:
    actor_id = await place.actor()
    bob = place.as_user("bob")
    for told in ("name=ada&role=Internal/abaco-admin", "", "%zz", "name"):
        answer = await bob("GET", f"/actors/v2/{actor_id}", headers={"X-Abaco-Person": told})
        assert answer.status == 400
    for told, text in (
        ("name=bob&role=Internal/abaco-user", "you do not have access to this actor."),
        ("%zz", "missing required role."),
        ("", "missing required role."),
    ):
        answer = await place.api("GET", f"/actors/v2/{actor_id}", headers={"X-Abaco-Person": told})
        assert answer.message.endswith(text)
