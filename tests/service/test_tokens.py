"""Bearer tokens of ours: made, listed and revoked by admins, each in their own tenant."""

from datetime import UTC, datetime, timedelta

import pytest

from abaco_jupyter.wire.codes import Role
from abaco_jupyter.wire.errors import InvalidRequest, NotAuthorized, TokenNotFound
from abaco_server.service import tokens
from abaco_server.service.credentials import NO_CREDENTIALS

NOW = datetime(2026, 11, 21, 17, 18, 35, 464052, tzinfo=UTC)


async def made(service, admin, **fields):
    given = {"username": "bob", "roles": [Role.USER], "label": "ci"} | fields
    return await service.tokens.create(admin, **given)


@pytest.mark.asyncio
async def test_it_acts_for_its_user_in_its_tenant(service, admin) -> None:
    token = await made(service, admin, roles=[Role.USER, Role.PRIVILEGED, Role.USER])
    found = await service.credentials.bearer(token.secret, api_server="http://s")
    assert (found.username, found.tenant, found.api_server) == ("bob", "DEV", "http://s")
    assert found.roles == {Role.USER, Role.PRIVILEGED}


@pytest.mark.asyncio
async def test_the_store_has_no_token_that_could_be_shown(service, admin) -> None:
    token = await made(service, admin)
    assert token.secret.startswith("abaco_")
    assert len(token.secret) == len("abaco_") + 40
    rows = await service.desk.store.read(
        lambda conn: conn.exec_driver_sql("SELECT * FROM tokens").all()
    )
    assert token.secret not in str(rows)
    assert token.secret not in repr(token)


@pytest.mark.asyncio
async def test_revoked_expired_and_unknown_are_refused_alike(service, admin, clock) -> None:
    revoked = await made(service, admin)
    brief = await made(service, admin, expires=NOW + timedelta(hours=1))
    await service.credentials.bearer(revoked.secret, api_server="")
    await service.credentials.bearer(brief.secret, api_server="")
    await service.tokens.revoke(admin, revoked.token.id)
    clock.turn(timedelta(hours=1))
    for secret in (revoked.secret, brief.secret, "abaco_", "abaco_\udcff\0", "abaco_x_y_z"):
        with pytest.raises(NotAuthorized, match=NO_CREDENTIALS):
            await service.credentials.bearer(secret, api_server="")


@pytest.mark.asyncio
async def test_its_last_use_is_noted_to_the_minute(service, admin, clock) -> None:
    token = await made(service, admin)
    seen = []
    for seconds in (0, 30, 31):
        clock.turn(timedelta(seconds=seconds))
        await service.credentials.bearer(token.secret, api_server="")
        (shown,) = await service.tokens.list(admin)
        seen.append(shown.last_use_time)
    assert seen == [NOW, NOW, NOW + timedelta(seconds=61)]


@pytest.mark.asyncio
async def test_admins_see_and_revoke_those_of_their_tenant(service, admin, person) -> None:
    other = person("eve", Role.ADMIN, tenant="PROD")
    mine, theirs = await made(service, admin), await made(service, other)
    assert await service.tokens.list(admin) == [mine.token]
    assert await service.tokens.list(other) == [theirs.token]
    with pytest.raises(TokenNotFound, match=f"No token '{theirs.token.id}' in the tenant DEV."):
        await service.tokens.revoke(admin, theirs.token.id)
    with pytest.raises(TokenNotFound):
        await service.tokens.revoke(admin, "nonsense")


@pytest.mark.asyncio
async def test_nobody_else_may(service, person) -> None:
    for role in (Role.PRIVILEGED, Role.USER, Role.LIMITED):
        bob = person("bob", role)
        for asked in (
            made(service, bob),
            service.tokens.list(bob),
            service.tokens.revoke(bob, "x"),
        ):
            with pytest.raises(NotAuthorized, match="Abaco Admin role required"):
                await asked


@pytest.mark.asyncio
@pytest.mark.parametrize("username", ["", "a b", "a\nb", "a\0", "x" * 201])
async def test_a_user_that_cannot_be_one(service, admin, username) -> None:
    with pytest.raises(InvalidRequest, match="cannot be one"):
        await made(service, admin, username=username)


@pytest.mark.asyncio
async def test_a_time_that_has_passed(service, admin) -> None:
    with pytest.raises(InvalidRequest, match="would have expired"):
        await made(service, admin, expires=NOW)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", None),
        ("90d", NOW + timedelta(days=90)),
        ("12h", NOW + timedelta(hours=12)),
        ("30m", NOW + timedelta(minutes=30)),
        ("2030-01-31", datetime(2030, 1, 31, tzinfo=UTC)),
        ("2030-01-31T12:00:00+01:00", datetime(2030, 1, 31, 11, tzinfo=UTC)),
    ],
)
def test_times_to_expire_at(text, at) -> None:
    assert tokens.expiry(text, NOW) == at


@pytest.mark.parametrize("text", ["soon", "90", "-1d", "1y", "2030-02-31", "999999w"])
def test_no_times_to_expire_at(text) -> None:
    with pytest.raises(InvalidRequest, match="is no time to expire at"):
        tokens.expiry(text, NOW)
