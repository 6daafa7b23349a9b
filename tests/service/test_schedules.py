"""Schedules of ours: sent once, missed runs as the schedule says."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import Level
from abaco_jupyter.wire.errors import InvalidRequest, NotAuthorized, ScheduleNotFound
from abaco_server import queue
from abaco_server.cron.schedules import MOST_AT_ONCE, Schedules
from abaco_server.model.actor import Actor
from abaco_server.model.principal import Principal
from abaco_server.service import Service
from abaco_server.store import permissions
from abaco_server.store import schedules as rows
from abaco_server.workers import context

pytestmark = pytest.mark.asyncio

People = Callable[..., Principal]
MINUTE = timedelta(minutes=1)
START = timedelta(seconds=25)
"""From the clock's start, 17:18:35, to the next full minute and one second."""


@pytest.fixture
def ann(person: People) -> Principal:
    return person("ann")


@pytest.fixture
def cron(service: Service, calls: Any) -> Schedules:
    return made(service, calls)


def made(service: Service, calls: Any) -> Schedules:
    return Schedules(
        service.desk.store,
        service.desk.clock,
        submit=queue.submit_many,
        woken=calls.woken.append,
        new_id=ids.IdSequence(),
    )


async def actor_of(service: Service, ann: Principal) -> Actor:
    return await service.actors.create(ann, {"image": "x"})


async def sent(service: Service, actor: Actor) -> int:
    return await service.desk.store.read(lambda conn: queue.waiting(conn, actor.id))


async def test_it_is_sent_at_its_minute(
    service: Service, cron: Schedules, calls: Any, ann: Principal, clock: Any
) -> None:
    actor = await actor_of(service, ann)
    schedule = await service.schedules.create(
        ann, actor.id, {"cron": "*/5 * * * *", "message": {"a": [1]}}
    )
    assert calls.clocks_set == 1
    assert await cron.look() == schedule.next_time
    assert await sent(service, actor) == 0
    calls.woken.clear()
    clock.turn(2 * MINUTE)
    assert await cron.look() == schedule.next_time + 5 * MINUTE
    assert calls.woken == [actor.id]
    lease = await service.desk.store.write(
        lambda conn: queue.lease(conn, actor.id, "w", clock.now(), MINUTE, exclusive=False)
    )
    assert lease is not None
    message = lease.message
    assert context.message_text(message, message.read()) == "{'a': [1]}"
    assert message.executor == "cron"
    assert "_abaco_username" not in context.environment(actor, lease)
    shown = await service.schedules.get(ann, actor.id, schedule.id)
    assert shown.last_time == clock.now()


async def test_missed_runs_become_one(
    service: Service, cron: Schedules, ann: Principal, clock: Any
) -> None:
    actor = await actor_of(service, ann)
    await service.schedules.create(ann, actor.id, {"cron": "* * * * *"})
    clock.turn(30 * MINUTE)
    await cron.look()
    await cron.look()
    assert await sent(service, actor) == 1


async def test_missed_runs_are_all_made_up_without_coalesce(
    service: Service, cron: Schedules, ann: Principal, clock: Any
) -> None:
    actor = await actor_of(service, ann)
    given = {"cron": "* * * * *", "coalesce": False, "misfireGrace": 600}
    await service.schedules.create(ann, actor.id, given)
    clock.turn(30 * MINUTE + START)
    await cron.look()
    assert await sent(service, actor) == 10


async def test_never_too_late_has_a_limit(
    service: Service, cron: Schedules, ann: Principal, clock: Any
) -> None:
    actor = await actor_of(service, ann)
    given = {"cron": "* * * * *", "coalesce": False, "misfireGrace": None}
    schedule = await service.schedules.create(ann, actor.id, given)
    clock.turn(timedelta(days=1))
    await cron.look()
    assert await sent(service, actor) == MOST_AT_ONCE
    upcoming = (await service.schedules.get(ann, actor.id, schedule.id)).next_time
    assert upcoming is not None
    assert timedelta(0) < upcoming - clock.now() <= MINUTE


async def test_a_run_that_is_too_late_is_left_out(
    service: Service, cron: Schedules, ann: Principal, clock: Any
) -> None:
    actor = await actor_of(service, ann)
    schedule = await service.schedules.create(
        ann, actor.id, {"cron": "0 18 * * *", "misfireGrace": 60}
    )
    clock.turn(timedelta(hours=2))
    await cron.look()
    assert await sent(service, actor) == 0
    shown = await service.schedules.get(ann, actor.id, schedule.id)
    assert shown.last_time is None
    assert shown.next_time == schedule.next_time + timedelta(days=1)


async def test_two_servers_send_once(
    service: Service, calls: Any, ann: Principal, clock: Any
) -> None:
    actor = await actor_of(service, ann)
    for _ in range(10):
        await service.schedules.create(ann, actor.id, {"cron": "* * * * *"})
    clock.turn(MINUTE)
    await asyncio.gather(*(made(service, calls).look() for _ in range(2)))
    assert await sent(service, actor) == 10


async def test_levels(service: Service, person: People, ann: Principal) -> None:
    actor = await actor_of(service, ann)
    schedule = await service.schedules.create(ann, actor.id, {"cron": "* * * * *"})
    eve = person("eve")
    with pytest.raises(NotAuthorized):
        await service.schedules.list(eve, actor.id)
    await service.desk.store.write(
        lambda conn: permissions.set(conn, actor.id, "eve", Level.EXECUTE)
    )
    assert await service.schedules.list(eve, actor.id) == [schedule]
    with pytest.raises(NotAuthorized):
        await service.schedules.create(eve, actor.id, {"cron": "* * * * *"})
    with pytest.raises(NotAuthorized):
        await service.schedules.delete(eve, actor.id, schedule.id)
    await service.schedules.delete(ann, actor.id, schedule.id)
    with pytest.raises(ScheduleNotFound):
        await service.schedules.delete(ann, actor.id, schedule.id)
    with pytest.raises(ScheduleNotFound):
        await service.schedules.get(ann, actor.id, schedule.id)


async def test_schedules_go_with_their_actor(service: Service, ann: Principal) -> None:
    actor = await actor_of(service, ann)
    await service.schedules.create(ann, actor.id, {"cron": "* * * * *"})
    await service.actors.delete(ann, actor.id)
    assert await service.desk.store.read(lambda conn: rows.of_actor(conn, actor.id)) == []


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "A schedule needs cron"),
        ({"cron": "x"}, "'x' is no schedule: five fields are needed"),
        ({"cron": "0 0 30 2 *"}, "The time of '0 0 30 2 *' never comes."),
        ({"cron": "* * * * *", "timeZone": "Mars"}, "'Mars' is no time zone"),
        ({"cron": "* * * * *", "coalesce": "x"}, "coalesce is true or false, not 'x'."),
        ({"cron": "* * * * *", "misfireGrace": 0}, "misfireGrace is a number of seconds from 1"),
        ({"cron": "* * * * *", "misfireGrace": "x"}, "misfireGrace is a number of seconds from 1"),
        ({"cron": "* * * * *", "message": "x" * 70_000}, "at most 65536 bytes, not 70000"),
        ({"cron": "* * * * *", "zone": "UTC"}, "but no 'zone'"),
    ],
)
async def test_bad_schedules(
    service: Service, ann: Principal, given: dict[str, Any], text: str
) -> None:
    actor = await actor_of(service, ann)
    with pytest.raises(InvalidRequest) as refused:
        await service.schedules.create(ann, actor.id, given)
    assert text in str(refused.value)
