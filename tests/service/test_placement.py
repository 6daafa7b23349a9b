"""Mounts and user of an actor follow from who makes or updates it (sections 6, 10 and 16)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from abaco_jupyter.wire.codes import Level, Role
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_server.model.actor import Mount
from abaco_server.model.principal import Principal
from abaco_server.service import Service, open_service, placement
from abaco_server.service.placement import Account, Placement
from abaco_server.store import permissions

People = Callable[..., Principal]

ACCOUNTS = {
    "ann": Account(uid=1001, gid=2001, home="/home/ann"),
    "bob": Account(uid=1002, gid=2002, home="/home/bob"),
}


def placed(service: Service, **fields: object) -> Service:
    """The service with these settings, on a machine with two accounts."""
    config = replace(service.desk.config, placement=Placement(**fields))
    return open_service(replace(service.desk, config=config, account=ACCOUNTS.get))


def mounts(*texts: str) -> tuple[Mount, ...]:
    return tuple(map(placement.parse, texts))


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("/work:/work:rw", Mount(host_path="/work", container_path="/work", mode="rw")),
        ("/a:/b:ro", Mount(host_path="/a", container_path="/b", mode="ro")),
        ("/a:/b", Mount(host_path="/a", container_path="/b", mode="ro")),
        ("/a:/b:", Mount(host_path="/a", container_path="/b", mode="ro")),
        (
            "{tasdir}/x:/{tenant_id}/{username}:ro",
            Mount(host_path="{tasdir}/x", container_path="/{tenant_id}/{username}", mode="ro"),
        ),
    ],
)
def test_what_is_a_mount(text: str, mount: Mount) -> None:
    assert placement.parse(text) == mount


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "both paths must begin with `/`"),
        ("/a", "both paths must begin with `/`"),
        ("a:/b:ro", "both paths must begin with `/`"),
        ("/a:b:ro", "both paths must begin with `/`"),
        ("{username}:/b:ro", "both paths must begin with `/`"),
        ("/a:/b:rx", "the mode must be `ro`"),
        ("/a:/b:ro:z", "the mode must be `ro`"),
        ("/a/{user}:/b:ro", r"the placeholders are {username}, {tenant_id}, {home}, {tasdir}"),
        ("/a/{:/b:ro", "the placeholders are"),
    ],
)
def test_what_is_no_mount(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="is no mount of the form host:container:mode") as refused:
        placement.parse(text)
    assert repr(text) in str(refused.value)
    assert why in str(refused.value)


@pytest.mark.asyncio
async def test_without_settings_there_is_none_of_it(service: Service, person: People) -> None:
    actor = await service.actors.create(person("ann"), {"image": "x", "uid": 0, "mounts": ["/"]})
    assert (actor.mounts, actor.uid, actor.gid, actor.tasdir) == ((), None, None, None)


@pytest.mark.asyncio
async def test_mounts_are_filled_in_for_the_user(service: Service, person: People) -> None:
    asked = mounts("/work/{username}:/work:rw", "/corral:/{tenant_id}:ro", "{home}:/home/me:rw")
    service = placed(service, mounts=asked)
    actor = await service.actors.create(person("ann"), {"image": "x"})
    assert actor.mounts == mounts("/work/ann:/work:rw", "/corral:/DEV:ro", "/home/ann:/home/me:rw")
    assert actor.tasdir == "/home/ann"
    assert actor.uid is None
    assert (await service.actors.get(person("ann"), actor.id)).mounts == actor.mounts


@pytest.mark.asyncio
async def test_an_update_places_the_actor_anew(service: Service, person: People) -> None:
    ann, bob = person("ann"), person("bob")
    service = placed(service, mounts=mounts("/work/{username}:/work:rw"), run_as_owner=True)
    actor = await service.actors.create(ann, {"image": "x"})
    assert (actor.uid, actor.gid) == (1001, 2001)
    await service.desk.store.write(
        lambda conn: permissions.set(conn, actor.id, "bob", Level.UPDATE)
    )
    put = await service.actors.update(bob, actor.id, {"image": "x"})
    assert (put.owner, put.uid, put.gid, put.tasdir) == ("ann", 1002, 2002, "/home/bob")
    assert put.mounts == mounts("/work/bob:/work:rw")
    assert await service.actors.get(ann, actor.id) == put
    # The installation may have changed its mind since.
    plain = placed(service)
    put = await plain.actors.update(ann, actor.id, {"image": "x"})
    assert (put.mounts, put.uid, put.gid, put.tasdir) == ((), None, None, None)


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../../etc", "a\nb", "{home}", "carl"])
@pytest.mark.asyncio
async def test_names_that_are_no_directorys_get_no_mount(
    service: Service, person: People, name: str
) -> None:
    """Else a user of that name would see what is nobody's."""
    asked = mounts("/work/{username}:/work:rw", "/x:/x/{username}:ro", "{home}:/h:ro", "/all:/all")
    service = placed(service, mounts=asked)
    actor = await service.actors.create(person(name), {"image": "x"})
    his = mounts("/work/carl:/work:rw", "/x:/x/carl:ro") if name == "carl" else ()
    assert actor.mounts == (*his, *mounts("/all:/all"))


@pytest.mark.asyncio
async def test_privileged_actors_have_more_mounts(service: Service, person: People) -> None:
    service = placed(service, mounts=mounts("/a:/a"), privileged_mounts=mounts("/root:/root:rw"))
    root = person("root", Role.PRIVILEGED)
    actor = await service.actors.create(root, {"image": "x", "privileged": True})
    assert actor.mounts == mounts("/a:/a", "/root:/root:rw")
    put = await service.actors.update(root, actor.id, {"image": "x"})
    assert put.mounts == mounts("/a:/a")


@pytest.mark.asyncio
async def test_whose_user_it_is(service: Service, person: People) -> None:
    ann, carl = person("ann"), person("carl")
    fixed = placed(service, uid=500, gid=600)
    actor = await fixed.actors.create(ann, {"image": "x"})
    assert (actor.uid, actor.gid) == (500, 600)
    both = placed(service, run_as_owner=True, uid=500)
    assert (await both.actors.create(ann, {"image": "x"})).uid == 1001
    guest = await both.actors.create(carl, {"image": "x"})
    assert (guest.uid, guest.gid) == (500, None)
    owners = placed(service, run_as_owner=True)
    for attempt in (
        owners.actors.create(carl, {"image": "x"}),
        owners.actors.update(carl, guest.id, {"image": "x"}),
    ):
        with pytest.raises(InvalidRequest) as refused:
            await attempt
        assert str(refused.value) == (
            "Actors of this server run as their owner's account on its machine, where carl has "
            "none. An administrator can make one, or set AbacoApp.actor_uid."
        )
    own = {"image": "x", "useContainerUid": True}
    trusted = person("carl", Role.PRIVILEGED)
    assert (await owners.actors.create(trusted, own)).uid is None
    assert (await fixed.actors.create(trusted, own)).uid is None


def test_accounts_of_this_machine() -> None:
    root = placement.account("root")
    assert root is not None
    assert (root.uid, root.gid) == (0, 0)
    for nobody in ("no-such-user", "", "a\0b", "é" * 300):
        assert placement.account(nobody) is None
