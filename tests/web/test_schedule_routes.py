"""`/abaco/v1/actors/<id>/schedules`."""

import pytest

pytestmark = pytest.mark.asyncio


async def test_a_schedule_is_made_shown_and_deleted(place) -> None:
    actor = await place.actor()
    path = f"/abaco/v1/actors/{actor}/schedules"
    made = await place.api(
        "POST", path, {"cron": "30 2 * * *", "timeZone": "Europe/Berlin", "misfireGrace": None}
    )
    assert (made.status, made.message) == (200, "Schedule created successfully.")
    assert made.result == {
        "id": made.result["id"],
        "actorId": actor,
        "owner": "ada",
        "cron": "30 2 * * *",
        "timeZone": "Europe/Berlin",
        "message": "This is your cron execution",
        "coalesce": True,
        "misfireGrace": None,
        "createTime": "2026-11-21T17:18:35.464Z",
        "nextTime": "2026-11-22T01:30:00.000Z",
        "lastTime": None,
    }
    assert (await place.api("GET", path)).result == {"schedules": [made.result]}
    one = f"{path}/{made.result['id']}"
    assert (await place.api("GET", one)).result == made.result
    gone = await place.api("DELETE", one)
    assert (gone.status, gone.message) == (200, "Schedule deleted successfully.")
    missing = await place.api("GET", one)
    assert missing.status == 404
    assert missing.message == f"No schedule found with id: {made.result['id']}."
    assert missing.headers["X-Abaco-Error"] == "schedule_not_found"


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"5", b"null", b"", b'{"cron": {}}'])
async def test_bad_bodies_are_400(place, body: bytes) -> None:
    actor = await place.actor()
    path = f"/abaco/v1/actors/{actor}/schedules"
    answer = await place.api("POST", path, body, kind="application/json")
    assert answer.status == 400
    assert answer.json["status"] == "error"
