"""Nonces as credentials (section 2): the table of refusals, levels, uses, whom they act for."""

import asyncio

import pytest
from test_alias_routes import named
from test_envelope import is_failure

from abaco_jupyter.wire import ids

pytestmark = pytest.mark.asyncio

NO_CREDENTIALS = "No JWT or nonce provided."
NO_NONCE = "Nonce does not exist."
TOO_LOW = "Nonce does not have sufficient permissions level."
USED_UP = "No remaining uses left for this nonce."


async def nonce(place, name: str, **body) -> str:
    """A nonce of the actor `name`, or of the alias `aliases/<alias>`."""
    answer = await place.api("POST", f"/actors/v2/{name}/nonces", body)
    assert answer.status == 200, answer.body
    return answer.result["id"]


async def by(place, nonce_id: str, method: str, path: str, body=None, **options):
    """A request with the nonce and nothing else."""
    return await place.api(method, f"{path}?x-nonce={nonce_id}", body, token=None, **options)


async def test_a_nonce_is_all_that_a_sender_needs(place) -> None:
    actor_id = await place.actor()
    key = await nonce(place, actor_id)
    sent = await by(place, key, "POST", f"/actors/v2/{actor_id}/messages", {"message": "m"})
    assert (sent.status, sent.result["msg"]) == (200, "m")
    path = f"/actors/v2/{actor_id}/executions/{sent.result['executionId']}"
    got = await by(place, key, "GET", path)
    assert got.result["executor"] == "ada"
    for end in ("/logs", "/results"):
        assert (await by(place, key, "GET", path + end)).status == 200
    assert "Set-Cookie" not in sent.headers


@pytest.mark.parametrize("level", ["NONE", "READ", "EXECUTE", "UPDATE"])
async def test_the_level_that_a_request_needs(place, level) -> None:
    actor_id = await place.actor(stateless=False)
    root = f"/actors/v2/{actor_id}"
    key = await nonce(place, actor_id, level=level)
    needed = [
        ("READ", "GET", root, None),
        ("READ", "HEAD", root, None),
        ("READ", "GET", f"{root}/permissions", None),
        ("READ", "GET", f"{root}/nonces", None),
        ("EXECUTE", "POST", f"{root}/messages", {"message": "m"}),
        ("UPDATE", "DELETE", f"{root}/messages", None),
        ("UPDATE", "POST", f"{root}/state", {"a": 1}),
        ("UPDATE", "POST", f"{root}/permissions", {"user": "u", "level": "READ"}),
        ("UPDATE", "POST", f"{root}/nonces", {}),
        ("UPDATE", "PUT", root, {"image": "x", "stateless": False}),
        ("UPDATE", "DELETE", root, None),
    ]
    order = ["NONE", "READ", "EXECUTE", "UPDATE"]
    uses = 0
    for least, method, path, body in needed:
        answer = await by(place, key, method, path, body)
        if order.index(level) >= order.index(least):
            assert answer.status == 200, (method, path, answer.body)
            uses += 1
        elif method == "HEAD":
            assert answer.status == 400
        else:
            is_failure(answer, 400, TOO_LOW)
    if level != "UPDATE":
        shown = await place.api("GET", f"{root}/nonces/{key}")
        assert shown.result["currentUses"] == uses


async def test_the_table_of_refusals(place) -> None:
    actor_id, other = await named(place), await place.actor()
    key, of_other = await nonce(place, actor_id), await nonce(place, other)
    of_alias = await nonce(place, "aliases/counter")
    path = f"/actors/v2/{actor_id}"
    unknown = f"DEV_{ids.new_id()}"
    cases = [
        (unknown, path, 400, NO_NONCE),
        ("", path, 400, NO_NONCE),
        ("nonsense", path, 400, NO_NONCE),
        ("%FF%00", path, 400, NO_NONCE),
        (key.replace("DEV", "PROD"), path, 400, NO_NONCE),
        (of_other, path, 400, NO_NONCE),
        (of_alias, path, 400, NO_NONCE),
        (key, "/actors/v2/counter", 400, NO_NONCE),
        (key, f"/actors/v2/{ids.new_id()}", 400, NO_NONCE),
        (key, "/actors/v2/nobody", 404, "Actor with identifier 'nobody' not found"),
        (key, "/actors/v2", 400, "Not authorized."),
        (key, "/actors/v2/aliases", 400, "Not authorized."),
        (key, "/abaco/v1/status", 400, "Not authorized."),
        (key, "/abaco/v1/builds", 400, "Not authorized."),
        (key, "/actors/v2/configs", 404, "Actor with identifier 'configs' not found"),
        (key, "/actors/v2/utilization", 404, "Actor with identifier 'utilization' not found"),
        (key, "/actors/v2/admin", 404, "Actor with identifier 'admin' not found"),
        (
            key,
            "/actors/v2/search/actors",
            404,
            "'x-nonce' query parameter on the '/actors/search/{database}' endpoint does not "
            "resolve.",
        ),
    ]
    for nonce_id, where, status, text in cases:
        is_failure(await by(place, nonce_id, "GET", where), status, text)
    assert (await by(place, key, "GET", path)).status == 200
    assert (await by(place, of_alias, "GET", "/actors/v2/counter")).status == 200
    assert (await by(place, of_alias, "GET", "/actors/v2/aliases/counter")).status == 200


