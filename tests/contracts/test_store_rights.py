"""Aliases, configs and nonces, on every database."""

from dataclasses import replace
from typing import Any

import pytest
from store_kit import NOW, SECOND

from abaco_jupyter.wire.codes import Level
from abaco_server.model.alias import Alias
from abaco_server.model.config import Config
from abaco_server.model.nonce import Nonce
from abaco_server.store import Store, aliases, configs, nonces, permissions

pytestmark = pytest.mark.asyncio


def an_alias(alias: str = "counter", **fields: Any) -> Alias:
    return Alias(**{"tenant": "T", "alias": alias, "actor_id": "a", "owner": "ann"} | fields)


def a_config(name: str = "key", **fields: Any) -> Config:
    given: dict[str, Any] = {
        "tenant": "T",
        "name": name,
        "value": "v",
        "is_secret": False,
        "actors": "a",
        "owner": "ann",
        "roles": ("r1", "r2"),
    }
    return Config(**given | fields)


def a_nonce(digest: str = "d", **fields: Any) -> Nonce:
    given: dict[str, Any] = {
        "digest": digest,
        "sealed": "s",
        "tenant": "T",
        "actor_id": "a",
        "owner": "ann",
        "roles": ("r1", "r2"),
        "level": Level.READ,
        "create_time": NOW,
    }
    return Nonce(**given | fields)


async def test_an_alias_is_unique_in_its_tenant(store: Store) -> None:
    mine, other = an_alias(), an_alias(tenant="U")
    for alias, added in ((mine, True), (other, True), (replace(mine, owner="bob"), False)):
        assert await store.write(lambda conn, a=alias: aliases.insert(conn, a)) is added
    assert await store.read(lambda conn: aliases.get(conn, "T", "counter")) == mine
    assert await store.read(lambda conn: aliases.of_tenant(conn, "U")) == [other]
    assert await store.write(lambda conn: aliases.point(conn, "T", "counter", "b"))
    assert not await store.write(lambda conn: aliases.point(conn, "T", "none", "b"))
    pointed = replace(mine, actor_id="b")
    assert await store.read(lambda conn: aliases.of_tenant(conn, "T")) == [pointed]
    assert await store.write(lambda conn: aliases.remove(conn, "T", "counter"))
    assert not await store.write(lambda conn: aliases.remove(conn, "T", "counter"))
    assert await store.read(lambda conn: aliases.get(conn, "U", "counter")) == other


async def test_a_name_that_no_text_can_be(store: Store) -> None:
    for tenant, alias in (("T", "a\0b"), ("\0", "a")):
        found = await store.read(lambda conn, t=tenant, a=alias: aliases.get(conn, t, a))
        assert found is None


async def test_uses_are_counted_down_to_none(store: Store) -> None:
    limited = a_nonce(max_uses=2, remaining_uses=2)
    await store.write(lambda conn: nonces.insert(conn, limited))
    used = []
    for n in range(4):
        at = NOW + n * SECOND
        used.append(await store.write(lambda conn, at=at: nonces.use(conn, "d", at)))
    assert used == [True, True, False, False]
    assert await store.read(lambda conn: nonces.get(conn, "d")) == replace(
        limited, remaining_uses=0, current_uses=2, last_use_time=NOW + SECOND
    )
    assert not await store.write(lambda conn: nonces.use(conn, "unknown", NOW))


async def test_unlimited_uses_are_counted_up(store: Store) -> None:
    await store.write(lambda conn: nonces.insert(conn, a_nonce()))
    for _ in range(3):
        assert await store.write(lambda conn: nonces.use(conn, "d", NOW))
    found = await store.read(lambda conn: nonces.get(conn, "d"))
    assert (found.remaining_uses, found.current_uses) == (-1, 3)


async def test_nonces_are_of_an_actor_or_of_an_alias(store: Store) -> None:
    first, second = a_nonce("1"), a_nonce("2")
    named = a_nonce("3", actor_id=None, alias="counter")
    elsewhere = replace(named, digest="4", tenant="U")
    for nonce in (first, second, named, elsewhere):
        await store.write(lambda conn, n=nonce: nonces.insert(conn, n))
    assert await store.read(lambda conn: nonces.of_actor(conn, "a")) == [first, second]
    assert await store.read(lambda conn: nonces.of_alias(conn, "T", "counter")) == [named]
    assert await store.write(lambda conn: nonces.remove(conn, "1"))
    assert not await store.write(lambda conn: nonces.remove(conn, "1"))
    await store.write(lambda conn: nonces.delete_of_actor(conn, "a"))
    await store.write(lambda conn: nonces.delete_of_alias(conn, "T", "counter"))
    assert await store.read(lambda conn: nonces.get(conn, "2")) is None
    assert await store.read(lambda conn: nonces.get(conn, "3")) is None
    assert await store.read(lambda conn: nonces.get(conn, "4")) == elsewhere


