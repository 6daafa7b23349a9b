"""Section 15: events, links, webhooks; how many workers there are."""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from walking import API, Row, Run, Scene, delete, post

from webhook_receiver import Receiver


@dataclass
class Told:
    """What was heard of one run of an actor with a link and a webhook."""

    actor: str
    listener: str
    run: Run
    posted: list[dict[str, Any]]
    linked: list[Run]

    def event(self, kind: str) -> dict[str, Any]:
        (found,) = [event for event in self.posted if event["event_type"] == kind]
        return found


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    made = Receiver(lambda _, body: json.loads(body))
    yield made
    made.close()


@pytest.fixture(scope="module")
def told(scene: Scene, receiver: Receiver) -> Told:
    listener = scene.actor()
    scene.ada.ok("POST", f"{API}/aliases", {"alias": "listener", "actorId": listener})
    actor = scene.actor(link="listener", webhook=receiver.url)
    run = scene.run(actor, None, "?DO=exit%203")
    path = f"{API}/{listener}/executions"

    def executions() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = scene.ada.ok("GET", path)["executions"]
        return found

    scene.until(lambda: len(receiver.heard) == len(executions()) == 2)
    linked = [scene.ended(listener, one["id"]) for one in executions()]
    return Told(actor, listener, run, receiver.heard, linked)


def test_both_a_link_and_a_webhook_hear_all_in_order(told: Told) -> None:
    """In the reference the webhook is never sent when there is a link."""
    kinds = ["ACTOR_READY", "EXECUTION_COMPLETE"]
    assert [event["event_type"] for event in told.posted] == kinds
    heard = [ast.literal_eval(run.seen["env"]["MSG"])["event_type"] for run in told.linked]
    assert sorted(heard) == kinds


PAYLOAD = [
    *("tenant_id", "actor_id", "actor_dbid", "event_type", "event_time_utc"),
    *("event_time_display", "_abaco_link", "_abaco_webhook"),
]


@pytest.mark.parametrize("field", PAYLOAD)
@pytest.mark.parametrize("kind", ["ACTOR_READY", "EXECUTION_COMPLETE"])
def test_payload(told: Told, receiver: Receiver, kind: str, field: str) -> None:
    event = told.event(kind)
    expected = {
        "tenant_id": "DEV",
        "actor_id": told.actor,
        "actor_dbid": f"DEV_{told.actor}",
        "event_type": kind,
        "event_time_utc": event["event_time_display"],
        "event_time_display": event["event_time_utc"],
        "_abaco_link": f"DEV_{told.listener}",
        "_abaco_webhook": receiver.url,
    }
    assert event[field] == expected[field]
    assert event["event_time_utc"].endswith("Z")


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("ACTOR_READY", "status_message"),
        ("EXECUTION_COMPLETE", "execution_id"),
        ("EXECUTION_COMPLETE", "status"),
        ("EXECUTION_COMPLETE", "exit_code"),
    ],
)
def test_what_an_event_adds(told: Told, kind: str, field: str) -> None:
    expected = {
        "status_message": " ",
        "execution_id": told.run.record["id"],
        "status": "COMPLETE",
        "exit_code": 3,
    }
    assert told.event(kind)[field] == expected[field]


@pytest.mark.parametrize("field", ["_abaco_Content_Type", "_abaco_username", "_abaco_api_server"])
def test_what_a_webhook_adds(scene: Scene, told: Told, field: str) -> None:
    expected = {
        "_abaco_Content_Type": "application/json",
        "_abaco_username": "Abaco Event",
        "_abaco_api_server": scene.url,
    }
    assert told.posted[0][field] == expected[field]


def test_a_linked_execution_is_abaco_events(told: Told) -> None:
    for run in told.linked:
        env = run.seen["env"]
        assert run.record["executor"] == env["_abaco_username"] == "Abaco Event"
        assert env["_abaco_Content_Type"] == "application/json"
        assert "_abaco_actor_revision" not in env


def test_actor_error_is_told(scene: Scene, receiver: Receiver) -> None:
    actor = scene.actor(image="localhost:1/none:15", webhook=receiver.url)

    def errors() -> list[dict[str, Any]]:
        return [event for event in receiver.heard if event["actor_id"] == actor]

    scene.until(errors)
    assert errors()[0]["event_type"] == "ACTOR_ERROR"
    assert errors()[0]["status_message"].startswith("Spawner got an exception")


# ---- workers ---------------------------------------------------------------------------------


def workers(scene: Scene, actor: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scene.ada.ok("GET", f"{API}/{actor}/workers")
    return found


def test_a_new_actor_gets_one_worker(scene: Scene) -> None:
    actor = scene.actor()
    scene.until(lambda: [one["status"] for one in workers(scene, actor)] == ["READY"])


def test_a_queue_gets_more_workers_up_to_max_workers(scene: Scene) -> None:
    actor = scene.actor(maxWorkers=2)
    sent = [scene.send(actor, None, "?DO=sleep%203")["executionId"] for _ in range(4)]
    scene.until(lambda: [one["status"] for one in workers(scene, actor)] == ["BUSY", "BUSY"])
    scene.ada.ok("DELETE", f"{API}/{actor}/messages")
    for execution in sent[:2]:
        scene.ended(actor, execution)


def test_messages_of_a_stateful_actor_run_one_at_a_time(scene: Scene) -> None:
    actor = scene.actor(stateless=False)
    sent = [scene.send(actor, None, "?DO=sleep%200.5")["executionId"] for _ in range(2)]
    first, second = [scene.ended(actor, one).record for one in sent]
    assert first["finishTime"] <= second["startTime"]
    assert first["workerId"] == second["workerId"]


def test_decisions_name_their_rule(scene: Scene) -> None:
    found = scene.ada.ok("GET", f"/abaco/v1/actors/{scene.names['actor']}/decisions")
    assert all(decision["rule"] for decision in found["decisions"])


NUM = f"Invalid POST: { {'num': 'Number of workers to start (default is 1).'} }"
POSTS = [
    post("not a number", "/{actor}/workers", {"num": "x"}, NUM),
    post(
        "not an admin",
        "/{actor}/workers",
        {},
        "Not authorized -- only admins are authorized to update workers.",
        who="pia",
    ),
    post("no actor", "/{unknown}/workers", {}, "No actor found with id: {unknown}.", status=404),
    delete("no worker", "/{actor}/workers/none", "Worker not found.", status=404),
]


@pytest.mark.parametrize("row", POSTS, ids=str)
def test_workers_that_are_asked_for(scene: Scene, row: Row) -> None:
    scene.check(row)


def test_at_least_so_many_workers(scene: Scene) -> None:
    actor = scene.actor()
    scene.until(lambda: len(workers(scene, actor)) == 1)
    path = f"/{actor}/workers"
    more = "Scheduled 1 new worker(s) to start. Previously, there were 1 workers."
    scene.check(post("two", path, {"num": 2}, more, status=200))
    same = f"Actor {actor} already had 2 worker(s)."
    scene.until(lambda: len(workers(scene, actor)) == 2)
    scene.check(post("two again", path, {"num": 2}, same, status=200))
    one = workers(scene, actor)[0]["id"]
    text = "Worker scheduled to be stopped."
    scene.check(delete("delete", f"{path}/{one}", text, status=200))
    scene.until(lambda: one not in {worker["id"] for worker in workers(scene, actor)})
