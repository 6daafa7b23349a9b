"""OAuth clients and grants, and who is known, on every database."""

from typing import Any

import pytest
from store_kit import NOW, SECOND, an_actor

from abaco_jupyter.wire.codes import Level
from abaco_server.model.oauth import Grant, OAuthClient
from abaco_server.model.token import Token
from abaco_server.store import Store, actors, oauth, people, permissions, tokens

pytestmark = pytest.mark.asyncio


def a_client(key: str = "k", **fields: Any) -> OAuthClient:
    given: dict[str, Any] = {
        "key": key,
        "secret": "s",
        "tenant": "T",
        "owner": "ann",
        "name": "n",
        "create_time": NOW,
    }
    return OAuthClient(**given | fields)


def a_grant(access: str = "a", **fields: Any) -> Grant:
    given: dict[str, Any] = {
        "access": access,
        "refresh": f"r-{access}",
        "client_key": "k",
        "tenant": "T",
        "username": "ann",
        "roles": ("r1", "r2"),
        "create_time": NOW,
        "expires": NOW + SECOND,
        "refresh_expires": NOW + 2 * SECOND,
    }
    return Grant(**given | fields)


async def test_a_name_is_its_owners_once(store: Store) -> None:
    mine, hers, elsewhere = a_client(), a_client("l", owner="eve"), a_client("m", tenant="U")
    for client, added in ((mine, True), (hers, True), (elsewhere, True), (a_client("x"), False)):
        assert await store.write(lambda conn, c=client: oauth.insert_client(conn, c)) is added
    assert await store.read(lambda conn: oauth.client_by_key(conn, "k")) == mine
    assert await store.read(lambda conn: oauth.client_by_key(conn, "x")) is None
    assert await store.read(lambda conn: oauth.client_by_name(conn, "U", "ann", "n")) == elsewhere
    assert await store.read(lambda conn: oauth.clients_of(conn, "T", "ann")) == [mine]


async def test_with_a_client_go_its_grants(store: Store) -> None:
    await store.write(lambda conn: oauth.insert_client(conn, a_client()))
    other = a_grant("b", client_key="l")
    for grant in (a_grant(), other):
        await store.write(lambda conn, g=grant: oauth.insert_grant(conn, g))
    await store.write(lambda conn: oauth.remove_client(conn, "k"))
    assert await store.read(lambda conn: oauth.client_by_key(conn, "k")) is None
    assert await store.read(lambda conn: oauth.grant_by_access(conn, "a")) is None
    assert await store.read(lambda conn: oauth.grant_by_refresh(conn, "r-b")) == other


async def test_a_grant_is_taken_once(store: Store) -> None:
    grant = a_grant(origin="o")
    await store.write(lambda conn: oauth.insert_grant(conn, grant))
    assert await store.read(lambda conn: oauth.grant_by_access(conn, "a")) == grant
    assert await store.write(lambda conn: oauth.remove_grant(conn, "r-a"))
    assert not await store.write(lambda conn: oauth.remove_grant(conn, "r-a"))


async def test_grants_end_with_their_origin_or_their_time(store: Store) -> None:
    of_token, old, good = a_grant("1", origin="o"), a_grant("2", refresh_expires=NOW), a_grant("3")
    for grant in (of_token, old, good):
        await store.write(lambda conn, g=grant: oauth.insert_grant(conn, g))
    await store.write(lambda conn: oauth.remove_grants_of(conn, "o"))
    await store.write(lambda conn: oauth.delete_expired(conn, NOW))
    left = [await store.read(lambda conn, a=a: oauth.grant_by_access(conn, a)) for a in "123"]
    assert left == [None, None, good]


async def test_people_are_known_by_what_they_have_in_the_tenant(store: Store) -> None:
    actor = an_actor(tenant="T")
    token = Token(id="i", digest="d", tenant="U", username="eve", roles=(), create_time=NOW)
    await store.write(lambda conn: actors.insert(conn, actor))
    await store.write(lambda conn: permissions.set(conn, actor.id, "ann", Level.READ))
    await store.write(lambda conn: tokens.insert(conn, token))
    found = {
        (tenant, name): await store.read(lambda conn, t=tenant, n=name: people.known(conn, t, n))
        for tenant in ("T", "U")
        for name in ("ann", "eve", "a\0")
    }
    assert [who for who, known in found.items() if known] == [("T", "ann"), ("U", "eve")]
