"""Bearer tokens, on every database."""

from pathlib import Path
from typing import Any

import pytest
from store_kit import NOW, SECOND, FakeClock

from abaco_server.model.token import Token
from abaco_server.store import Store, tokens

pytestmark = pytest.mark.asyncio
MINUTE = 60 * SECOND


def a_token(digest: str = "d", **fields: Any) -> Token:
    given: dict[str, Any] = {
        "id": f"id-{digest}",
        "digest": digest,
        "tenant": "T",
        "username": "ann",
        "roles": ("r1", "r2"),
        "label": "l",
        "create_time": NOW,
    }
    return Token(**given | fields)


async def add(store: Store, *many: Token) -> None:
    for token in many:
        await store.write(lambda conn, t=token: tokens.insert(conn, t))


async def test_a_token_is_found_by_its_digest(store: Store) -> None:
    mine, other = a_token(expires=NOW + SECOND), a_token("e", tenant="U")
    await add(store, mine, other)
    assert await store.read(lambda conn: tokens.get(conn, "d")) == mine
    assert await store.read(lambda conn: tokens.get(conn, "e")) == other
    assert await store.read(lambda conn: tokens.get(conn, "x")) is None
    assert await store.read(lambda conn: tokens.of_tenant(conn, "T")) == [mine]


async def test_removed_in_its_own_tenant_only(store: Store) -> None:
    await add(store, a_token())
    assert not await store.write(lambda conn: tokens.remove(conn, "U", "id-d"))
    assert await store.write(lambda conn: tokens.remove(conn, "T", "id-d"))
    assert not await store.write(lambda conn: tokens.remove(conn, "T", "id-d"))
    assert await store.read(lambda conn: tokens.get(conn, "d")) is None


async def test_a_use_is_noted_unless_one_just_was(store: Store) -> None:
    await add(store, a_token())
    noted = []
    for at in (NOW, NOW + SECOND, NOW + MINUTE, NOW + 2 * MINUTE):
        await store.write(lambda conn, at=at: tokens.used(conn, "d", at, at - MINUTE))
        noted.append((await store.read(lambda conn: tokens.get(conn, "d"))).last_use_time)
    assert noted == [NOW, NOW, NOW, NOW + 2 * MINUTE]


async def test_the_expired_are_tidied_away(store: Store) -> None:
    old, good, lasting = a_token("1", expires=NOW), a_token("2", expires=NOW + SECOND), a_token("3")
    await add(store, old, good, lasting)
    await store.write(lambda conn: tokens.delete_expired(conn, NOW))
    assert await store.read(lambda conn: tokens.of_tenant(conn, "T")) == [good, lasting]
    assert not old.is_valid(NOW)
    assert good.is_valid(NOW)
    assert lasting.is_valid(NOW)


async def test_a_command_writes_beside_the_service(
    store: Store, store_url: str, tmp_path: Path, clock: FakeClock
) -> None:
    """`jupyter abaco token` opens the database that a service has claimed."""
    await store.claim()
    beside = Store.open(store_url, payload_dir=tmp_path / "payloads", clock=clock)
    try:
        await add(beside, a_token())
        assert await store.read(lambda conn: tokens.get(conn, "d")) == a_token()
        assert await beside.write(lambda conn: tokens.remove(conn, "T", "id-d"))
    finally:
        await beside.close()
    assert await store.read(lambda conn: tokens.get(conn, "d")) is None
