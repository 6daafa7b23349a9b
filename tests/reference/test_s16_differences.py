"""Section 16: where the reference is faulty and this is not. One test for each row."""

import json
import re
import threading
from datetime import timedelta

import pytest
from walking import API, BINARY, JSON, Row, Scene, containers, get, post, put

from abaco_jupyter.wire import limits
from webhook_receiver import Receiver

NO_ENDPOINT = (
    "Invalid request: the API endpoint does not exist or the provided HTTP method is not allowed."
)


def running(scene: Scene, actor: str, seconds: int = 60) -> tuple[str, str]:
    """An execution whose container is asleep: its id and its path."""
    execution = scene.send(actor, None, f"?DO=sleep%20{seconds}")["executionId"]
    path = f"{API}/{actor}/executions/{execution}"
    scene.until(lambda: scene.ada.ok("GET", f"{path}/logs")["logs"] == "asleep\n")
    return execution, path


def test_world_at_any_level_grants_only_that_level(scene: Scene) -> None:
    actor = scene.actor(image="x")
    path = f"{API}/{actor}"
    scene.ada.ok("POST", f"{path}/permissions", {"user": "ABACO_WORLD", "level": "READ"})
    assert scene.lim("GET", path).status == 200
    assert scene.lim("PUT", path, {"image": "x"}).status == 400


def test_none_entries_do_not_pass_search(scene: Scene) -> None:
    actor = scene.actor(image="x", description="for none")
    scene.ada.ok("POST", f"{API}/{actor}/permissions", {"user": "eve", "level": "NONE"})
    assert scene.eve.ok("GET", f"{API}?description=for%20none")["search"] == []


@pytest.mark.parametrize(
    "row",
    [
        get("unknown path", "/{actor}/none", NO_ENDPOINT, status=404),
        Row(id="unknown method", method="PATCH", path="/{actor}", message=NO_ENDPOINT, status=405),
        post("malformed JSON", "/aliases", b"{", "Invalid", kind=JSON, starts=True),
        post("non-object JSON", "/{actor}/nonces", b"[1]", "Invalid", kind=JSON, starts=True),
        put(
            "cron unit",
            "/{actor}",
            {"image": "x", "cronSchedule": "now + 1 a"},
            "a is an invalid unit of time",
        ),
        put("queue", "/{actor}", {"image": "x", "queue": "a"}, "Invalid actor", starts=True),
        put("hint", "/{actor}", {"image": "x", "hints": "{"}, "Invalid actor", starts=True),
        get("search value", "/search/actors?limit=x", "Inputted", starts=True),
    ],
    ids=str,
)
def test_what_was_a_500_is_a_400_or_404(scene: Scene, row: Row) -> None:
    answer = scene.check(row)
    assert b"<html" not in answer.body.lower()


@pytest.mark.parametrize("body", [b"[1, 2]", b'"text"', b"5"], ids=["list", "text", "number"])
def test_any_json_is_a_message(scene: Scene, body: bytes) -> None:
    actor = scene.actor(image="none:at-all")
    assert scene.ada("POST", f"{API}/{actor}/messages", body, kind=JSON).status == 200


@pytest.mark.parametrize("field", ["uid", "gid", "status", "mounts"])
def test_what_is_not_the_users_to_set_is_ignored(scene: Scene, field: str) -> None:
    made = scene.bob.ok("POST", API, {"image": "x", field: 0})
    assert (made["status"], made.get("uid"), made.get("gid")) == ("SUBMITTED", None, None)


def test_a_link_needs_execute(scene: Scene) -> None:
    target = scene.actor(image="x")
    assert scene.bob("POST", API, {"image": "x", "link": target}).status == 400
    scene.ada.ok("POST", f"{API}/{target}/permissions", {"user": "bob", "level": "EXECUTE"})
    assert scene.bob("POST", API, {"image": "x", "link": target}).status == 200


def test_a_config_for_anothers_actor_is_made_and_not_given_to_it(scene: Scene) -> None:
    actor = scene.actor()
    body = {"name": "intruder", "value": "v", "isSecret": False, "actors": actor}
    assert scene.lim("POST", f"{API}/configs", body).status == 200
    assert "intruder" not in scene.run(actor).seen["env"]["_actor_configs"]


def test_configs_are_shown_by_permission(scene: Scene) -> None:
    assert "known" not in {one["name"] for one in scene.eve.ok("GET", f"{API}/configs")}
    assert scene.eve("GET", f"{API}/configs/known").status == 400
    scene.ada.ok("POST", f"{API}/configs/known/permissions", {"user": "eve", "level": "READ"})
    assert scene.eve("GET", f"{API}/configs/known").status == 200


def test_a_purge_ends_executions(scene: Scene) -> None:
    actor = scene.actor(image="none:at-all")
    execution = scene.send(actor)["executionId"]
    scene.ada.ok("DELETE", f"{API}/{actor}/messages")
    assert scene.ada.ok("GET", f"{API}/{actor}/executions/{execution}")["status"] == "ERROR"


