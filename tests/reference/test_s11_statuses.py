"""Section 11: statuses of actors, executions and workers."""

import pytest
from walking import API, Scene

from runnerkit.registry import registry

SPAWNER = "Spawner got an exception from call to start_worker. Exception:"


def status(scene: Scene, actor: str) -> tuple[str, str | None]:
    found = scene.ada.ok("GET", f"{API}/{actor}")
    return found["status"], found.get("statusMessage")


def test_submitted_then_ready_with_a_blank(scene: Scene) -> None:
    actor = scene.actor()
    scene.until(lambda: status(scene, actor) == ("READY", " "))


def test_an_image_whose_registry_does_not_answer(scene: Scene) -> None:
    """And READY after a PUT with a good image; what was sent meanwhile runs then."""
    actor = scene.actor(image="localhost:1/none:9")
    execution = scene.send(actor)["executionId"]
    scene.until(lambda: status(scene, actor)[0] == "ERROR")
    start = f"{SPAWNER}Error pulling image localhost:1/none:9 - exception: "
    assert str(status(scene, actor)[1]).startswith(start)
    path = f"{API}/{actor}/executions/{execution}"
    assert scene.ada.ok("GET", path)["status"] == "SUBMITTED"
    # It is tried again every few seconds, each time with a worker for as long as that takes.
    scene.until(lambda: scene.ada.ok("GET", f"{API}/{actor}/workers") == [])
    changed = scene.ada.ok("PUT", f"{API}/{actor}", {"image": scene.names["image"]})
    assert changed["status"] == "SUBMITTED"
    assert scene.ended(actor, execution).record["status"] == "COMPLETE"
    scene.until(lambda: status(scene, actor)[0] == "READY")


def test_an_image_that_the_registry_does_not_have(scene: Scene) -> None:
    with registry() as address:
        actor = scene.actor(image=f"{address}/no/such:1")
        scene.until(lambda: status(scene, actor)[0] == "ERROR")
    text = f"{SPAWNER}Image {address}/no/such:1 was not found on the public registry."
    assert status(scene, actor)[1] == text


def test_a_container_that_cannot_be_started(scene: Scene) -> None:
    """Six times in a row, five seconds apart; then the execution has failed for good."""
    actor, execution = scene.names["broken"], scene.names["failing"]
    record = scene.ended(actor, execution).record
    assert record["status"] == "ERROR"
    assert not {"exitCode", "finalState"} & set(record)
    scene.until(lambda: status(scene, actor)[0] == "ERROR")
    start = "Error executing container: Could not start container "
    assert str(status(scene, actor)[1]).startswith(start)


@pytest.mark.parametrize(("code", "expected"), [(0, "COMPLETE"), (7, "COMPLETE")])
def test_complete_whatever_the_exit_code(scene: Scene, code: int, expected: str) -> None:
    record = scene.run(scene.names["actor"], None, f"?DO=exit%20{code}").record
    assert (record["status"], record["exitCode"]) == (expected, code)


def test_submitted_running_complete(scene: Scene) -> None:
    """As the stream of ours tells it."""
    actor = scene.names["actor"]
    execution = scene.send(actor, None, "?DO=sleep%201")["executionId"]
    frames = scene.follow(actor, execution)
    told = [word for word in ("SUBMITTED", "RUNNING", "COMPLETE") if f'"status":"{word}"' in frames]
    assert told[-2:] == ["RUNNING", "COMPLETE"]


def test_a_worker_is_ready_then_busy_then_ready(scene: Scene) -> None:
    actor = scene.actor()
    scene.until(lambda: status(scene, actor)[0] == "READY")

    def workers() -> set[str]:
        return {one["status"] for one in scene.ada.ok("GET", f"{API}/{actor}/workers")}

    execution = scene.send(actor, None, "?DO=sleep%202")["executionId"]
    scene.until(lambda: "BUSY" in workers())
    scene.ended(actor, execution)
    scene.until(lambda: workers() == {"READY"})


def test_no_status_but_those_of_the_table(scene: Scene) -> None:
    known = {
        "REQUESTED",
        "SPAWNER SETUP",
        "PULLING IMAGE",
        "CREATING CONTAINER",
        "READY",
        "BUSY",
        "SHUTDOWN_REQUESTED",
        "SHUTTING_DOWN",
        "ERROR",
    }
    workers = scene.ada.ok("GET", f"{API}/search/workers")["search"]
    assert {one["status"] for one in workers} <= known
    actors = {one["status"] for one in scene.ada.ok("GET", API)}
    assert actors <= {"SUBMITTED", "READY", "ERROR", "SHUTTING_DOWN"}
