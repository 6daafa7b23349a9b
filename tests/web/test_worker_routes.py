"""Workers as clients see them, ask for them and remove them (section 9); decisions (ours)."""

from datetime import timedelta

import pytest

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import WorkerStatus
from abaco_server.model.decision import Action, Decision, Rule
from abaco_server.model.worker import Worker
from abaco_server.store import workers

pytestmark = pytest.mark.asyncio

UNFIT = "Invalid POST: {'num': 'Number of workers to start (default is 1).'}"


async def test_workers(place) -> None:
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}/workers"
    assert (await place.api("GET", path)).result == []
    requested = Worker(
        id=ids.new_id(),
        actor_id=actor_id,
        tenant="DEV",
        status=WorkerStatus.REQUESTED,
        create_time=place.clock.now(),
    )
    ready = Worker(
        id=ids.new_id(),
        actor_id=actor_id,
        tenant="DEV",
        status=WorkerStatus.READY,
        create_time=place.clock.now(),
        image="x",
        location="unix://var/run/docker.sock",
        host_id="0",
        host_ip="127.0.0.1",
        last_execution_time=place.clock.now(),
        last_health_check_time=place.clock.now(),
    )
    for worker in (requested, ready):
        await place.service.desk.store.write(lambda conn, w=worker: workers.insert(conn, w))
    answer = await place.api("GET", path)
    assert answer.message == "Workers retrieved successfully."
    assert answer.result == [
        {
            "id": requested.id,
            "tenant": "DEV",
            "status": "REQUESTED",
            "createTime": "2026-11-21T17:18:35.464Z",
            "lastExecutionTime": "None",
            "lastHealthCheckTime": "None",
        },
        {
            "id": ready.id,
            "tenant": "DEV",
            "status": "READY",
            "createTime": "2026-11-21T17:18:35.464Z",
            "lastExecutionTime": "2026-11-21T17:18:35.464Z",
            "lastHealthCheckTime": "2026-11-21T17:18:35.464Z",
            "chName": f"worker_{ready.id}",
            "image": "x",
            "location": "unix://var/run/docker.sock",
            "cid": "",
            "hostId": "0",
            "hostIp": "127.0.0.1",
        },
    ]
    one = await place.api("GET", f"{path}/{ready.id}")
    assert one.message == "Worker retrieved successfully."
    assert one.result == answer.result[1]
    none = await place.api("GET", f"{path}/nobody")
    assert (none.status, none.message) == (404, "Worker not found.")


# ---- POST --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "had", "asked", "text"),
    [
        (None, 0, 1, "Scheduled 1 new worker(s) to start. Previously, there were 0 workers."),
        ({}, 0, 1, "Scheduled 1 new worker(s) to start. Previously, there were 0 workers."),
        ({"num": 3}, 1, 3, "Scheduled 2 new worker(s) to start. Previously, there were 1 workers."),
        (
            {"num": "2"},
            1,
            2,
            "Scheduled 1 new worker(s) to start. Previously, there were 1 workers.",
        ),
        ({"num": None}, 1, 1, "Actor {actor} already had 1 worker(s)."),
        ({"num": 0}, 1, 1, "Actor {actor} already had 1 worker(s)."),
        ({"num": 2}, 5, 2, "Actor {actor} already had 2 worker(s)."),
        ({"num": 6}, 6, 6, "Actor {actor} already had 6 worker(s)."),
    ],
)
async def test_at_least_so_many_workers(place, body, had, asked, text) -> None:
    actor_id = await place.actor()
    place.calls.had = had
    answer = await place.api("POST", f"/actors/v2/{actor_id}/workers", body)
    assert (answer.status, answer.message) == (200, text.format(actor=actor_id))
    assert answer.result is None
    assert place.calls.ensured == [(actor_id, asked)]


async def test_workers_are_asked_for_by_query_form_and_alias(place) -> None:
    actor_id = await place.actor()
    await place.api("POST", "/actors/v2/aliases", {"alias": "team", "actorId": actor_id})
    await place.api("POST", f"/actors/v2/{actor_id}/workers?num=2")
    kind = "application/x-www-form-urlencoded"
    await place.api("POST", f"/actors/v2/{actor_id}/workers", "num=3", kind=kind)
    answer = await place.api("POST", "/actors/v2/team/workers", {"num": 4})
    assert answer.status == 200
    assert place.calls.ensured == [(actor_id, 2), (actor_id, 3), (actor_id, 4)]


@pytest.mark.parametrize("num", ["many", -1, 1.5e400, [], {}, [1], "", "1.5", 10**30])
async def test_a_number_of_workers_that_is_none(place, num) -> None:
    actor_id = await place.actor()
    body = b'{"num": 1e400}' if num == 1.5e400 else {"num": num}
    answer = await place.api(
        "POST", f"/actors/v2/{actor_id}/workers", body, kind="application/json"
    )
    assert (answer.status, answer.message) == (400, UNFIT)