def test_a_halt_keeps_the_worker(scene: Scene) -> None:
    actor = scene.actor(maxWorkers=1)
    execution, path = running(scene, actor)
    worker = f"{API}/{actor}/workers/{scene.ada.ok('GET', path)['workerId']}"
    scene.ada.ok("DELETE", path)
    scene.ended(actor, execution)
    scene.until(lambda: scene.ada.ok("GET", worker)["status"] == "READY")
    assert scene.run(actor).record["workerId"] == worker.rpartition("/")[2]


def test_a_busy_worker_finishes_before_a_put_replaces_it(scene: Scene) -> None:
    actor = scene.actor()
    execution, path = running(scene, actor, 3)
    scene.ada.ok("PUT", f"{API}/{actor}", {"image": scene.names["image"], "force": True})
    assert scene.ended(actor, execution).record["exitCode"] == 0
    assert scene.ada.ok("GET", f"{path}/logs")["logs"] == "asleep\n"
    assert scene.run(actor).record["workerId"] != scene.ada.ok("GET", path)["workerId"]


def test_a_busy_worker_finishes_before_it_is_deleted(scene: Scene) -> None:
    actor = scene.actor()
    execution, path = running(scene, actor, 3)
    worker = scene.ada.ok("GET", path)["workerId"]
    scene.ada.ok("DELETE", f"{API}/{actor}/workers/{worker}")
    assert scene.ended(actor, execution).record["exitCode"] == 0


def test_deleting_an_actor_stops_its_container_and_ends_the_execution(scene: Scene) -> None:
    actor = scene.actor()
    execution, path = running(scene, actor)
    scene.ada.ok("DELETE", f"{API}/{actor}")
    scene.until(lambda: not containers(f"abaco.execution={execution}"))
    assert scene.ada.ok("GET", path)["status"] in ("COMPLETE", "ERROR")


def test_a_long_binary_message_does_not_block(scene: Scene) -> None:
    run = scene.run(scene.names["actor"], b"x" * 200_000, kind=BINARY)
    assert run.seen["binary"][0] == 200_000


def test_a_synchronous_message_is_refused_behind_more_than_three(scene: Scene) -> None:
    actor = scene.actor(image="localhost:1/none:16")
    for _ in range(4):
        scene.send(actor)
    text = "Cannot issue synchronous execution when actor message queue > 0."
    path = f"/{actor}/messages?_abaco_synchronous=true"
    scene.check(post("queue", path, {"message": "m"}, text))


def test_an_error_ends_a_synchronous_message(scene: Scene) -> None:
    """It is answered with the log; here because the mailbox is purged."""
    actor = scene.actor(image="localhost:1/none:17")
    path = f"{API}/{actor}/messages"
    answers = []

    def ask() -> None:
        query = "?_abaco_synchronous=true"
        answers.append(scene.ada("POST", path + query, {"message": "m"}))

    thread = threading.Thread(target=ask)
    thread.start()
    scene.until(lambda: scene.ada.ok("GET", path)["messages"] == 1)
    scene.ada.ok("DELETE", path)
    thread.join(30)
    assert answers[0].status == 200
    assert answers[0].headers["Content-Type"].startswith("text/html")


def test_a_link_and_a_webhook_are_both_told_and_the_linked_actor_gets_a_worker(
    scene: Scene,
) -> None:
    receiver = Receiver(lambda _, body: json.loads(body))
    try:
        listener = scene.actor()
        scene.actor(link=listener, webhook=receiver.url)
        path = f"{API}/{listener}/executions"
        (item,) = scene.until(lambda: scene.ada.ok("GET", path)["executions"])
        assert scene.ended(listener, item["id"]).record["status"] == "COMPLETE"
        scene.until(lambda: receiver.heard)
    finally:
        receiver.close()


def test_ro_mounts_are_read_only(scene: Scene) -> None:
    assert scene.run(scene.names["actor"]).seen["wrote"] == "Read-only file system"


@pytest.mark.parametrize("name", ["my-admin-tool-16", "aliases-of-mine-16", "nonces-16"])
def test_names_with_reserved_words_in_them_work(scene: Scene, name: str) -> None:
    actor = scene.actor("bob", image="x")
    scene.bob.ok("POST", f"{API}/aliases", {"alias": name, "actorId": actor})
    assert scene.bob.ok("GET", f"{API}/{name}")["id"] == actor


def test_a_user_name_with_a_dot_is_one_name(scene: Scene) -> None:
    path = scene.filled(API + "/{stateful}/permissions")
    entries = scene.ada.ok("POST", path, {"user": "a.b.c", "level": "READ"})
    assert entries["a.b.c"] == "READ"


def test_milliseconds_have_three_digits(scene: Scene) -> None:
    for actor in scene.ada.ok("GET", API):
        assert re.fullmatch(r".*T\d\d:\d\d:\d\d\.\d{3}Z", actor["createTime"])


def test_failed_starts_leave_no_container_behind(scene: Scene) -> None:
    scene.ended(scene.names["broken"], scene.names["failing"])
    assert containers(f"abaco.actor={scene.names['broken']}") == []


def test_results_are_kept_for_an_hour() -> None:
    assert timedelta(minutes=60) == limits.RESULT_LIFETIME