async def test_levels_of_an_alias_are_not_those_of_another_thing(store: Store) -> None:
    keys = [
        "x",
        permissions.of_alias("T", "x"),
        permissions.of_alias("U", "x"),
        permissions.of_config("T", "x"),
    ]
    for key, level in zip(keys, Level, strict=True):
        await store.write(lambda conn, k=key, v=level: permissions.set(conn, k, "ann", v))
    for key, level in zip(keys, Level, strict=True):
        assert await store.read(lambda conn, k=key: permissions.get(conn, k, "ann")) is level


async def test_a_config_is_unique_in_its_tenant(store: Store) -> None:
    mine, other = a_config(), a_config(tenant="U")
    for config, added in ((mine, True), (other, True), (replace(mine, owner="bob"), False)):
        assert await store.write(lambda conn, c=config: configs.insert(conn, c)) is added
    assert await store.read(lambda conn: configs.get(conn, "T", "key")) == mine
    changed = replace(mine, value="w", is_secret=True, actors="b")
    assert await store.write(lambda conn: configs.replace(conn, replace(changed, owner="bob")))
    assert not await store.write(lambda conn: configs.replace(conn, a_config("none")))
    assert await store.read(lambda conn: configs.of_tenant(conn, "T")) == [changed]
    assert await store.write(lambda conn: configs.remove(conn, "T", "key"))
    assert not await store.write(lambda conn: configs.remove(conn, "T", "key"))
    assert await store.read(lambda conn: configs.get(conn, "U", "key")) == other
    assert await store.read(lambda conn: configs.get(conn, "T", "a\0b")) is None


async def test_configs_of_an_actor_are_those_that_name_it(store: Store) -> None:
    def names(tenant: str, actor_id: str):
        return lambda conn: [c.name for c in configs.of_actor(conn, tenant, actor_id)]

    given = {"one": "a", "two": "x, counter ,x", "part": "ab,coun", "none": ""}
    for name, actors in given.items():
        await store.write(
            lambda conn, n=name, a=actors: configs.insert(conn, a_config(n, actors=a))
        )
    elsewhere = a_config("one", tenant="U", actors="a,counter")
    await store.write(lambda conn: configs.insert(conn, elsewhere))
    assert await store.read(names("T", "a")) == ["one"]
    for alias in (an_alias(), an_alias("x"), an_alias("x", tenant="U", actor_id="other")):
        await store.write(lambda conn, a=alias: aliases.insert(conn, a))
    assert await store.read(names("T", "a")) == ["one", "two"]
    assert await store.read(names("U", "other")) == []
    await store.write(lambda conn: configs.replace(conn, a_config("one", actors="b")))
    await store.write(lambda conn: aliases.point(conn, "T", "counter", "b"))
    assert await store.read(names("T", "a")) == ["two"]
    assert await store.read(names("T", "b")) == ["one", "two"]
    await store.write(lambda conn: configs.remove(conn, "T", "two"))
    assert await store.read(names("T", "a")) == []


async def test_configs_that_somebody_may_read(store: Store) -> None:
    for name, tenant in (("mine", "T"), ("all", "T"), ("no", "T"), ("low", "T"), ("mine", "U")):
        config = a_config(name, tenant=tenant)
        await store.write(lambda conn, c=config: configs.insert(conn, c))
    entries = [("mine", "ann", Level.READ), ("low", "ann", Level.NONE)]
    entries += [("all", "ABACO_WORLD", Level.UPDATE), ("no", "bob", Level.UPDATE)]
    for name, user, level in entries:
        key = permissions.of_config("T", name)
        await store.write(lambda conn, k=key, u=user, v=level: permissions.set(conn, k, u, v))
    found = await store.read(lambda conn: configs.readable(conn, "T", "ann"))
    assert [config.name for config in found] == ["mine", "all"]
    assert await store.read(lambda conn: configs.readable(conn, "U", "ann")) == []
