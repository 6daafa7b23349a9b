"""OAuth as the gateway does it: clients, access tokens, refresh tokens, and their ends."""

import re
from datetime import timedelta

import pytest

from abaco_jupyter.wire.codes import Role
from abaco_jupyter.wire.errors import ClientNotFound, InvalidRequest, NotAuthorized
from abaco_server.service.grants import LIFETIME, REFRESH_LIFETIME, Vouched

pytestmark = pytest.mark.asyncio


async def client(service, person, name="c"):
    return (await service.clients.create(person, {"clientName": name})).client


async def holder(service, token: str):
    return await service.credentials.bearer(token, api_server="http://s")


async def test_keys_are_seen_once(service, admin) -> None:
    made = await service.clients.create(admin, {"clientName": "c", "description": "d"})
    assert (made.client.name, made.client.description, made.client.tier) == ("c", "d", "Unlimited")
    assert len(made.secret) == len(made.client.key) == 28
    rows = await service.desk.store.read(
        lambda conn: conn.exec_driver_sql("SELECT * FROM oauth_clients").all()
    )
    assert made.secret not in str(rows) + repr(made)
    assert await service.clients.identify(made.client.key, made.secret) == made.client
    for key, secret in ((made.client.key, "x"), ("x", made.secret), ("", ""), ("\0", "\udcff")):
        assert await service.clients.identify(key, secret) is None


async def test_everybody_has_clients_of_their_own(service, admin, person) -> None:
    mine = await client(service, admin)
    theirs = await client(service, person("ada", Role.ADMIN, tenant="PROD"))
    assert await service.clients.list(admin) == [mine]
    assert await service.clients.get(admin, "c") == mine
    assert theirs.key != mine.key
    with pytest.raises(ClientNotFound, match=re.escape("No client found: c.")):
        await service.clients.delete(person("bob"), "c")
    with pytest.raises(InvalidRequest, match="there is a client 'c' already"):
        await client(service, admin)


@pytest.mark.parametrize("name", [None, "", " ", "a/b", "a\nb", "x" * 101])
async def test_names_that_no_client_can_have(service, admin, name) -> None:
    with pytest.raises(InvalidRequest, match="Invalid client description: "):
        await client(service, admin, name)


async def test_an_access_token_acts_for_its_user_for_four_hours(
    service, admin, person, clock
) -> None:
    bob = person("bob", Role.PRIVILEGED)
    pair = await service.grants.grant(await client(service, admin), Vouched(principal=bob))
    found = await holder(service, pair.access)
    assert (found.username, found.tenant, found.roles) == ("bob", "DEV", {Role.PRIVILEGED})
    assert (pair.lifetime, found.api_server) == (LIFETIME, "http://s")
    rows = await service.desk.store.read(
        lambda conn: conn.exec_driver_sql("SELECT * FROM oauth_grants").all()
    )
    for secret in (pair.access, pair.refresh):
        assert secret not in str(rows) + repr(pair)
    clock.turn(LIFETIME)
    for token in (pair.access, pair.refresh, "abaco_a_", "abaco_r_x"):
        with pytest.raises(NotAuthorized, match="No JWT or nonce provided"):
            await holder(service, token)


async def test_a_refresh_token_is_good_once_and_for_its_client(
    service, admin, person, clock
) -> None:
    mine, other = await client(service, admin), await client(service, admin, "other")
    first = await service.grants.grant(mine, Vouched(principal=person("bob")))
    assert await service.grants.refresh(other, first.refresh) is None
    clock.turn(REFRESH_LIFETIME - timedelta(seconds=1))
    second = await service.grants.refresh(mine, first.refresh)
    assert (await holder(service, second.access)).username == "bob"
    assert await service.grants.refresh(mine, first.refresh) is None
    with pytest.raises(NotAuthorized):
        await holder(service, first.access)
    clock.turn(REFRESH_LIFETIME)
    for token in (second.refresh, second.access, "", "abaco_r_x"):
        assert await service.grants.refresh(mine, token) is None


async def test_refreshing_keeps_roles_no_longer_than_the_first_refresh_token(
    service, admin, person, clock
) -> None:
    """Refreshed day by day it went on for ever, also for an admin who had ceased to be one."""
    mine = await client(service, admin)
    pair = await service.grants.grant(mine, Vouched(principal=person("bob")))
    for _ in range(REFRESH_LIFETIME.days - 1):
        clock.turn(timedelta(days=1))
        pair = await service.grants.refresh(mine, pair.refresh)
        assert pair is not None
    clock.turn(timedelta(days=1))
    assert await service.grants.refresh(mine, pair.refresh) is None


async def test_deleting_a_client_ends_what_it_was_given(service, admin) -> None:
    mine = await client(service, admin)
    pair = await service.grants.grant(mine, Vouched(principal=admin))
    await service.clients.delete(admin, "c")
    assert await service.grants.refresh(mine, pair.refresh) is None
    with pytest.raises(NotAuthorized):
        await holder(service, pair.access)


async def test_a_grant_does_not_outlive_the_token_that_was_its_password(
    service, admin, clock
) -> None:
    mine = await client(service, admin)
    end = clock.now() + timedelta(hours=6)
    made = await service.tokens.create(admin, username="bob", roles=[Role.USER], expires=end)
    vouched = await service.credentials.password("bob", made.secret, api_server="")
    first = await service.grants.grant(mine, vouched)
    clock.turn(timedelta(hours=3))
    second = await service.grants.refresh(mine, first.refresh)
    assert second.lifetime == timedelta(hours=3)
    clock.turn(timedelta(hours=3))
    assert await service.grants.refresh(mine, second.refresh) is None


async def test_revoking_a_token_ends_what_was_granted_for_it(service, admin) -> None:
    mine = await client(service, admin)
    made = await service.tokens.create(admin, username="bob", roles=[Role.USER])
    vouched = await service.credentials.password("bob", made.secret, api_server="")
    pair = await service.grants.grant(mine, vouched)
    await service.tokens.revoke(admin, made.token.id)
    assert await service.grants.refresh(mine, pair.refresh) is None
    with pytest.raises(NotAuthorized):
        await holder(service, pair.access)


async def test_what_is_no_password(service, admin) -> None:
    """Another's token, and tokens that were not issued by an admin: they would renew themselves."""
    mine = await client(service, admin)
    made = await service.tokens.create(admin, username="bob", roles=[Role.USER])
    pair = await service.grants.grant(mine, Vouched(principal=admin))
    for username, password in (
        ("eve", made.secret),
        ("ada", pair.access),
        ("ada", pair.refresh),
        ("bob", ""),
    ):
        with pytest.raises(NotAuthorized):
            await service.credentials.password(username, password, api_server="")


async def test_a_client_of_another_tenant(service, admin, person) -> None:
    theirs = await client(service, person("eve", tenant="PROD"))
    with pytest.raises(NotAuthorized, match="The client is of the tenant PROD, not DEV"):
        await service.grants.grant(theirs, Vouched(principal=admin))
