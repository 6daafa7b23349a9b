"""Webhook deliveries: durable, in order for each actor, tried again, and given up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import DeliveryStatus, EventType, Level
from abaco_jupyter.wire.errors import NotAuthorized
from abaco_server import queue
from abaco_server.events.deliveries import Deliveries, Patience
from abaco_server.events.outbox import Outbox
from abaco_server.events.relay import Relay
from abaco_server.events.webhooks import Refused, Unreachable
from abaco_server.model.clock import SystemClock
from abaco_server.model.delivery import Delivery
from abaco_server.model.event import Event
from abaco_server.model.principal import Principal
from abaco_server.service import Service, access, links
from abaco_server.store import Store, deliveries, outbox, permissions

pytestmark = pytest.mark.asyncio

CLOCK = SystemClock()
QUICK = Patience(first=timedelta(seconds=0.01), attempts=3, longest=timedelta(seconds=0.02))


class Receiver:
    """Answers by what `answers` holds, then with 200; notes who was posted to."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.heard: list[Delivery] = []
        self.now: set[str] = set()
        self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, delivery: Delivery) -> int:
        assert delivery.actor_id not in self.now, "two posts of one actor at a time"
        self.now.add(delivery.actor_id)
        self.most = max(self.most, len(self.now))
        self.heard.append(delivery)
        await self.gate.wait()
        self.now.discard(delivery.actor_id)
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer


async def put(store: Store, actor_id: str = "a", **fields: Any) -> Delivery:
    now = CLOCK.now()
    given: dict[str, Any] = {
        "id": ids.new_id(),
        "actor_id": actor_id,
        "tenant": "DEV",
        "event_type": EventType.ACTOR_READY,
        "url": "http://example.org/",
        "payload": {},
        "create_time": now,
        "next_time": now,
    }
    delivery = Delivery(**given | fields)
    await store.write(lambda conn: deliveries.insert(conn, delivery))
    return delivery


@asynccontextmanager
async def posting(
    store: Store, receiver: Receiver, patience: Patience = QUICK
) -> AsyncIterator[Deliveries]:
    made = Deliveries(store, CLOCK, receiver, patience)
    made.start()
    try:
        yield made
    finally:
        await made.stop()


async def ended(store: Store, *given: Delivery) -> list[Delivery]:
    """These deliveries, once all have ended."""
    wanted = [delivery.id for delivery in given]

    async def found() -> dict[str, Delivery]:
        actors = {delivery.actor_id for delivery in given}
        lists = [
            await store.read(lambda conn, a=actor: deliveries.newest(conn, a, 999))
            for actor in actors
        ]
        return {delivery.id: delivery for one in lists for delivery in one}

    async with asyncio.timeout(60):
        while True:
            there = await found()
            if all(there[one].status.ended for one in wanted):
                return [there[one] for one in wanted]
            await asyncio.sleep(0.005)


async def test_an_answer_ends_a_delivery_whatever_it_says(service: Service) -> None:
    store = service.desk.store
    for answer in (200, 302, 404, 500):
        delivery = await put(store)
        async with posting(store, Receiver(answer)):
            [record] = await ended(store, delivery)
        assert (record.status, record.answer, record.attempts) == (
            DeliveryStatus.DELIVERED,
            answer,
            1,
        )
        assert record.next_time is None
        assert record.last_time is not None


async def test_what_nobody_has_read_is_tried_again_and_keeps_its_place(service: Service) -> None:
    store = service.desk.store
    first, second = await put(store), await put(store)
    receiver = Receiver(Unreachable("connection refused"), 503)
    async with posting(store, receiver):
        one, two = await ended(store, first, second)
    assert [delivery.id for delivery in receiver.heard] == [first.id] * 3 + [second.id]
    assert (one.status, one.attempts, one.answer, one.error) == (
        DeliveryStatus.DELIVERED,
        3,
        200,
        None,
    )
    assert (two.status, two.attempts) == (DeliveryStatus.DELIVERED, 1)


async def test_it_is_given_up_and_says_why(service: Service) -> None:
    store = service.desk.store
    delivery, behind = await put(store), await put(store)
    lost = Unreachable("connection refused")
    async with posting(store, Receiver(lost, lost, lost)):
        record, next_one = await ended(store, delivery, behind)
    assert (record.status, record.attempts, record.error) == (
        DeliveryStatus.FAILED,
        3,
        "connection refused",
    )
    assert next_one.status is DeliveryStatus.DELIVERED


async def test_what_is_old_is_tried_once(service: Service) -> None:
    store = service.desk.store
    old = await put(store, create_time=CLOCK.now() - timedelta(hours=2))
    async with posting(store, Receiver(502)):
        [record] = await ended(store, old)
    assert (record.status, record.attempts, record.answer) == (DeliveryStatus.FAILED, 1, 502)


async def test_a_refused_address_is_not_tried_again(service: Service) -> None:
    store = service.desk.store
    delivery = await put(store)
    async with posting(store, Receiver(Refused("localhost is 127.0.0.1: a loopback address"))):
        [record] = await ended(store, delivery)
    assert (record.status, record.attempts) == (DeliveryStatus.REFUSED, 1)
    assert record.error == "localhost is 127.0.0.1: a loopback address"


