"""Bearer tokens of ours as credentials (section 2), and tenants, which they belong to."""

import asyncio
from datetime import timedelta

import pytest
from test_envelope import is_failure

from abaco_jupyter.wire.codes import Role
from abaco_server.model.principal import Principal
from abaco_server.web.forward import Host
from abaco_server.web.served import Web

pytestmark = pytest.mark.asyncio

NO_CREDENTIALS = "No JWT or nonce provided."
NO_ACCESS = "Not authorized -- you do not have access to this actor."


async def issued(place, username="bob", *roles: str, tenant="DEV", **fields) -> str:
    admin = Principal(username="root", tenant=tenant, roles=frozenset({Role.ADMIN}), api_server="")
    given = {"username": username, "roles": [Role(one) for one in roles or (Role.USER,)]}
    return (await place.service.tokens.create(admin, **given | fields)).secret


async def by(place, token: str, method: str, path: str, body=None, **options):
    return await place.api(method, path, body, token=token, **options)


async def test_a_token_is_all_that_a_client_needs(place) -> None:
    token = await issued(place)
    made = await by(place, token, "POST", "/actors/v2", {"image": "x"})
    assert (made.status, made.result["owner"]) == (200, "bob")
    path = f"/actors/v2/{made.result['id']}"
    sent = await by(place, token, "POST", f"{path}/messages", {"message": "m"})
    assert sent.status == 200
    got = await by(place, token, "GET", f"{path}/executions/{sent.result['executionId']}")
    assert got.result["executor"] == "bob"
    assert got.result["_links"]["self"].startswith(f"{place.api.root}/actors/v2/")
    assert (await by(place, token, "HEAD", path)).status == 200
    assert (await by(place, token, "GET", "/abaco/v1/status")).status == 200
    assert (await by(place, token, "DELETE", path)).status == 200
    assert "Set-Cookie" not in sent.headers
    assert sent.headers["Content-Type"] == "application/json"


async def test_either_word_stands_before_it(place) -> None:
    token = await issued(place)
    for word in ("Bearer", "bearer", "token"):
        headers = {"Authorization": f"{word} {token}"}
        answer = await place.api("GET", "/actors/v2", token=None, headers=headers)
        assert answer.status == 200


async def test_it_has_the_permissions_of_its_user(place) -> None:
    actor_id, token = await place.actor(), await issued(place)
    path = f"/actors/v2/{actor_id}"
    is_failure(await by(place, token, "GET", path), 400, NO_ACCESS)
    await place.api("POST", f"{path}/permissions", {"user": "bob", "level": "READ"})
    assert (await by(place, token, "GET", path)).status == 200
    is_failure(await by(place, token, "DELETE", path), 400, NO_ACCESS)


async def test_its_roles_decide(place) -> None:
    text = "Not authorized -- only admins and privileged users can set max workers."
    body = {"image": "x", "maxWorkers": 2}
    for role, may in (
        (Role.LIMITED, False),
        (Role.USER, False),
        (Role.PRIVILEGED, True),
        (Role.ADMIN, True),
    ):
        answer = await by(place, await issued(place, "bob", role), "POST", "/actors/v2", body)
        if may:
            assert answer.status == 200, answer.body
        else:
            is_failure(answer, 400, text)
    actor_id = await place.actor()
    for role, status in ((Role.PRIVILEGED, 400), (Role.ADMIN, 200)):
        token = await issued(place, "eve", role)
        assert (await by(place, token, "GET", f"/actors/v2/{actor_id}")).status == status


async def test_without_a_role_nobody_may_anything(place) -> None:
    admin = Principal(username="root", tenant="DEV", roles=frozenset({Role.ADMIN}), api_server="")
    bare = await place.service.tokens.create(admin, username="bob", roles=[])
    text = "Not authorized -- missing required role."
    for method, path in (
        ("GET", "/actors/v2"),
        ("POST", "/actors/v2"),
        ("GET", "/actors/v2/x/y/z"),
    ):
        is_failure(await by(place, bare.secret, method, path), 400, text)