async def test_uses_run_out(place) -> None:
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}"
    key = await nonce(place, actor_id, maxUses=2, level="READ")
    is_failure(await by(place, key, "DELETE", path), 400, TOO_LOW)
    assert (await by(place, key, "GET", path)).status == 200
    # An accepted use counts, though the request fails.
    assert (await by(place, key, "GET", f"{path}/executions/none")).status == 400
    is_failure(await by(place, key, "GET", path), 400, USED_UP)
    shown = (await place.api("GET", f"{path}/nonces/{key}")).result
    assert (shown["maxUses"], shown["remainingUses"], shown["currentUses"]) == (2, 0, 2)
    assert shown["lastUseTime"] == "2026-11-21T17:18:35.464Z"


async def test_two_requests_cannot_share_the_last_use(place) -> None:
    actor_id = await place.actor()
    key = await nonce(place, actor_id, maxUses=5)
    path = f"/actors/v2/{actor_id}"
    answers = await asyncio.gather(*(by(place, key, "GET", path) for _ in range(20)))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [400] * 15


async def test_it_acts_as_its_owner_with_the_roles_of_then(place) -> None:
    bob = place.as_user("bob")
    actor_id = (await bob("POST", "/actors/v2", {"image": "x"})).result["id"]
    path = f"/actors/v2/{actor_id}"
    key = (await bob("POST", f"{path}/nonces", {"level": "UPDATE"})).result["id"]
    body = {"image": "x", "maxWorkers": 2}
    # bob is not privileged, and neither is his nonce; ada is, and so is hers.
    text = "Not authorized -- only admins and privileged users can set max workers."
    is_failure(await by(place, key, "PUT", path, body), 400, text)
    hers = await nonce(place, actor_id, level="UPDATE")
    assert (await by(place, hers, "PUT", path, body)).status == 200
    # The permission check runs as well: what the owner may no longer do, the nonce may not.
    await place.api("POST", f"{path}/permissions", {"user": "bob", "level": "NONE"})
    text = "Not authorized -- you do not have access to this actor."
    is_failure(await by(place, key, "GET", path), 400, text)


async def test_a_nonce_can_make_nonces(place) -> None:
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}/nonces"
    key = await nonce(place, actor_id, level="UPDATE")
    child = await by(place, key, "POST", path, {"level": "READ"})
    assert (child.result["owner"], child.result["roles"]) == ("ada", ["Internal/abaco-admin"])


async def test_a_valid_token_wins(place) -> None:
    actor_id = await place.actor()
    key = await nonce(place, actor_id, maxUses=1)
    for nonce_id in (key, "nonsense"):
        answer = await place.api("GET", f"/actors/v2/{actor_id}?x-nonce={nonce_id}")
        assert answer.status == 200
    shown = await place.api("GET", f"/actors/v2/{actor_id}/nonces/{key}")
    assert shown.result["currentUses"] == 0
    wrong = await place.api("GET", f"/actors/v2/{actor_id}?x-nonce={key}", token="wrong")
    assert wrong.status == 200
    assert (await by(place, key, "GET", f"/actors/v2/{actor_id}")).message == USED_UP


async def test_a_page_of_another_origin_may_use_a_nonce(place) -> None:
    actor_id = await place.actor()
    key = await nonce(place, actor_id)
    answer = await by(
        place,
        key,
        "POST",
        f"/actors/v2/{actor_id}/messages",
        "message=m",
        kind="application/x-www-form-urlencoded",
        headers={"Origin": "https://elsewhere.example"},
    )
    assert answer.status == 200, answer.body
    assert answer.headers["Access-Control-Allow-Origin"] == "https://elsewhere.example"


async def test_a_retargeted_alias_takes_its_nonces_along(place) -> None:
    await named(place)
    other = await place.actor(name="other")
    key = await nonce(place, "aliases/counter")
    await place.api("PUT", "/actors/v2/aliases/counter", {"actorId": other})
    assert (await by(place, key, "GET", "/actors/v2/counter")).result["name"] == "other"


async def test_a_nonce_becomes_a_variable_of_the_execution(place) -> None:
    actor_id = await place.actor()
    key = await nonce(place, actor_id)
    await by(place, key, "POST", f"/actors/v2/{actor_id}/messages", {"message": "m"})
    waiting = await place.service.desk.store.read(
        lambda conn: conn.exec_driver_sql("SELECT environment FROM messages").scalar()
    )
    assert key in waiting


async def test_before_the_service_is_ready(place) -> None:
    place.change(ready=False, service=None, not_ready_reason="The Abaco service is starting.")
    answer = await by(place, "DEV_x", "GET", "/actors/v2/x")
    is_failure(answer, 503, "The Abaco service is starting.")


async def test_a_server_that_forwards_leaves_the_check_to_the_host(place, make_place) -> None:
    """With the host's own token the request would be the owner's, whatever the nonce."""
    from abaco_server.web.forward import Host
    from abaco_server.web.served import Web

    host = Host(url=place.api.root, token=place.api.token)
    second = make_place(Web(tenant="DEV", host=lambda: host), "token-of-the-second")
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}"
    key = await nonce(place, actor_id, level="READ")
    assert (await second("GET", f"{path}?x-nonce={key}", token=None)).status == 200
    is_failure(await second("DELETE", f"{path}?x-nonce={key}", token=None), 400, TOO_LOW)
    is_failure(await second("GET", f"{path}?x-nonce=DEV_x", token=None), 400, NO_NONCE)
    is_failure(await second("GET", path, token=None), 400, NO_CREDENTIALS)
    shown = await place.api("GET", f"{path}/nonces/{key}")
    assert shown.result["currentUses"] == 1
