"""Section 14: utilization, the admin lists, metrics."""

import pytest
from walking import API, Scene, get

ADMIN = "Abaco Admin role required."
WHOSE = ("All", "Existing")
SUMMARY = [
    *("totalActorsAll", "totalActorsAllWithExecutions", "totalActorsExisting"),
    *("totalActorsExistingWithExecutions", "totalExecutionsAll", "totalExecutionsExisting"),
    *(f"totalExecution{what}{whose}" for what in ("Runtime", "Cpu", "Io") for whose in WHOSE),
]
WORKERS = [
    *("totalWorkers", "readyWorkers", "requestedWorkers", "errorWorkers", "busyWorkers"),
    "actorsNoWorkers",
]


@pytest.mark.parametrize("field", ["currentActors", "totalActors", "workers", "commandQueue"])
def test_utilization_is_for_anybody(scene: Scene, field: str) -> None:
    text = "Abaco utilization returned successfully."
    found = scene.check(get("utilization", "/utilization", text, who="lim", status=200)).result
    assert set(found) == {"currentActors", "totalActors", "workers", "commandQueue"}
    assert isinstance(found[field], int)
    assert found["totalActors"] >= found["currentActors"] > 0


@pytest.mark.parametrize("path", ["/admin", "/admin/workers", "/admin/executions"])
def test_the_admin_lists_are_for_admins(scene: Scene, path: str) -> None:
    scene.check(get("refused", path, ADMIN, who="bob"))


@pytest.mark.parametrize(
    "field", ["dbId", "apiServer", "tenant", "workers", "messages", "executions", "runtime"]
)
def test_admin_lists_actors_with_more_fields(scene: Scene, field: str) -> None:
    answer = scene.check(
        get("admin", "/admin", "Actors retrieved successfully.", who="ann", status=200)
    )
    mine = {one["id"]: one for one in answer.result}[scene.names["actor"]]
    assert field in mine
    assert mine["maxWorkers"] is None
    assert mine["createTime"].endswith(" GMT")
    assert (mine["dbId"], mine["tenant"]) == (f"DEV_{scene.names['actor']}", "DEV")


@pytest.mark.parametrize("field", WORKERS)
def test_admin_workers(scene: Scene, field: str) -> None:
    text = "Workers retrieved successfully."
    found = scene.check(get("workers", "/admin/workers", text, who="ann", status=200)).result
    assert set(found) == {"summary", "workers"}
    assert set(found["summary"]) == set(WORKERS)
    assert isinstance(found["summary"][field], int)
    assert all({"actorId", "actorDbid"} <= set(worker) for worker in found["workers"])


@pytest.mark.parametrize("field", SUMMARY)
def test_admin_executions(scene: Scene, field: str) -> None:
    text = "Executions retrieved successfully."
    found = scene.check(get("executions", "/admin/executions", text, who="ann", status=200)).result
    assert set(found["summary"]) == set(SUMMARY)
    assert isinstance(found["summary"][field], int)
    mine = {one["actorId"]: one for one in found["actors"]}[scene.names["actor"]]
    assert set(mine) == {
        *("actorId", "owner", "image", "totalExecutions"),
        *("totalExecutionCpu", "totalExecutionIo", "totalExecutionRuntime"),
    }
    assert mine["totalExecutions"] > 0


def test_a_name_with_admin_in_it_is_no_admin_path(scene: Scene) -> None:
    actor = scene.actor("bob", image="x")
    scene.bob.ok("POST", f"{API}/aliases", {"alias": "my-admin-tool", "actorId": actor})
    assert scene.bob("GET", f"{API}/my-admin-tool").status == 200
    scene.bob.ok("DELETE", f"{API}/aliases/my-admin-tool")


def test_metrics_of_abaco_stand_in_jupyters_own(scene: Scene) -> None:
    answer = scene.ada("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert b"abaco" in answer.body