async def test_unknown_expired_and_revoked_tokens_are_nobodys(place) -> None:
    brief = await issued(place, expires=place.clock.now() + timedelta(hours=1))
    assert (await by(place, brief, "GET", "/actors/v2")).status == 200
    place.clock.turn(timedelta(hours=1))
    garbage = ["abaco_", "abaco_x_e_h", "abaco_" + "0" * 40, "abaco_ x", "abaco_" + "z" * 9000]
    garbage += ["abaco_\xff\xe9", "abaco_%00", "abaco_'; DROP TABLE tokens; --"]
    for token in (brief, *garbage):
        for method, path in (
            ("GET", "/actors/v2"),
            ("POST", "/actors/v2"),
            ("PUT", "/actors/v2/x"),
        ):
            is_failure(await by(place, token, method, path), 400, NO_CREDENTIALS)


async def test_a_header_that_is_no_text(place) -> None:
    """Raw bytes beyond ASCII, which no client of ours would send."""
    host, port = place.origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"GET /a%40b/actors/v2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Authorization: Bearer abaco_\xff\xfe\xe2\x82\r\n\r\n"
    )
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert NO_CREDENTIALS.encode() in answer


async def test_a_cookie_does_not_help_a_bad_token(place) -> None:
    page = await place.api("GET", f"/actors/v2?token={place.api.token}", token="abaco_bad")
    is_failure(page, 400, NO_CREDENTIALS)


async def test_a_valid_token_wins_over_a_nonce(place) -> None:
    actor_id, token = await place.actor(), await issued(place)
    path = f"/actors/v2/{actor_id}"
    made = await place.api("POST", f"{path}/nonces", {"maxUses": 1})
    nonce = made.result["id"]
    # bob may not look, and the nonce, with which he might, is not looked at.
    is_failure(await by(place, token, "GET", f"{path}?x-nonce={nonce}"), 400, NO_ACCESS)
    is_failure(
        await by(place, "abaco_bad", "GET", f"{path}?x-nonce=DEV_x"), 400, "Nonce does not exist."
    )
    assert (await by(place, "abaco_bad", "GET", f"{path}?x-nonce={nonce}")).status == 200
    left = await place.api("GET", f"{path}/nonces/{nonce}")
    assert left.result["remainingUses"] == 0


async def test_a_page_of_another_origin_may_use_one(place) -> None:
    token = await issued(place)
    answer = await by(
        place,
        token,
        "POST",
        "/actors/v2",
        "image=x",
        kind="application/x-www-form-urlencoded",
        headers={"Origin": "https://elsewhere.example"},
    )
    assert answer.status == 200, answer.body
    assert answer.headers["Access-Control-Allow-Origin"] == "https://elsewhere.example"


async def test_before_the_service_is_ready(place) -> None:
    token = await issued(place)
    place.change(ready=False, service=None, not_ready_reason="The Abaco service is starting.")
    is_failure(await by(place, token, "GET", "/actors/v2"), 503, "The Abaco service is starting.")


async def test_through_a_second_server_it_stays_its_own(place, make_place) -> None:
    """With the host's token the request would be the owner's, an admin."""
    host = Host(url=place.api.root, token=place.api.token)
    second = make_place(Web(tenant="DEV", host=lambda: host), "token-of-the-second")
    actor_id, token = await place.actor(), await issued(place)
    path = f"/actors/v2/{actor_id}"
    made = await second("POST", "/actors/v2", {"image": "x"}, token=token)
    assert (made.status, made.result["owner"]) == (200, "bob")
    is_failure(await second("GET", path, token=token), 400, NO_ACCESS)
    is_failure(await second("GET", path, token="abaco_bad"), 400, NO_CREDENTIALS)
    nonce = (await place.api("POST", f"{path}/nonces", {})).result["id"]
    assert (await second("GET", f"{path}?x-nonce={nonce}", token="abaco_bad")).status == 200
    is_failure(await second("GET", f"{path}?x-nonce={nonce}", token=token), 400, NO_ACCESS)


