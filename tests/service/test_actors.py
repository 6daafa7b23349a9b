"""Actors, links, levels and state, on a real store."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import ActorStatus, ExecutionStatus, Level, Role
from abaco_jupyter.wire.errors import (
    ActorDoesNotExist,
    ActorIsStateless,
    ActorNotFound,
    InvalidRequest,
    NotAuthorized,
)
from abaco_server.model.actor import Actor
from abaco_server.model.message import ContentType
from abaco_server.model.principal import Principal
from abaco_server.service import Service
from abaco_server.service.actors import ACTOR_DELETED
from abaco_server.service.messages import Post
from abaco_server.store import actors as rows
from abaco_server.store import executions, permissions

People = Callable[..., Principal]
HELLO = Post(content_type=ContentType.TEXT, body=b"hello")
NO_ACCESS = "Not authorized -- you do not have access to this actor."


async def set_status(service: Service, actor: Actor, status: ActorStatus, message: str) -> None:
    await service.desk.store.write(lambda conn: rows.set_status(conn, actor.id, status, message))


async def allow(service: Service, actor: Actor, username: str, level: Level) -> None:
    await service.desk.store.write(lambda conn: permissions.set(conn, actor.id, username, level))


@pytest.mark.asyncio
async def test_a_new_actor_wakes_its_worker_and_belongs_to_its_creator(
    service: Service, calls, person: People
) -> None:
    bob = person("bob")
    actor = await service.actors.create(bob, {"image": "a/b", "name": "n"})
    assert calls.woken == [actor.id]
    assert ids.is_id(actor.id)
    assert actor.status is ActorStatus.SUBMITTED
    assert await service.actors.get(bob, actor.id) == actor
    assert await service.actors.list(bob) == [actor]
    assert await service.actors.list(person("eve")) == []


@pytest.mark.asyncio
async def test_an_admin_lists_no_more_but_may_do_everything_in_the_tenant(
    service: Service, admin: Principal, person: People
) -> None:
    actor = await service.actors.create(person("bob"), {"image": "x"})
    assert await service.actors.list(admin) == []
    assert (await service.actors.get(admin, actor.id)).owner == "bob"
    with pytest.raises(ActorNotFound):
        await service.actors.get(person("ada", Role.ADMIN, tenant="PROD"), actor.id)


@pytest.mark.parametrize(
    ("level", "may"),
    [
        (None, ()),
        (Level.NONE, ()),
        (Level.READ, ("get",)),
        (Level.EXECUTE, ("get", "send")),
        (Level.UPDATE, ("get", "send", "update", "delete")),
    ],
)
@pytest.mark.parametrize("entry", ["eve", "ABACO_WORLD"])
@pytest.mark.asyncio
async def test_each_level_includes_those_below(
    service: Service, person: People, level: Level | None, may: tuple[str, ...], entry: str
) -> None:
    eve = person("eve")
    actor = await service.actors.create(person("bob"), {"image": "x"})
    if level is not None:
        await allow(service, actor, entry, level)
    tries = {
        "get": lambda: service.actors.get(eve, actor.id),
        "send": lambda: service.messages.send(eve, actor.id, HELLO),
        "update": lambda: service.actors.update(eve, actor.id, {"image": "x"}),
        "delete": lambda: service.actors.delete(eve, actor.id),
    }
    for name, attempt in tries.items():
        if name in may:
            await attempt()
        else:
            with pytest.raises(NotAuthorized, match=NO_ACCESS):
                await attempt()


@pytest.mark.asyncio
async def test_what_nobody_has(service: Service, admin: Principal, person: People) -> None:
    unknown = ids.new_id()
    cases = [
        (service.actors.get(admin, unknown), f"No actor found with identifier: {unknown}."),
        (service.states.get(admin, unknown), f"No actor found with id: {unknown}."),
        (service.actors.get(admin, "nobody"), "Actor with identifier 'nobody' not found"),
        (service.actors.get(person("u"), "nobody"), "Actor with identifier 'nobody' not found"),
        (service.messages.send(admin, unknown, HELLO), f"No actor found with id: {unknown}."),
    ]
    for attempt, text in cases:
        with pytest.raises(ActorNotFound) as refused:
            await attempt
        assert str(refused.value) == text
    for attempt in (
        service.actors.get(person("u"), unknown),
        service.messages.send(person("u"), unknown, HELLO),
        service.actors.delete(person("u"), unknown),
    ):
        with pytest.raises(ActorDoesNotExist) as hidden:
            await attempt
        assert str(hidden.value) == f"Actor DEV_{unknown} does not exist"


# ---- PUT -------------------------------------------------------------------------------------

FULL = {
    "image": "x",
    "name": "first",
    "description": "d",
    "hints": ["h"],
    "defaultEnvironment": {"A": 1},
    "webhook": "http://w",
    "type": "json",
    "privileged": True,
    "memLimit": "1g",
    "maxCpus": 5,
    "maxWorkers": 2,
    "logEx": 10,
    "token": True,
    "queue": "special",
    "useContainerUid": True,
    "cronSchedule": "now + 1 hour",
}


@pytest.mark.asyncio
async def test_put_replaces_everything(service: Service, calls, clock, admin: Principal) -> None:
    before = await service.actors.create(admin, FULL)
    assert before.cron_on is True
    assert before.cron_next_ex == "2026-11-21 17"
    await set_status(service, before, ActorStatus.READY, " ")
    clock.turn(timedelta(hours=3))
    after = await service.actors.update(admin, before.id, {"image": "x", "name": "second"})
    assert await service.actors.get(admin, before.id) == after
    assert (after.name, after.owner, after.create_time) == ("first", "ada", before.create_time)
    assert (after.status, after.status_message, after.revision) == (ActorStatus.READY, " ", 1)
    assert (after.cron_schedule, after.cron_next_ex) == ("now + 1 hour", "2026-11-21 17")
    assert after.cron_on is False
    assert after.last_update_time == clock.now()
    assert (after.description, after.hints, after.default_environment) == ("", (), {})
    assert (after.webhook, after.type, after.queue) == ("", "none", "default")
    assert (after.privileged, after.use_container_uid, after.token) == (False, False, None)
    assert (after.mem_limit, after.max_cpus, after.max_workers, after.log_ex) == (None,) * 4
    assert calls.refreshed == []


@pytest.mark.parametrize(
    ("body", "restarts"),
    [
        ({"image": "y"}, True),
        ({"image": "x", "force": "false"}, True),
        ({"image": "x", "force": False}, False),
        ({"image": "x", "force": ""}, False),
    ],
)
@pytest.mark.asyncio
async def test_put_with_another_image_or_force_starts_anew(
    service: Service, calls, admin: Principal, body: dict[str, object], restarts: bool
) -> None:
    actor = await service.actors.create(admin, {"image": "x"})
    await set_status(service, actor, ActorStatus.ERROR, "no image")
    after = await service.actors.update(admin, actor.id, body)
    assert await service.actors.get(admin, actor.id) == after
    if restarts:
        assert (after.status, after.revision) == (ActorStatus.SUBMITTED, 2)
        assert after.status_message is None
        assert calls.refreshed == [actor.id]
    else:
        assert (after.status, after.revision) == (ActorStatus.ERROR, 1)
        assert after.status_message == "no image"
        assert calls.refreshed == []


@pytest.mark.asyncio
async def test_put_on_a_stateful_actor_says_so_and_clears_its_state(
    service: Service, admin: Principal
) -> None:
    actor = await service.actors.create(admin, {"image": "x", "stateless": False})
    await service.states.set(admin, actor.id, {"n": 1})
    with pytest.raises(InvalidRequest) as refused:
        await service.actors.update(admin, actor.id, {"image": "x"})
    assert str(refused.value) == (
        "Invalid actor description: an actor that was not stateless cannot be updated to be "
        "stateless."
    )
    assert await service.states.get(admin, actor.id) == {"n": 1}
    await service.actors.update(admin, actor.id, {"image": "x", "stateless": "false"})
    assert await service.states.get(admin, actor.id) == {}
    other = await service.actors.create(admin, {"image": "x"})
    after = await service.actors.update(admin, other.id, {"image": "x", "stateless": False})
    assert after.stateless is False


@pytest.mark.asyncio
async def test_put_by_somebody_else_gives_them_update_for_good(
    service: Service, admin: Principal, person: People
) -> None:
    actor = await service.actors.create(person("bob"), {"image": "x"})
    after = await service.actors.update(admin, actor.id, {"image": "x"})
    assert after.owner == "bob"
    assert await service.actors.update(person("ada"), actor.id, {"image": "x"})


@pytest.mark.asyncio
async def test_put_of_a_schedule(service: Service, clock, admin: Principal) -> None:
    actor = await service.actors.create(admin, {"image": "x", "cronSchedule": "now + 1 hour"})
    clock.turn(timedelta(days=1))
    same = await service.actors.update(
        admin, actor.id, {"image": "x", "cronSchedule": "now + 1 hour", "cronOn": True}
    )
    assert (same.cron_on, same.cron_next_ex) == (True, "2026-11-21 17")
    new = await service.actors.update(
        admin, actor.id, {"image": "x", "cronSchedule": "Now + 2 days"}
    )
    assert (new.cron_on, new.cron_next_ex) == (False, "2026-11-22 17")
    with pytest.raises(InvalidRequest, match="is an invalid unit of time"):
        await service.actors.update(
            admin, actor.id, {"image": "x", "cronSchedule": "now + 1 flimflam"}
        )


@pytest.mark.asyncio
async def test_the_role_comes_before_the_permission(service: Service, person: People) -> None:
    actor = await service.actors.create(person("bob"), {"image": "x"})
    with pytest.raises(NotAuthorized, match="can set queue"):
        await service.actors.update(person("eve"), actor.id, {"image": "x", "queue": "default"})
    with pytest.raises(NotAuthorized, match="make privileged actors"):
        await service.actors.create(person("eve"), {"privileged": "false"})


# ---- links -----------------------------------------------------------------------------------

MUST = "The link must be a valid actor id or alias for which you have EXECUTE permission. "
NO_NAME = f"Invalid link parameter; unable to retrieve linked actor data. {MUST}"


@pytest.mark.asyncio
async def test_links_name_an_actor_that_one_may_call(service: Service, person: People) -> None:
    bob, eve = person("bob"), person("eve")
    target = await service.actors.create(bob, {"image": "x"})
    unknown = ids.new_id()
    refused = {
        "no-alias": NO_NAME,
        unknown: f"Invalid link parameter. {MUST}Additional info: Actor DEV_{unknown} does not "
        "exist",
        target.id: f"Invalid link parameter. {MUST}Additional info: {NO_ACCESS}",
    }
    mine = await service.actors.create(eve, {"image": "x"})
    for link, text in refused.items():
        for attempt in (
            service.actors.create(eve, {"image": "x", "link": link}),
            service.actors.update(eve, mine.id, {"image": "x", "link": link}),
        ):
            with pytest.raises(InvalidRequest) as error:
                await attempt
            assert str(error.value) == text
    await allow(service, target, "eve", Level.EXECUTE)
    linked = await service.actors.create(eve, {"image": "x", "link": target.id})
    assert linked.link == target.id


@pytest.mark.asyncio
async def test_links_make_no_cycle(service: Service, admin: Principal) -> None:
    last = await service.actors.create(admin, {"image": "x"})
    middle = await service.actors.create(admin, {"image": "x", "link": last.id})
    first = await service.actors.create(admin, {"image": "x", "link": middle.id})
    with pytest.raises(InvalidRequest) as error:
        await service.actors.update(admin, last.id, {"image": "x", "link": first.id})
    assert str(error.value) == "Error: this update would result in a cycle of linked actors."
    with pytest.raises(InvalidRequest) as error:
        await service.actors.update(admin, last.id, {"image": "x", "link": last.id})
    assert str(error.value) == "Invalid link parameter. An actor cannot link to itself."
    # Replacing this actor's old link counts: middle lets go of last, so last may name middle.
    await service.actors.update(admin, middle.id, {"image": "x"})
    after = await service.actors.update(admin, last.id, {"image": "x", "link": first.id})
    assert after.link == first.id


# ---- state -----------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_state(service: Service, admin: Principal, person: People) -> None:
    stateless = await service.actors.create(admin, {"image": "x"})
    assert await service.states.get(admin, stateless.id) == {}
    with pytest.raises(ActorIsStateless, match=r"^actor is stateless\.$"):
        await service.states.set(admin, stateless.id, {})
    actor = await service.actors.create(admin, {"image": "x", "stateless": False})
    for empty in ({}, [], 0, False, "", None):
        with pytest.raises(InvalidRequest) as refused:
            await service.states.set(admin, actor.id, empty)
        assert str(refused.value) == (
            "Invalid actor state description: state must be JSON serializable."
        )
    for state in ({"a": [1, None]}, [1], 5, True, "text"):
        assert (await service.states.set(admin, actor.id, state)).state == state
        assert await service.states.get(admin, actor.id) == state
    with pytest.raises(NotAuthorized):
        await service.states.set(person("eve"), actor.id, {"a": 1})


# ---- DELETE ----------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_delete_ends_what_waits_and_keeps_executions(
    service: Service, calls, admin: Principal
) -> None:
    actor = await service.actors.create(admin, {"image": "x"})
    receipts = [await service.messages.send(admin, actor.id, HELLO) for _ in range(3)]
    assert await service.actors.delete(admin, actor.id) is True
    assert calls.retired == [actor.id]
    with pytest.raises(ActorNotFound):
        await service.actors.get(admin, actor.id)
    for receipt in receipts:
        kept = await service.executions.get(admin, actor.id, receipt.execution_id)
        assert (kept.status, kept.reason) == (ExecutionStatus.ERROR, ACTOR_DELETED)
    left = await service.desk.store.read(lambda conn: permissions.all(conn, actor.id))
    assert left == {}


@pytest.mark.asyncio
async def test_delete_says_when_it_takes_longer(service: Service, calls, admin: Principal) -> None:
    calls.clean = False
    actor = await service.actors.create(admin, {"image": "x"})
    assert await service.actors.delete(admin, actor.id) is False
    with pytest.raises(ActorNotFound):
        await service.actors.get(admin, actor.id)


@pytest.mark.asyncio
async def test_a_deletion_that_a_killed_server_began_is_finished(
    service: Service, calls, admin: Principal
) -> None:
    actor = await service.actors.create(admin, {"image": "x"})
    other = await service.actors.create(admin, {"image": "x"})
    receipt = await service.messages.send(admin, actor.id, HELLO)
    await service.desk.store.write(
        lambda conn: rows.set_status(conn, actor.id, ActorStatus.SHUTTING_DOWN, None)
    )
    await service.actors.finish_deletions()
    assert calls.retired == [actor.id]
    with pytest.raises(ActorNotFound):
        await service.actors.get(admin, actor.id)
    kept = await service.executions.get(admin, actor.id, receipt.execution_id)
    assert (kept.status, kept.reason) == (ExecutionStatus.ERROR, ACTOR_DELETED)
    assert (await service.actors.list(admin)) == [other]


@pytest.mark.asyncio
async def test_an_admin_may_delete_what_does_not_exist(service: Service, admin: Principal) -> None:
    assert await service.actors.delete(admin, ids.new_id()) is True
    with pytest.raises(ActorNotFound, match="Actor with identifier 'nobody' not found"):
        await service.actors.delete(admin, "nobody")


@pytest.mark.asyncio
async def test_an_actor_on_its_way_out_takes_neither_messages_nor_images(
    service: Service, admin: Principal, person: People
) -> None:
    actor = await service.actors.create(admin, {"image": "x"})
    await set_status(service, actor, ActorStatus.SHUTTING_DOWN, "")
    for body in (b"small", b"x" * 100_000):
        post = Post(content_type=ContentType.TEXT, body=body)
        with pytest.raises(ActorNotFound):
            await service.messages.send(admin, actor.id, post)
    with pytest.raises(InvalidRequest, match="is being deleted"):
        await service.actors.update(admin, actor.id, {"image": "y"})
    page = await service.desk.store.read(lambda conn: executions.page(conn, actor.id))
    assert page == []
