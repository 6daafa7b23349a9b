"""An actor's events reach the actor it links to: once, in order, with exactly Abaco's payload."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import (
    ActorStatus,
    ContentType,
    EventType,
    ExecutionStatus,
    Level,
    Role,
)
from abaco_jupyter.wire.errors import InvalidRequest
from abaco_server import queue
from abaco_server.events.outbox import Outbox
from abaco_server.events.relay import Relay
from abaco_server.model.actor import Actor
from abaco_server.model.event import Event, execution_complete
from abaco_server.model.message import Lease
from abaco_server.model.principal import Principal
from abaco_server.service import Service, access, links
from abaco_server.store import actors as rows
from abaco_server.store import deliveries, executions, outbox, permissions
from abaco_server.workers import context

pytestmark = pytest.mark.asyncio

People = Callable[..., Principal]


@pytest.fixture
def relay(service: Service) -> Relay:
    return Relay(
        resolve=access.resolve,
        may_link=links.holds,
        submit=queue.submit_many,
        clock=service.desk.clock,
        new_id=ids.IdSequence(),
    )


@pytest.fixture
def teller(service: Service, relay: Relay, calls: Any) -> Outbox:
    return Outbox(service.desk.store, relay, woken=calls.woken.append)


def ready(actor: Actor, service: Service) -> Event:
    return Event(
        type=EventType.ACTOR_READY,
        actor_id=actor.id,
        tenant=actor.tenant,
        time=service.desk.clock.now(),
        facts={"status_message": " "},
    )


def complete(actor: Actor, service: Service, execution_id: str = "e", code: int = 0) -> Event:
    return execution_complete(
        actor_id=actor.id,
        tenant=actor.tenant,
        execution_id=execution_id,
        exit_code=code,
        at=service.desk.clock.now(),
    )


async def happens(service: Service, *events: Event) -> None:
    for event in events:
        await service.desk.store.write(lambda conn, event=event: outbox.append(conn, event))


async def leased(service: Service, actor: Actor) -> Lease | None:
    now = service.desk.clock.now()
    return await service.desk.store.write(
        lambda conn: queue.lease(conn, actor.id, "w", now, timedelta(minutes=1), exclusive=False)
    )


async def received(service: Service, actor: Actor) -> list[dict[str, Any]]:
    found = []
    while (lease := await leased(service, actor)) is not None:
        found.append(json.loads(lease.message.read()))
    return found


async def test_an_event_becomes_an_execution_of_the_linked_actor(
    service: Service, teller: Outbox, calls: Any, person: People
) -> None:
    ann = person("ann")
    target = await service.actors.create(ann, {"image": "t"})
    source = await service.actors.create(ann, {"image": "s", "link": target.id})
    calls.woken.clear()
    await happens(service, ready(source, service), complete(source, service, "abc", 3))
    assert await teller.deliver() == 2
    assert calls.woken == [target.id]
    records = await service.executions.newest(ann, target.id, 9)
    assert [(r.executor, r.status) for r in records] == [
        ("Abaco Event", ExecutionStatus.SUBMITTED)
    ] * 2
    first, second = await received(service, target)
    at = "2026-11-21T17:18:35.464Z"
    common = {
        "tenant_id": "DEV",
        "actor_id": source.id,
        "actor_dbid": f"DEV_{source.id}",
        "event_time_utc": at,
        "event_time_display": at,
        "_abaco_link": f"DEV_{target.id}",
        "_abaco_webhook": "",
    }
    assert first == common | {"event_type": "ACTOR_READY", "status_message": " "}
    assert second == common | {
        "event_type": "EXECUTION_COMPLETE",
        "execution_id": "abc",
        "status": "COMPLETE",
        "exit_code": 3,
    }
    assert await teller.deliver() == 0


async def test_what_a_container_finds_of_an_event(
    service: Service, teller: Outbox, person: People
) -> None:
    ann = person("ann")
    target = await service.actors.create(ann, {"image": "t"})
    source = await service.actors.create(ann, {"image": "s", "link": target.id})
    await happens(service, ready(source, service))
    await teller.deliver()
    lease = await leased(service, target)
    assert lease is not None
    assert lease.message.content_type is ContentType.JSON
    environment = context.environment(target, lease)
    assert environment["_abaco_username"] == "Abaco Event"
    assert environment["_abaco_api_server"] == "http://test"
    assert environment["_abaco_Content_Type"] == "application/json"
    assert "_abaco_actor_revision" not in environment
    text = context.message_text(lease.message, lease.message.read())
    assert "'event_type': 'ACTOR_READY'" in text


async def test_events_are_told_in_order_and_in_batches(
    service: Service, teller: Outbox, person: People
) -> None:
    ann = person("ann")
    target = await service.actors.create(ann, {"image": "t"})
    source = await service.actors.create(ann, {"image": "s", "link": target.id})

    def many(conn: Any) -> None:
        for number in range(450):
            outbox.append(conn, complete(source, service, str(number)))

    await service.desk.store.write(many)
    assert await teller.deliver() == 450
    told = [event["execution_id"] for event in await received(service, target)]
    assert told == [str(number) for number in range(450)]


async def test_a_link_that_broke_down_between_rows_leaves_the_event_in_the_outbox(
    service: Service, relay: Relay, calls: Any, person: People
) -> None:
    """Rows and outbox are one transaction: no event is lost, none is told twice."""
    ann = person("ann")
    target = await service.actors.create(ann, {"image": "t"})
    source = await service.actors.create(ann, {"image": "s", "link": target.id})
    await happens(service, ready(source, service), complete(source, service))
    taken = 0

    def dies(conn: Any, items: Any) -> list[bool]:
        nonlocal taken
        taken += 1
        answer = queue.submit_many(conn, items)
        if taken % 2 == 0:
            raise OSError("the disk is full")
        return answer

    store = service.desk.store
    broken = Outbox(store, replace(relay, submit=dies), woken=calls.woken.append)
    with pytest.raises(OSError, match="the disk is full"):
        await broken.deliver()
    assert await service.messages.waiting(ann, target.id) == (target, 0)
    assert len(await store.read(lambda conn: outbox.pending(conn, 9))) == 2
    whole = Outbox(store, relay, woken=calls.woken.append)
    assert await whole.deliver() == 2
    assert await service.messages.waiting(ann, target.id) == (target, 2)


async def test_a_link_to_an_actor_that_is_gone_tells_nobody(
    service: Service, teller: Outbox, calls: Any, person: People
) -> None:
    ann = person("ann")
    target = await service.actors.create(ann, {"image": "t"})
    source = await service.actors.create(
        ann, {"image": "s", "link": target.id, "webhook": "http://example.org/"}
    )
    await service.desk.store.write(
        lambda conn: rows.set_status(conn, target.id, ActorStatus.SHUTTING_DOWN, None)
    )
    calls.woken.clear()
    await happens(service, ready(source, service))
    assert await teller.deliver() == 1
    assert calls.woken == []
    # The webhook is told all the same, and that there is no link.
    [delivery] = await service.desk.store.read(deliveries.heads)
    assert delivery.payload["_abaco_link"] == ""


async def test_events_of_an_actor_without_link_and_webhook_leave_the_outbox(
    service: Service, teller: Outbox, person: People
) -> None:
    source = await service.actors.create(person("ann"), {"image": "s"})
    gone = replace(source, id=ids.new_id())
    await happens(service, ready(source, service), ready(gone, service))
    assert await teller.deliver() == 2
    assert await service.desk.store.read(lambda conn: outbox.pending(conn, 9)) == []


async def test_a_link_needs_execute_at_the_moment_of_the_event(
    service: Service, teller: Outbox, person: People
) -> None:
    ann, bob = person("ann"), person("bob")
    target = await service.actors.create(bob, {"image": "t"})

    async def give(level: Level) -> None:
        await service.desk.store.write(lambda conn: permissions.set(conn, target.id, "ann", level))

    await give(Level.EXECUTE)
    source = await service.actors.create(ann, {"image": "s", "link": target.id})
    await give(Level.READ)
    await happens(service, ready(source, service))
    await teller.deliver()
    assert await service.messages.waiting(bob, target.id) == (target, 0)
    await give(Level.EXECUTE)
    await happens(service, ready(source, service))
    await teller.deliver()
    assert await service.messages.waiting(bob, target.id) == (target, 1)


async def test_a_link_that_an_admin_has_set_holds(
    service: Service, teller: Outbox, person: People
) -> None:
    """An admin has no entry of their own on the actor that is linked to."""
    ann, bob, root = person("ann"), person("bob"), person("root", Role.ADMIN)
    target = await service.actors.create(bob, {"image": "t"})
    source = await service.actors.create(ann, {"image": "s"})
    linked = {"image": "s", "link": target.id}
    await service.actors.update(root, source.id, linked)
    await happens(service, ready(source, service))
    await teller.deliver()
    assert await service.messages.waiting(bob, target.id) == (target, 1)
    made = await service.actors.create(root, linked)
    await happens(service, ready(made, service))
    await teller.deliver()
    assert await service.messages.waiting(bob, target.id) == (target, 2)
    # Another link is another matter, whoever had set the one before.
    with pytest.raises(InvalidRequest):
        await service.actors.update(ann, source.id, linked)
    await service.actors.update(ann, source.id, {"image": "s"})
    with_link = await service.actors.get(ann, source.id)
    await service.desk.store.write(
        lambda conn: rows.replace(conn, replace(with_link, link=target.id))
    )
    await happens(service, ready(source, service))
    await teller.deliver()
    assert await service.messages.waiting(bob, target.id) == (target, 2)


async def test_a_link_never_leaves_its_tenant(
    service: Service, relay: Relay, calls: Any, person: People
) -> None:
    ann = person("ann")
    target = await service.actors.create(person("ann", tenant="OTHER"), {"image": "t"})
    source = await service.actors.create(ann, {"image": "s"})
    await service.desk.store.write(lambda conn: rows.replace(conn, replace(source, link=target.id)))
    await happens(service, ready(source, service))
    open_to_all = replace(relay, may_link=lambda *_: True)
    await Outbox(service.desk.store, open_to_all, woken=calls.woken.append).deliver()
    assert await service.desk.store.read(lambda conn: queue.waiting(conn, target.id)) == 0


async def test_the_linked_execution_is_counted_like_any_other(
    service: Service, teller: Outbox, person: People
) -> None:
    ann = person("ann")
    target = await service.actors.create(ann, {"image": "t"})
    source = await service.actors.create(ann, {"image": "s", "link": target.id})
    await happens(service, ready(source, service))
    await teller.deliver()
    assert (await service.executions.summary(ann, target.id)).totals.executions == 1
    [record] = await service.desk.store.read(lambda conn: executions.newest(conn, target.id, 9))
    assert record.api_server == target.api_server
