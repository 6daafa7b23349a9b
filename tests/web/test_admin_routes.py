"""Utilization and the admin lists (abaco-api.md, section 14)."""

from dataclasses import replace
from datetime import timedelta

import pytest
from test_envelope import is_failure

from abaco_jupyter.wire.codes import WorkerStatus
from abaco_server.model.worker import Worker
from abaco_server.service.administration import Administration
from abaco_server.store import actors, executions, workers

pytestmark = pytest.mark.asyncio

REFUSAL = "Abaco Admin role required."


async def add_worker(place, actor_id: str, name: str, status: WorkerStatus, **fields) -> None:
    worker = Worker(
        id=name,
        actor_id=actor_id,
        tenant="DEV",
        status=status,
        create_time=place.clock.now(),
        **fields,
    )
    await place.service.desk.store.write(lambda conn: workers.insert(conn, worker))


async def ended(place, actor_id: str, **used: int) -> None:
    execution_id = await place.execution(actor_id)
    await place.service.desk.store.write(
        lambda conn: executions.complete(conn, execution_id, exit_code=0, **used)
    )


async def elsewhere(place, actor_id: str) -> str:
    """A copy of an actor in another tenant."""
    store = place.service.desk.store
    actor = await store.read(lambda conn: actors.get_any(conn, actor_id))
    other = replace(actor, id="other", tenant="PROD", owner="eve")
    await store.write(lambda conn: actors.insert(conn, other))
    return other.id


async def test_utilization_counts_what_has_gone_too(place) -> None:
    kept, gone = await place.actor(), await place.actor()
    await add_worker(place, kept, "w1", WorkerStatus.READY)
    await add_worker(place, kept, "w2", WorkerStatus.REQUESTED)
    assert (await place.api("DELETE", f"/actors/v2/{gone}")).status == 200
    answer = await place.as_user("bob")("GET", "/actors/v2/utilization")
    assert (answer.status, answer.message) == (200, "Abaco utilization returned successfully.")
    assert answer.result == {
        "currentActors": 1,
        "totalActors": 2,
        "workers": 2,
        "commandQueue": 1,
    }


async def test_all_actors_of_all_tenants(place) -> None:
    actor_id = await place.actor(name="one")
    other = await elsewhere(place, actor_id)
    await ended(place, actor_id, runtime=7)
    await add_worker(place, actor_id, "w", WorkerStatus.READY, image="x")
    answer = await place.api("GET", "/actors/v2/admin")
    assert (answer.status, answer.message) == (200, "Actors retrieved successfully.")
    mine, hers = answer.result
    assert (hers["id"], hers["tenant"], hers["dbId"]) == (other, "PROD", "PROD_other")
    assert (hers["workers"], hers["messages"], hers["executions"]) == ([], 0, 0)
    assert mine["dbId"] == f"DEV_{actor_id}"
    assert mine["apiServer"] == place.api.root
    assert mine["createTime"] == "Sat, 21 Nov 2026 17:18:35 GMT"
    assert mine["lastUpdateTime"] == "2026-11-21T17:18:35.464Z"
    assert mine["maxWorkers"] is None
    assert "_links" not in mine
    assert (mine["messages"], mine["executions"], mine["runtime"]) == (1, 1, 7)
    assert [worker["id"] for worker in mine["workers"]] == ["w"]
    shown = (await place.api("GET", f"/actors/v2/{actor_id}")).result
    assert set(shown) - {"_links"} < set(mine)