@pytest.mark.parametrize("body", [b"{", b"[1]", b'"3"', b"7"])
async def test_a_body_that_is_no_object(place, body) -> None:
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}/workers"
    answer = await place.api("POST", path, body, kind="application/json")
    assert answer.status == 400
    assert answer.message.startswith("Invalid POST: ")
    assert place.calls.ensured == []


@pytest.mark.parametrize(
    ("fields", "num", "text"),
    [
        (
            {},
            7,
            "has at most 6 worker(s), not 7: the max_workers of this server; set the actor's own "
            "maxWorkers to have more.",
        ),
        (
            {"maxWorkers": 2},
            3,
            "has at most 2 worker(s), not 3: its maxWorkers; update the actor to have more.",
        ),
        (
            {"stateless": False},
            2,
            "has at most 1 worker(s), not 2: it is stateful, so its messages run one at a time.",
        ),
    ],
)
async def test_more_workers_than_a_limit_allows(place, fields, num, text) -> None:
    actor_id = await place.actor(**fields)
    path = f"/actors/v2/{actor_id}/workers"
    answer = await place.api("POST", path, {"num": num})
    assert (answer.status, answer.message) == (400, f"Invalid POST: actor {actor_id} {text}")
    assert place.calls.ensured == []
    assert (await place.api("POST", path, {"num": num - 1})).status == 200


async def test_workers_of_nobody(place) -> None:
    unknown = ids.new_id()
    answer = await place.api("POST", f"/actors/v2/{unknown}/workers", {"num": 1})
    assert (answer.status, answer.message) == (404, f"No actor found with id: {unknown}.")
    answer = await place.api("POST", "/actors/v2/nobody/workers", {"num": 1})
    assert (answer.status, answer.message) == (404, "Actor with identifier 'nobody' not found")


async def test_an_admins_nonce_may_ask_for_workers(place) -> None:
    """Section 2: the request runs with the roles that its owner had."""
    actor_id = await place.actor()
    nonce = await place.api("POST", f"/actors/v2/{actor_id}/nonces", {"level": "UPDATE"})
    path = f"/actors/v2/{actor_id}/workers?x-nonce={nonce.result['id']}"
    assert (await place.api("POST", path, {"num": 2}, token=None)).status == 200
    assert place.calls.ensured == [(actor_id, 2)]


# ---- DELETE ------------------------------------------------------------------------------------


async def worker(place, actor_id: str, status: WorkerStatus) -> str:
    made = Worker(
        id=ids.new_id(),
        actor_id=actor_id,
        tenant="DEV",
        status=status,
        create_time=place.clock.now(),
    )
    await place.service.desk.store.write(lambda conn: workers.insert(conn, made))
    return made.id


@pytest.mark.parametrize(
    "status", [WorkerStatus.READY, WorkerStatus.BUSY, WorkerStatus.PULLING_IMAGE]
)
async def test_a_worker_that_is_removed_says_so_until_it_is_gone(place, status) -> None:
    actor_id = await place.actor()
    worker_id = await worker(place, actor_id, status)
    path = f"/actors/v2/{actor_id}/workers/{worker_id}"
    for _ in range(2):
        answer = await place.api("DELETE", path)
        assert (answer.status, answer.message) == (200, "Worker scheduled to be stopped.")
        assert answer.result is None
    assert (await place.api("GET", path)).result["status"] == "SHUTDOWN_REQUESTED"
    assert place.calls.removed == [(actor_id, worker_id)] * 2


async def test_removing_a_worker_that_is_not_there(place) -> None:
    actor_id, other = await place.actor(), await place.actor()
    elsewhere = await worker(place, other, WorkerStatus.READY)
    for worker_id in ("nobody", elsewhere):
        answer = await place.api("DELETE", f"/actors/v2/{actor_id}/workers/{worker_id}")
        assert (answer.status, answer.message) == (404, "Worker not found.")
    unknown = ids.new_id()
    answer = await place.api("DELETE", f"/actors/v2/{unknown}/workers/{elsewhere}")
    assert (answer.status, answer.message) == (404, f"No actor found with id: {unknown}.")
    assert place.calls.removed == []


# ---- decisions ---------------------------------------------------------------------------------


async def test_decisions(place) -> None:
    actor_id = await place.actor()
    path = f"/abaco/v1/actors/{actor_id}/decisions"
    answer = await place.api("GET", path)
    assert (answer.status, answer.message) == (200, "Decisions retrieved successfully.")
    assert answer.result == {"decisions": []}
    place.calls.decided[actor_id] = [
        Decision(
            actor_id=actor_id,
            at=place.clock.now() + timedelta(seconds=1),
            rule=Rule.QUEUE_LENGTH,
            action=Action.START,
            workers=2,
            waiting=5,
            worker_ids=("v", "w"),
        )
    ]
    assert (await place.api("GET", path)).result == {
        "decisions": [
            {
                "actorId": actor_id,
                "time": "2026-11-21T17:18:36.464Z",
                "rule": "queue_length",
                "action": "start",
                "workers": 2,
                "waiting": 5,
                "workerIds": ["v", "w"],
            }
        ]
    }
