"""`/abaco/v1/actors/<id>/deliveries`: what became of an actor's webhook."""

import pytest

from abaco_jupyter.wire.codes import DeliveryStatus, EventType
from abaco_server.model.delivery import Delivery
from abaco_server.store import deliveries

pytestmark = pytest.mark.asyncio


async def test_deliveries_are_shown_newest_first(place) -> None:
    actor = await place.actor()
    now = place.clock.now()

    def fill(conn) -> None:
        for name in ("d1", "d2"):
            delivery = Delivery(
                id=name,
                actor_id=actor,
                tenant="DEV",
                event_type=EventType.ACTOR_READY,
                url="http://localhost/",
                payload={"event_type": "ACTOR_READY"},
                create_time=now,
                next_time=now,
            )
            deliveries.insert(conn, delivery)
        deliveries.end(conn, "d1", DeliveryStatus.REFUSED, error="localhost is 127.0.0.1")

    await place.service.desk.store.write(fill)
    answer = await place.api("GET", f"/abaco/v1/actors/{actor}/deliveries")
    assert answer.status == 200
    assert answer.message == "Deliveries retrieved successfully."
    newest, oldest = answer.result["deliveries"]
    assert newest == {
        "id": "d2",
        "eventType": "ACTOR_READY",
        "url": "http://localhost/",
        "payload": {"event_type": "ACTOR_READY"},
        "status": "WAITING",
        "attempts": 0,
        "createTime": "2026-11-21T17:18:35.464Z",
        "nextTime": "2026-11-21T17:18:35.464Z",
        "lastTime": None,
        "answer": None,
        "error": None,
    }
    assert (oldest["status"], oldest["error"], oldest["nextTime"]) == (
        "REFUSED",
        "localhost is 127.0.0.1",
        None,
    )
    short = await place.api("GET", f"/abaco/v1/actors/{actor}/deliveries?limit=1")
    assert [delivery["id"] for delivery in short.result["deliveries"]] == ["d2"]


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1", "1" * 5000])
async def test_a_bad_limit_is_named(place, limit: str) -> None:
    actor = await place.actor()
    answer = await place.api("GET", f"/abaco/v1/actors/{actor}/deliveries?limit={limit}")
    assert (answer.status, answer.message) == (
        400,
        f"limit must be a number from 1 to 1000, not {limit!r}.",
    )


async def test_deliveries_of_nobody(place) -> None:
    answer = await place.api("GET", "/abaco/v1/actors/no-such/deliveries")
    assert (answer.status, answer.message) == (404, "Actor with identifier 'no-such' not found")
