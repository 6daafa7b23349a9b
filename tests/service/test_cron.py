"""Actors' clocks: each hour is sent once, whatever happens (section 12)."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import ActorStatus, ContentType, ExecutionStatus
from abaco_server import queue
from abaco_server.cron.clocks import Clocks
from abaco_server.cron.ticker import Ticker
from abaco_server.model.actor import Actor
from abaco_server.model.message import Lease
from abaco_server.model.principal import Principal
from abaco_server.service import Service
from abaco_server.service.messages import Post
from abaco_server.store import Store, actors
from abaco_server.workers import context

pytestmark = pytest.mark.asyncio

People = Callable[..., Principal]
HOUR = timedelta(hours=1)


def clocks_of(service: Service, calls: Any, **given: Any) -> Clocks:
    options: dict[str, Any] = {
        "submit": queue.submit_many,
        "woken": calls.woken.append,
        "new_id": ids.IdSequence(),
    }
    return Clocks(service.desk.store, service.desk.clock, **options | given)


@pytest.fixture
def clocks(service: Service, calls: Any) -> Clocks:
    return clocks_of(service, calls)


@pytest.fixture
def ann(person: People) -> Principal:
    return person("ann")


async def next_ex(service: Service, actor: Actor) -> str | None:
    found = await service.desk.store.read(lambda conn: actors.get_any(conn, actor.id))
    assert found is not None
    return found.cron_next_ex


async def sent(store: Store, actor: Actor) -> int:
    return await store.read(lambda conn: queue.waiting(conn, actor.id))


async def leased(service: Service, actor: Actor) -> Lease:
    now = service.desk.clock.now()
    lease = await service.desk.store.write(
        lambda conn: queue.lease(conn, actor.id, "w", now, HOUR, exclusive=False)
    )
    assert lease is not None
    return lease


async def scheduled(service: Service, ann: Principal, schedule: str, **fields: Any) -> Actor:
    return await service.actors.create(ann, {"image": "x", "cronSchedule": schedule, **fields})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text + "+00:00")


async def test_it_is_sent_when_its_hour_has_come(
    service: Service, clocks: Clocks, calls: Any, ann: Principal, clock: Any
) -> None:
    actor = await scheduled(service, ann, "2026-11-21 18 + 2 hours")
    calls.woken.clear()
    assert await clocks.look() == at("2026-11-21T18:00:00")
    assert await sent(service.desk.store, actor) == 0
    clock.time = at("2026-11-21T18:00:00")
    assert await clocks.look() == at("2026-11-21T19:00:00")
    assert calls.woken == [actor.id]
    assert await next_ex(service, actor) == "2026-11-21 20"
    [record] = await service.executions.newest(ann, actor.id, 9)
    assert (record.executor, record.status) == ("cron", ExecutionStatus.SUBMITTED)
    await clocks.look()
    assert await sent(service.desk.store, actor) == 1


async def test_now_is_sent_at_once(service: Service, clocks: Clocks, ann: Principal) -> None:
    actor = await scheduled(service, ann, "now + 1 month")
    await clocks.look()
    assert await sent(service.desk.store, actor) == 1
    assert await next_ex(service, actor) == "2026-12-21 17"


async def test_what_the_container_finds(
    service: Service, clocks: Clocks, ann: Principal, clock: Any
) -> None:
    actor = await scheduled(service, ann, "now + 1 hour")
    await clocks.look()
    lease = await leased(service, actor)
    message = lease.message
    assert message.content_type is ContentType.TEXT
    assert context.message_text(message, message.read()) == "This is your cron execution"
    environment = context.environment(actor, lease)
    assert environment["Time_msg_queued"] == str(clock.now().timestamp())
    assert environment["_abaco_Content_Type"] == "str"
    assert environment["_abaco_actor_revision"] == "1"
    assert "_abaco_username" not in environment
    assert "_abaco_api_server" not in environment


async def test_a_user_who_is_named_cron_keeps_the_name(
    service: Service, person: People, calls: Any
) -> None:
    cron = person("cron")
    actor = await service.actors.create(cron, {"image": "x"})
    await service.messages.send(cron, actor.id, Post(content_type=ContentType.TEXT, body=b"hello"))
    environment = context.environment(actor, await leased(service, actor))
    assert environment["_abaco_username"] == "cron"


async def test_missed_hours_are_made_up_one_a_pass(
    service: Service, clocks: Clocks, ann: Principal, clock: Any
) -> None:
    store = service.desk.store
    actor = await scheduled(service, ann, "now + 1 hour")
    clock.time = at("2026-11-21T20:10:00")
    again = await clocks.look()
    assert again == at("2026-11-21T20:10:50")
    assert await sent(store, actor) == 1
    assert await next_ex(service, actor) == "2026-11-21 18"
    # Somebody else's schedule wakes the clock: nothing is sent sooner for that.
    clock.time += timedelta(seconds=10)
    assert await clocks.look() == again
    assert await sent(store, actor) == 1
    for count, upcoming in enumerate(("19", "20", "21"), start=2):
        clock.time = again
        again = await clocks.look()
        assert await sent(store, actor) == count
        assert await next_ex(service, actor) == f"2026-11-21 {upcoming}"
    assert again == at("2026-11-21T21:00:00")
    await clocks.look()
    assert await sent(store, actor) == 4


async def test_a_clock_that_is_off_moves_on_in_silence(
    service: Service, clocks: Clocks, calls: Any, ann: Principal, clock: Any
) -> None:
    actor = await scheduled(service, ann, "2026-11-21 18 + 1 hour")
    # A PUT that does not say cronOn turns it off.
    await service.actors.update(ann, actor.id, {"image": "x"})
    clock.time = at("2026-11-21T18:30:00")
    calls.woken.clear()
    await clocks.look()
    assert calls.woken == []
    assert await sent(service.desk.store, actor) == 0
    assert await next_ex(service, actor) == "2026-11-21 19"
    await service.actors.update(ann, actor.id, {"image": "x", "cronOn": True})
    clock.time = at("2026-11-21T19:00:00")
    await clocks.look()
    assert await sent(service.desk.store, actor) == 1


async def test_two_servers_send_once(
    service: Service, calls: Any, ann: Principal, clock: Any
) -> None:
    store = service.desk.store
    made = [await scheduled(service, ann, "now + 1 hour") for _ in range(20)]
    two = [clocks_of(service, calls), clocks_of(service, calls)]
    await asyncio.gather(*(one.look() for one in two))
    assert [await sent(store, actor) for actor in made] == [1] * 20
    assert {await next_ex(service, actor) for actor in made} == {"2026-11-21 18"}


async def test_a_server_that_dies_while_it_sends_has_not_sent(
    service: Service, clocks: Clocks, calls: Any, ann: Principal
) -> None:
    """Message and hands are one transaction: nothing is lost and nothing is sent twice."""
    actor = await scheduled(service, ann, "now + 1 hour")

    def dies(conn: Any, items: Any) -> list[bool]:
        queue.submit_many(conn, items)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        await clocks_of(service, calls, submit=dies).look()
    assert await next_ex(service, actor) == "2026-11-21 17"
    assert await sent(service.desk.store, actor) == 0
    await clocks.look()
    assert await sent(service.desk.store, actor) == 1


async def test_an_actor_that_is_being_deleted_is_sent_nothing(
    service: Service, clocks: Clocks, ann: Principal
) -> None:
    actor = await scheduled(service, ann, "now + 1 hour")
    await service.desk.store.write(
        lambda conn: actors.set_status(conn, actor.id, ActorStatus.SHUTTING_DOWN, None)
    )
    await clocks.look()
    assert await sent(service.desk.store, actor) == 0


async def test_create_and_put_say_that_a_clock_was_set(
    service: Service, calls: Any, ann: Principal
) -> None:
    plain = await service.actors.create(ann, {"image": "x"})
    assert calls.clocks_set == 0
    await scheduled(service, ann, "now + 1 hour")
    assert calls.clocks_set == 1
    await service.actors.update(
        ann, plain.id, {"image": "x", "cronSchedule": "now + 1 day", "cronOn": True}
    )
    assert calls.clocks_set == 2


async def test_the_task_looks_when_it_is_woken(
    service: Service, clocks: Clocks, ann: Principal
) -> None:
    store = service.desk.store
    ticker = Ticker(service.desk.clock, [clocks.look])
    ticker.start()
    try:
        await asyncio.sleep(0.05)
        actor = await scheduled(service, ann, "now + 1 hour")
        ticker.wake()
        async with asyncio.timeout(5):
            while not await sent(store, actor):
                await asyncio.sleep(0.01)
    finally:
        await ticker.stop()