async def test_tenants_do_not_see_each_other(place) -> None:
    """Admins of two tenants on one server, each of whom may everything in theirs."""
    ours = await issued(place, "ann", Role.ADMIN)
    theirs = await issued(place, "ann", Role.ADMIN, tenant="PROD")
    actor_id = (await by(place, ours, "POST", "/actors/v2", {"image": "x"})).result["id"]
    path = f"/actors/v2/{actor_id}"
    alias = {"alias": "counter", "actorId": actor_id}
    assert (await by(place, ours, "POST", "/actors/v2/aliases", alias)).status == 200
    nonce = (await by(place, ours, "POST", f"{path}/nonces", {})).result["id"]
    execution = (await by(place, ours, "POST", f"{path}/messages", {"message": "m"})).result
    config = {"name": "key", "value": "v", "actors": actor_id, "isSecret": False}
    assert (await by(place, ours, "POST", "/actors/v2/configs", config)).status == 200
    for where in (
        path,
        f"{path}/executions/{execution['executionId']}",
        f"{path}/nonces/{nonce}",
        f"{path}/state",
        f"/abaco/v1{path.replace('/v2', '')}/executions",
    ):
        answer = await by(place, theirs, "GET", where)
        assert answer.status == 404, (where, answer.body)
        assert answer.message.startswith("No actor found with id")
    for where in ("counter", "aliases/counter", "configs/key"):
        assert (await by(place, theirs, "GET", f"/actors/v2/{where}")).status == 404
    # An admin is told of what does not exist that it is gone; ours is still there.
    assert (await by(place, theirs, "DELETE", path)).status == 200
    assert (await by(place, ours, "GET", path)).result["status"] == "SUBMITTED"
    for where in ("", "/aliases", "/configs"):
        assert (await by(place, theirs, "GET", f"/actors/v2{where}")).result == []
    stolen = nonce.replace("DEV_", "PROD_")
    is_failure(
        await place.api("GET", f"{path}?x-nonce={stolen}", token=None), 400, "Nonce does not exist."
    )
    # A plain user is told as the reference tells them: with their own tenant's name.
    plain = await issued(place, "ann", tenant="PROD")
    is_failure(await by(place, plain, "GET", path), 400, f"Actor PROD_{actor_id} does not exist")
    # The same alias may be used in both.
    other = (await by(place, theirs, "POST", "/actors/v2", {"image": "y"})).result["id"]
    alias = {"alias": "counter", "actorId": other}
    assert (await by(place, theirs, "POST", "/actors/v2/aliases", alias)).status == 200
    assert (await by(place, theirs, "GET", "/actors/v2/counter")).result["id"] == other
    assert (await by(place, ours, "GET", "/actors/v2/counter")).result["id"] == actor_id


async def test_a_refusal_keeps_the_connection_or_says_that_it_ends(place) -> None:
    """A client sends its next request on the same connection: it must not be reset."""
    host, port = place.origin.removeprefix("http://").split(":")
    refused = (
        b"GET /a%40b/actors/v2 HTTP/1.1\r\nHost: localhost\r\n"
        b"Authorization: Bearer abaco_bad\r\n\r\n"
    )
    endless = (
        b"POST /a%40b/actors/v2 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b"Authorization: Bearer abaco_bad\r\n\r\n1\r\nx\r\n"
    )
    reader, writer = await asyncio.open_connection(host, int(port))
    for _ in range(3):
        writer.write(refused)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert head.startswith(b"HTTP/1.1 400 ")
        assert b"Connection: close" not in head
        (size,) = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")]
        await reader.readexactly(int(size.partition(b": ")[2]))
    writer.write(endless)
    assert b"\r\nConnection: close\r\n" in await asyncio.wait_for(reader.read(), 10)
    writer.close()
