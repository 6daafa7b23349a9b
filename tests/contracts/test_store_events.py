"""The outbox and the deliveries, on every database."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from store_kit import NOW, SECOND, FakeClock, an_actor, new_id

from abaco_jupyter.wire.codes import ActorStatus, ContentType, DeliveryStatus, EventType
from abaco_server.model.delivery import Delivery
from abaco_server.model.event import Event, Wiring
from abaco_server.model.schedule import Schedule
from abaco_server.store import Connection, Store, actors, clocks, deliveries, outbox, schedules

pytestmark = pytest.mark.asyncio


def an_event(number: int) -> Event:
    return Event(
        type=EventType.ACTOR_READY,
        actor_id="a",
        tenant="T",
        time=NOW,
        facts={"status_message": str(number)},
    )


def a_delivery(actor_id: str = "a", **fields: Any) -> Delivery:
    given: dict[str, Any] = {
        "id": new_id("d"),
        "actor_id": actor_id,
        "tenant": "T",
        "event_type": EventType.EXECUTION_COMPLETE,
        "url": "http://example.org/ü",
        "payload": {"a": [1, None]},
        "create_time": NOW,
        "next_time": NOW,
    }
    return Delivery(**given | fields)


async def test_events_are_taken_once_and_in_order(store: Store, store_url: str) -> None:
    def fill(conn: Connection) -> None:
        for number in range(5):
            outbox.append(conn, an_event(number))

    await store.write(fill)
    first = await store.write(lambda conn: outbox.take(conn, 3))
    rest = await store.write(lambda conn: outbox.take(conn, 3))
    told = [event.facts["status_message"] for event in first + rest]
    assert told == ["0", "1", "2", "3", "4"]
    assert await store.write(lambda conn: outbox.take(conn, 3)) == []


async def test_two_services_never_take_the_same_event(
    store: Store, store_url: str, tmp_path: Path
) -> None:

    def fill(conn: Connection) -> None:
        for number in range(60):
            outbox.append(conn, an_event(number))

    await store.write(fill)
    other = Store.open(store_url, payload_dir=tmp_path / "other", clock=FakeClock())
    took = await asyncio.gather(
        *(
            one.write(lambda conn: outbox.take(conn, 10))
            for _ in range(10)
            for one in (store, other)
        )
    )
    await other.close()
    left = await store.write(lambda conn: outbox.take(conn, 99))
    seqs = [event.seq for batch in [*took, left] for event in batch]
    assert len(seqs) == len(set(seqs)) == 60


async def test_where_an_actors_events_go(store: Store) -> None:
    actor = an_actor(link="other", webhook="http://example.org/")
    await store.write(lambda conn: actors.insert(conn, actor))
    found = await store.read(lambda conn: actors.wiring(conn, actor.tenant, actor.id))
    assert found == Wiring(
        owner="ann",
        api_server=actor.api_server,
        link="other",
        webhook="http://example.org/",
    )
    assert await store.read(lambda conn: actors.wiring(conn, "OTHER", actor.id)) is None
    await store.write(
        lambda conn: actors.set_status(conn, actor.id, ActorStatus.SHUTTING_DOWN, None)
    )
    assert await store.read(lambda conn: actors.wiring(conn, actor.tenant, actor.id)) is None


async def test_the_head_of_each_actor_is_its_oldest_waiting_delivery(store: Store) -> None:
    first, second, other = a_delivery(), a_delivery(), a_delivery("b")

    def fill(conn: Connection) -> None:
        for delivery in (first, second, other):
            deliveries.insert(conn, delivery)

    await store.write(fill)
    assert await store.read(deliveries.heads) == [first, other]
    await store.write(
        lambda conn: deliveries.end(conn, first.id, DeliveryStatus.DELIVERED, answer=200)
    )
    assert await store.read(deliveries.heads) == [second, other]


async def test_an_attempt_is_claimed_once(store: Store) -> None:
    delivery = a_delivery()
    await store.write(lambda conn: deliveries.insert(conn, delivery))

    def claim(conn: Connection) -> bool:
        return deliveries.claim(conn, delivery, NOW + SECOND, NOW + 60 * SECOND)

    assert await store.write(claim)
    assert not await store.write(claim)
    [head] = await store.read(deliveries.heads)
    assert head == replace(
        delivery, attempts=1, last_time=NOW + SECOND, next_time=NOW + 60 * SECOND
    )
    assert await store.write(
        lambda conn: deliveries.postpone(conn, delivery.id, NOW + 2 * SECOND, 503, "answered 503")
    )
    [head] = await store.read(deliveries.heads)
    assert (head.next_time, head.answer, head.error) == (NOW + 2 * SECOND, 503, "answered 503")


async def test_what_has_ended_stays_as_it_is(store: Store) -> None:
    delivery = a_delivery()
    await store.write(lambda conn: deliveries.insert(conn, delivery))

    def end(conn: Connection, status: DeliveryStatus, error: str | None) -> bool:
        return deliveries.end(conn, delivery.id, status, error=error)

    assert await store.write(lambda conn: end(conn, DeliveryStatus.REFUSED, "private"))
    assert not await store.write(lambda conn: end(conn, DeliveryStatus.DELIVERED, None))
    assert not await store.write(
        lambda conn: deliveries.postpone(conn, delivery.id, NOW, None, "late")
    )
    [record] = await store.read(lambda conn: deliveries.newest(conn, "a", 9))
    assert (record.status, record.error, record.next_time) == (
        DeliveryStatus.REFUSED,
        "private",
        None,
    )


async def test_old_deliveries_are_forgotten_once_they_have_ended(store: Store) -> None:
    old, waiting, new = a_delivery(), a_delivery(), a_delivery(create_time=NOW + timedelta(days=1))

    def fill(conn: Connection) -> None:
        for delivery in (old, waiting, new):
            deliveries.insert(conn, delivery)
        for delivery in (old, new):
            deliveries.end(conn, delivery.id, DeliveryStatus.DELIVERED, answer=200)

    await store.write(fill)
    assert await store.write(lambda conn: deliveries.delete_ended(conn, NOW + SECOND)) == 1
    left = await store.read(lambda conn: deliveries.newest(conn, "a", 9))
    assert [delivery.id for delivery in left] == [new.id, waiting.id]


async def test_a_schedule_comes_back_as_it_was_and_moves_once(store: Store) -> None:
    schedule = Schedule(
        id=new_id("s"),
        actor_id="a",
        tenant="T",
        api_server="http://here",
        owner="ann",
        cron="* * * * *",
        time_zone="Europe/Berlin",
        content_type=ContentType.JSON,
        body=b"{}",
        coalesce=False,
        misfire_grace=timedelta(seconds=90),
        create_time=NOW,
        next_time=NOW + SECOND,
    )
    await store.write(lambda conn: schedules.insert(conn, schedule))
    assert await store.read(lambda conn: schedules.get(conn, "a", schedule.id)) == schedule
    assert await store.read(lambda conn: schedules.get(conn, "b", schedule.id)) is None
    assert await store.read(schedules.next_due) == NOW + SECOND
    assert await store.read(lambda conn: schedules.due(conn, NOW)) == []
    assert await store.read(lambda conn: schedules.due(conn, NOW + SECOND)) == [schedule]

    def advance(conn: Connection) -> bool:
        return schedules.advance(conn, schedule, NOW + 60 * SECOND, NOW)

    assert await store.write(advance)
    assert not await store.write(advance)
    assert await store.write(lambda conn: schedules.delete_one(conn, "a", schedule.id))
    assert await store.read(lambda conn: schedules.of_actor(conn, "a")) == []


async def test_an_actors_clock_moves_once(store: Store) -> None:
    actor = an_actor(cron_on=True, cron_schedule="now + 1 hour", cron_next_ex="2026-11-21 17")
    leaving = an_actor(cron_schedule="now + 1 hour", cron_next_ex="2026-11-21 17")

    def fill(conn: Connection) -> None:
        for one in (actor, leaving, an_actor()):
            actors.insert(conn, one)
        actors.set_status(conn, leaving.id, ActorStatus.SHUTTING_DOWN, None)

    await store.write(fill)
    [seen] = await store.read(clocks.all)
    assert (seen.actor_id, seen.on, seen.next_text) == (actor.id, True, "2026-11-21 17")
    assert await store.write(lambda conn: clocks.advance(conn, seen, "2026-11-21 18"))
    assert not await store.write(lambda conn: clocks.advance(conn, seen, "2026-11-21 18"))
    [moved] = await store.read(clocks.all)
    assert moved.next_text == "2026-11-21 18"