async def test_all_workers(place) -> None:
    actor_id, _ = await place.actor(), await place.actor()
    statuses = (
        WorkerStatus.READY,
        WorkerStatus.READY,
        WorkerStatus.BUSY,
        WorkerStatus.REQUESTED,
        WorkerStatus.ERROR,
        WorkerStatus.PULLING_IMAGE,
    )
    for number, status in enumerate(statuses):
        await add_worker(place, actor_id, f"w{number}", status)
    answer = await place.api("GET", "/actors/v2/admin/workers")
    assert (answer.status, answer.message) == (200, "Workers retrieved successfully.")
    assert answer.result["summary"] == {
        "totalWorkers": 6,
        "readyWorkers": 2,
        "requestedWorkers": 1,
        "errorWorkers": 1,
        "busyWorkers": 1,
        "actorsNoWorkers": 1,
    }
    listed = (await place.api("GET", f"/actors/v2/{actor_id}/workers")).result
    ids = {"actorId": actor_id, "actorDbid": f"DEV_{actor_id}"}
    assert answer.result["workers"] == [worker | ids for worker in listed]


async def test_all_executions(place) -> None:
    kept, gone, _idle = [await place.actor() for _ in range(3)]
    await ended(place, kept, runtime=1, cpu=10, io=100)
    await ended(place, kept, runtime=2, cpu=20, io=200)
    await ended(place, gone, runtime=4, cpu=40, io=400)
    assert (await place.api("DELETE", f"/actors/v2/{gone}")).status == 200
    answer = await place.api("GET", "/actors/v2/admin/executions")
    assert (answer.status, answer.message) == (200, "Executions retrieved successfully.")
    assert answer.result["summary"] == {
        "totalActorsAll": 3,
        "totalActorsAllWithExecutions": 2,
        "totalActorsExisting": 2,
        "totalActorsExistingWithExecutions": 1,
        "totalExecutionsAll": 3,
        "totalExecutionsExisting": 2,
        "totalExecutionRuntimeAll": 7,
        "totalExecutionRuntimeExisting": 3,
        "totalExecutionCpuAll": 70,
        "totalExecutionCpuExisting": 30,
        "totalExecutionIoAll": 700,
        "totalExecutionIoExisting": 300,
    }
    first, second = answer.result["actors"]
    assert first == {
        "actorId": kept,
        "owner": "ada",
        "image": "x",
        "totalExecutions": 2,
        "totalExecutionCpu": 30,
        "totalExecutionIo": 300,
        "totalExecutionRuntime": 3,
    }
    assert second["totalExecutions"] == 0


@pytest.mark.parametrize("path", ["", "/workers", "/executions"])
async def test_admins_only_and_no_nonces(place, path: str) -> None:
    actor_id = await place.actor()
    made = await place.api("POST", f"/actors/v2/{actor_id}/nonces", {"level": "READ"})
    nonce = f"x-nonce={made.result['id']}"
    bob = place.as_user("bob")
    is_failure(await bob("GET", f"/actors/v2/admin{path}"), 400, REFUSAL)
    is_failure(
        await place.api("GET", f"/actors/v2/admin{path}?{nonce}", token=None),
        404,
        "Actor with identifier 'admin' not found",
    )


async def test_only_these_paths_are_for_admins(place) -> None:
    """The reference refuses every path that contains the text `admin`."""
    bob = place.as_user("bob")
    actor_id = (await bob("POST", "/actors/v2", {"image": "x"})).result["id"]
    alias = {"alias": "my-admin-tool", "actorId": actor_id}
    assert (await bob("POST", "/actors/v2/aliases", alias)).status == 200
    assert (await bob("GET", "/actors/v2/my-admin-tool")).result["id"] == actor_id
    assert (await bob("GET", "/actors/v2/my-admin-tool/workers")).status == 200
    place.clock.turn(timedelta(seconds=1))
    assert (await bob("GET", "/actors/v2/administrator")).status == 404


async def test_metrics_are_text_for_admins(place) -> None:
    async def metrics() -> bytes:
        return b"abaco_messages_waiting 0.0\n"

    desk = replace(place.service.desk, metrics=metrics)
    service = replace(place.service, administration=Administration(desk))
    place.change(service=service)
    answer = await place.api("GET", "/abaco/v1/metrics")
    assert (answer.status, answer.body) == (200, b"abaco_messages_waiting 0.0\n")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    is_failure(await place.as_user("bob")("GET", "/abaco/v1/metrics"), 400, REFUSAL)
