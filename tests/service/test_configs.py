"""Which execution is given which config (sections 9 and 16)."""

from collections.abc import Callable

import pytest

from abaco_jupyter.wire.codes import Level, Role
from abaco_server.model.principal import Principal
from abaco_server.service import Service, configs
from abaco_server.service.vault import Vault
from abaco_server.store import permissions

pytestmark = pytest.mark.asyncio

People = Callable[..., Principal]


async def make(service: Service, who: Principal, name: str, actors: str, **fields: object) -> None:
    given = {"name": name, "value": f"{name}'s", "isSecret": False, "actors": actors}
    await service.configs.create(who, given | fields)


async def injected(service: Service, actor, vault: Vault | None = None) -> dict[str, str]:
    vault = vault or service.desk.vault
    return await service.desk.store.read(lambda conn: configs.injected(conn, actor, vault))


async def test_an_actor_is_given_what_names_it(service: Service, person: People) -> None:
    ann = person("ann")
    first = await service.actors.create(ann, {"image": "x"})
    second = await service.actors.create(ann, {"image": "x"})
    for name, actor in (("counter", first), ("count", second)):
        await service.aliases.create(ann, {"alias": name, "actorId": actor.id})
    await make(service, ann, "by-id", first.id)
    await make(service, ann, "by-alias", "counter")
    await make(service, ann, "both", f"{second.id}, {first.id}")
    # The reference looks for the alias `count` in the text `counter`, and finds it.
    assert await injected(service, first) == {
        "by-id": "by-id's",
        "by-alias": "by-alias's",
        "both": "both's",
    }
    assert await injected(service, second) == {"both": "both's"}
    await service.aliases.update(ann, "counter", {"actorId": second.id})
    assert list(await injected(service, second)) == ["by-alias", "both"]


async def test_secrets_are_in_clear_there_and_nowhere_else(
    service: Service, person: People
) -> None:
    ann = person("ann")
    actor = await service.actors.create(ann, {"image": "x"})
    await make(service, ann, "key", actor.id, value="sesame", isSecret=True)
    stored = await service.configs.get(ann, "key")
    assert "sesame" not in stored.value
    assert await injected(service, actor) == {"key": "sesame"}


async def test_a_secret_of_another_key_is_given_to_nobody(
    service: Service, person: People, caplog: pytest.LogCaptureFixture
) -> None:
    ann = person("ann")
    actor = await service.actors.create(ann, {"image": "x"})
    await make(service, ann, "old", actor.id, isSecret=True)
    await make(service, ann, "open", actor.id)
    assert await injected(service, actor, Vault.ephemeral()) == {"open": "open's"}
    assert "config old was sealed with another key" in caplog.text


async def test_only_who_may_change_the_actor_gives_it_values(
    service: Service, person: People
) -> None:
    ann, bob, root = person("ann"), person("bob"), person("root", Role.ADMIN)
    actor = await service.actors.create(ann, {"image": "x"})
    await make(service, bob, "bobs", actor.id)
    await make(service, root, "admins", actor.id)
    assert await injected(service, actor) == {"admins": "admins's"}

    async def give(level: Level) -> None:
        await service.desk.store.write(lambda conn: permissions.set(conn, actor.id, "bob", level))

    await give(Level.EXECUTE)
    assert await injected(service, actor) == {"admins": "admins's"}
    await give(Level.UPDATE)
    assert await injected(service, actor) == {"bobs": "bobs's", "admins": "admins's"}
    await give(Level.NONE)
    assert await injected(service, actor) == {"admins": "admins's"}


async def test_configs_never_leave_their_tenant(service: Service, person: People) -> None:
    ann, other = person("ann"), person("ann", tenant="OTHER")
    actor = await service.actors.create(ann, {"image": "x"})
    theirs = await service.actors.create(other, {"image": "x"})
    for who, target in ((ann, actor), (other, theirs)):
        await service.aliases.create(who, {"alias": "counter", "actorId": target.id})
    await make(service, other, "key", "counter")
    assert await injected(service, actor) == {}
    assert await injected(service, theirs) == {"key": "key's"}
    assert await service.configs.list(person("root", Role.ADMIN)) == []


async def test_who_takes_an_alias_next_is_given_nothing(service: Service, person: People) -> None:
    """They could make it look right: whoever owns an actor gives anybody UPDATE on it."""
    ann, eve = person("ann"), person("eve")
    mine = await service.actors.create(ann, {"image": "x"})
    theirs = await service.actors.create(eve, {"image": "x"})
    await service.aliases.create(ann, {"alias": "counter", "actorId": mine.id})
    await make(service, ann, "key", "counter", isSecret=True)
    assert list(await injected(service, mine)) == ["key"]
    await service.aliases.delete(ann, "counter")
    await service.aliases.create(eve, {"alias": "counter", "actorId": theirs.id})
    entry = {"user": "ann", "level": "UPDATE"}
    await service.permissions.set(eve, theirs.id, entry)
    assert await injected(service, theirs) == {}
    given = {"name": "key", "value": "v", "isSecret": False, "actors": "counter"}
    await service.configs.update(ann, "key", given)
    assert list(await injected(service, theirs)) == ["key"]


async def test_an_admins_config_is_not_aimed_by_others_with_the_admins_rights(
    service: Service, person: People
) -> None:
    ann, bob, root = person("ann"), person("bob"), person("root", Role.ADMIN, Role.USER)
    actor = await service.actors.create(ann, {"image": "x"})
    other = await service.actors.create(root, {"image": "x"})
    await make(service, root, "key", other.id)
    entry = {"user": "bob", "level": "UPDATE"}
    await service.config_permissions.set(root, "key", entry)
    given = {"name": "key", "value": "v", "isSecret": False, "actors": f"{actor.id},{other.id}"}
    await service.configs.update(bob, "key", given)
    assert await injected(service, actor) == {}
    # Where root has an entry of their own, bob is trusted with it.
    assert await injected(service, other) == {"key": "v"}
    await service.configs.update(root, "key", given)
    assert await injected(service, actor) == {"key": "v"}