async def test_actors_are_told_side_by_side_and_each_in_order(service: Service) -> None:
    store = service.desk.store
    put_in = [await put(store, f"a{number % 4}") for number in range(20)]
    receiver = Receiver()
    receiver.gate.clear()
    async with posting(store, receiver):
        async with asyncio.timeout(5):
            while len(receiver.now) < 4:
                await asyncio.sleep(0.005)
        receiver.gate.set()
        await ended(store, *put_in)
    assert receiver.most == 4
    for actor in ("a0", "a1", "a2", "a3"):
        heard = [delivery.id for delivery in receiver.heard if delivery.actor_id == actor]
        assert heard == [delivery.id for delivery in put_in if delivery.actor_id == actor]


async def test_no_more_than_so_many_at_once(service: Service) -> None:
    store = service.desk.store
    put_in = [await put(store, f"a{number}") for number in range(9)]
    receiver = Receiver()
    async with posting(store, receiver, replace(QUICK, at_once=2)):
        await ended(store, *put_in)
    assert receiver.most <= 2
    assert len(receiver.heard) == 9


async def test_a_wake_up_begins_a_new_delivery(service: Service) -> None:
    store = service.desk.store
    async with posting(store, Receiver()) as made:
        await asyncio.sleep(0.05)
        delivery = await put(store)
        made.wake()
        await ended(store, delivery)


async def test_what_waits_when_the_server_stops_is_posted_after_the_start(
    service: Service,
) -> None:
    store = service.desk.store
    delivery = await put(store)
    receiver = Receiver()
    receiver.gate.clear()
    quick = replace(QUICK, claim=timedelta(seconds=0.1))
    async with posting(store, receiver, quick):
        async with asyncio.timeout(5):
            while not receiver.heard:
                await asyncio.sleep(0.005)
    async with posting(store, Receiver(), quick):
        [record] = await ended(store, delivery)
    assert (record.status, record.attempts) == (DeliveryStatus.DELIVERED, 2)


async def test_two_servers_on_one_store_post_once(service: Service) -> None:
    store = service.desk.store
    put_in = [await put(store, f"a{number % 3}") for number in range(30)]
    one, two = Receiver(), Receiver()
    async with posting(store, one), posting(store, two):
        await ended(store, *put_in)
    heard = [delivery.id for delivery in one.heard + two.heard]
    assert sorted(heard) == sorted(delivery.id for delivery in put_in)


async def test_waits_double_up_to_the_longest() -> None:
    patience, now = Patience(), CLOCK.now()
    waits = [patience.next_time(made, now, now) for made in range(1, 9)]
    assert [wait and (wait - now).total_seconds() for wait in waits] == [
        2,
        4,
        8,
        16,
        32,
        64,
        128,
        None,
    ]


async def test_link_and_webhook_are_both_told(
    service: Service, person: Callable[..., Principal]
) -> None:
    ann = person("ann")
    target = await service.actors.create(ann, {"image": "t"})
    source = await service.actors.create(
        ann, {"image": "s", "link": target.id, "webhook": "http://example.org/"}
    )
    relay = Relay(
        resolve=access.resolve,
        may_link=links.holds,
        submit=queue.submit_many,
        clock=service.desk.clock,
        new_id=ids.IdSequence(),
    )
    store, receiver = service.desk.store, Receiver()
    event = Event(
        type=EventType.ACTOR_ERROR,
        actor_id=source.id,
        tenant=source.tenant,
        time=service.desk.clock.now(),
        facts={"status_message": "no such image"},
    )
    await store.write(lambda conn: outbox.append(conn, event))
    async with posting(store, receiver) as made:
        await Outbox(store, relay, woken=lambda _: None, posting=made.wake).deliver()
        delivery = (await service.deliveries.newest(ann, source.id, 9))[0]
        await ended(store, delivery)
    assert await service.messages.waiting(ann, target.id) == (target, 1)
    [heard] = receiver.heard
    assert heard.payload == {
        "tenant_id": "DEV",
        "actor_id": source.id,
        "actor_dbid": f"DEV_{source.id}",
        "event_type": "ACTOR_ERROR",
        "event_time_utc": "2026-11-21T17:18:35.464Z",
        "event_time_display": "2026-11-21T17:18:35.464Z",
        "_abaco_link": f"DEV_{target.id}",
        "_abaco_webhook": "http://example.org/",
        "status_message": "no such image",
        "_abaco_Content_Type": "application/json",
        "_abaco_username": "Abaco Event",
        "_abaco_api_server": "http://test",
    }


async def test_the_log_of_deliveries_needs_read(
    service: Service, person: Callable[..., Principal]
) -> None:
    ann, eve = person("ann"), person("eve")
    actor = await service.actors.create(ann, {"image": "x"})
    await put(service.desk.store, actor.id)
    with pytest.raises(NotAuthorized):
        await service.deliveries.newest(eve, actor.id, 9)
    await service.desk.store.write(lambda conn: permissions.set(conn, actor.id, "eve", Level.READ))
    assert len(await service.deliveries.newest(eve, actor.id, 9)) == 1
