"""Executions, logs, results and our own routes (section 8)."""

import base64
from datetime import timedelta

import pytest

from abaco_jupyter.wire import ids, spec
from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server.service import executions as service_executions
from abaco_server.store import executions, logs, results

pytestmark = pytest.mark.asyncio

START = timedelta(seconds=3)
FINAL = {"Status": "exited", "ExitCode": 0, "StartedAt": "2026-11-21T17:18:38.464Z"}


async def finish(place, execution_id: str) -> None:
    store, now = place.service.desk.store, place.clock.now()
    await store.write(lambda conn: executions.set_worker(conn, execution_id, "theWorker"))
    await store.write(lambda conn: executions.start(conn, execution_id, now + START))
    await store.write(
        lambda conn: executions.end(
            conn,
            execution_id,
            status=ExecutionStatus.COMPLETE,
            finish_time=now + 2 * START,
            runtime=3,
            cpu=10**9,
            io=77,
            exit_code=0,
            final_state=FINAL,
        )
    )


async def test_one_execution_from_beginning_to_end(place) -> None:
    actor_id = await place.actor()
    execution_id = await place.execution(actor_id)
    server, path = place.api.root, f"/actors/v2/{actor_id}/executions/{execution_id}"
    first = {
        "id": execution_id,
        "actorId": actor_id,
        "apiServer": server,
        "executor": "ada",
        "status": "SUBMITTED",
        "messageReceivedTime": "2026-11-21T17:18:35.464Z",
        "runtime": 0,
        "cpu": 0,
        "io": 0,
        "_links": {
            "self": server + path,
            "owner": f"{server}/profiles/v2/ada",
            "logs": f"{server}{path}/logs",
        },
    }
    answer = await place.api("GET", path)
    assert (answer.status, answer.message) == (200, "Actor execution retrieved successfully.")
    assert answer.result == first
    await finish(place, execution_id)
    assert (await place.api("GET", path)).result == first | {
        "status": "COMPLETE",
        "workerId": "theWorker",
        "startTime": "2026-11-21T17:18:38.464Z",
        "finishTime": "2026-11-21T17:18:41.464Z",
        "runtime": 3,
        "cpu": 10**9,
        "io": 77,
        "exitCode": 0,
        "finalState": FINAL,
    }


async def test_the_list(place) -> None:
    actor_id = await place.actor()
    path, server = f"/actors/v2/{actor_id}/executions", place.api.root
    empty = {
        "actorId": actor_id,
        "apiServer": server,
        "owner": "ada",
        "executions": [],
        "totalExecutions": 0,
        "totalCpu": 0,
        "totalIo": 0,
        "totalRuntime": 0,
        "_links": {"self": server + path, "owner": f"{server}/profiles/v2/ada"},
    }
    answer = await place.api("GET", path)
    assert (answer.status, answer.message) == (200, "Actor executions retrieved successfully.")
    assert answer.result == empty
    assert b'\n    "executions": [],\n' in answer.body
    ended, waiting = await place.execution(actor_id), await place.execution(actor_id)
    await finish(place, ended)
    answer = await place.api("GET", path)
    assert answer.result == empty | {
        "totalExecutions": 2,
        "totalCpu": 10**9,
        "totalIo": 77,
        "totalRuntime": 3,
        "executions": [
            {
                "id": ended,
                "status": "COMPLETE",
                "startTime": "Sat, 21 Nov 2026 17:18:38 GMT",
                "finishTime": "Sat, 21 Nov 2026 17:18:41 GMT",
                "messageReceivedTime": "Sat, 21 Nov 2026 17:18:35 GMT",
            },
            {
                "id": waiting,
                "status": "SUBMITTED",
                "startTime": None,
                "finishTime": None,
                "messageReceivedTime": "Sat, 21 Nov 2026 17:18:35 GMT",
            },
        ],
    }
    item = f'\n      {{\n        "finishTime": null,\n        "id": "{waiting}",\n'
    assert item.encode() in answer.body
    assert answer.body.count(b"\n    ],\n") == 1


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
async def test_a_long_list_is_the_same_text_in_pages(place, monkeypatch, count) -> None:
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}/executions"
    for _ in range(count):
        await place.execution(actor_id)
    whole = (await place.api("GET", path)).body
    monkeypatch.setattr(service_executions, "PAGE", 2)
    monkeypatch.setattr("abaco_server.web.executions.PAGE", 2)
    assert (await place.api("GET", path)).body == whole


async def test_head_is_get_without_the_body(place) -> None:
    actor_id = await place.actor()
    for path in ("/actors/v2", f"/actors/v2/{actor_id}", f"/actors/v2/{actor_id}/executions"):
        answer = await place.api("HEAD", path)
        assert (answer.status, answer.body) == (200, b"")


async def test_unknown_executions(place) -> None:
    actor_id = await place.actor()
    unknown = ids.new_id()
    path = f"/actors/v2/{actor_id}/executions/{unknown}"
    text = f"No executions found with actor id of {actor_id} and execution id of {unknown}."
    for method, tail in (("GET", ""), ("DELETE", ""), ("GET", "/logs")):
        answer = await place.api(method, path + tail)
        assert (answer.status, answer.message) == (400, text)
    results_ = await place.api("GET", f"{path}/results")
    assert (results_.status, results_.body) == (200, b"")


async def test_halt(place) -> None:
    actor_id = await place.actor()
    execution_id = await place.execution(actor_id)
    path = f"/actors/v2/{actor_id}/executions/{execution_id}"
    early = await place.api("DELETE", path)
    assert (early.status, early.message) == (
        400,
        "Cannot force quit an execution not in RUNNING status. "
        "Execution was found in status: SUBMITTED",
    )
    now = place.clock.now()
    await place.service.desk.store.write(lambda conn: executions.start(conn, execution_id, now))
    answer = await place.api("DELETE", path)
    assert (answer.status, answer.message, answer.result) == (
        200,
        f"Issued force quit command for execution {execution_id}.",
        None,
    )
    assert place.calls.halted == [execution_id]


async def test_work_that_was_done_elsewhere(place) -> None:
    """In the reference no such request succeeds (section 8)."""
    actor_id = await place.actor()
    bob = place.as_user("bob")
    entry = {"user": "bob", "level": "UPDATE"}
    await place.api("POST", f"/actors/v2/{actor_id}/permissions", entry)
    path = f"/actors/v2/{actor_id}/executions"
    answer = await bob("POST", path, {"runtime": 7, "cpu": "1000", "io": 0})
    assert (answer.status, answer.message) == (200, "Actor execution added successfully.")
    record = answer.result
    server = place.api.root
    assert record == {
        "id": record["id"],
        "actorId": actor_id,
        "apiServer": server,
        "executor": "bob",
        "status": "COMPLETE",
        "messageReceivedTime": "2026-11-21T17:18:35.464Z",
        "runtime": 7,
        "cpu": 1000,
        "io": 0,
        "_links": {
            "self": f"{server}{path}/{record['id']}",
            "owner": f"{server}/profiles/v2/bob",
            "logs": f"{server}{path}/{record['id']}/logs",
        },
    }
    assert (await place.api("GET", f"{path}/{record['id']}")).result == record
    form = "runtime=3&cpu=500&io=20"
    answer = await place.api("POST", path, form, kind="application/x-www-form-urlencoded")
    assert (answer.result["executor"], answer.result["io"]) == ("ada", 20)
    listed = (await place.api("GET", path)).result
    totals = ("totalExecutions", "totalRuntime", "totalCpu", "totalIo")
    assert [listed[name] for name in totals] == [2, 10, 1500, 20]
    assert [one["status"] for one in listed["executions"]] == ["COMPLETE", "COMPLETE"]
    # Nothing is queued: it has been done.
    assert (await place.api("GET", f"/actors/v2/{actor_id}/messages")).result["messages"] == 0


ACCOUNTING = {
    "runtime": "Runtime, in milliseconds, of the execution.",
    "cpu": "CPU usage, in user jiffies, of the execution.",
    "io": "Block I/O usage, in number of 512-byte sectors read from and written to, by the "
    "execution.",
}


@pytest.mark.parametrize("field", ACCOUNTING)
async def test_what_is_no_account_of_work(place, field) -> None:
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}/executions"
    whole = dict.fromkeys(ACCOUNTING, 1)
    missing = f"Invalid actor execution description: { {field: ACCOUNTING[field]} }"
    range_ = f"Argument {field} must be from 0 to 1000000000000000; "
    for value, text in (
        (None, missing),
        ("x", f"Argument {field} must be an integer."),
        (1.5, f"Argument {field} must be an integer."),
        ([1], f"Argument {field} must be an integer."),
        ({"a": 1}, f"Argument {field} must be an integer."),
        (True, f"Argument {field} must be an integer."),
        (-1, f"{range_}-1 was given."),
        (10**16, f"{range_}{10**16} was given."),
    ):
        answer = await place.api("POST", path, whole | {field: value})
        assert (answer.status, answer.message) == (400, text)
    del whole[field]
    answer = await place.api("POST", path, whole)
    assert (answer.status, answer.message) == (400, missing)
    first = f"Invalid actor execution description: { {'runtime': ACCOUNTING['runtime']} }"
    answer = await place.api("POST", path)
    assert (answer.status, answer.message) == (400, first)
    answer = await place.api("POST", path, b"{", kind="application/json")
    assert answer.status == 400
    assert answer.message.startswith("Invalid actor execution description: Unable to process")
    assert (await place.api("GET", path)).result["totalExecutions"] == 0


async def test_logs_while_running_and_after(place) -> None:
    actor_id = await place.actor()
    execution_id = await place.execution(actor_id)
    server, path = place.api.root, f"/actors/v2/{actor_id}/executions/{execution_id}"
    links = {
        "self": f"{server}{path}/logs",
        "owner": f"{server}/profiles/v2/ada",
        "execution": server + path,
    }
    answer = await place.api("GET", f"{path}/logs")
    assert (answer.status, answer.message) == (200, "Logs retrieved successfully.")
    assert answer.result == {"logs": "", "_links": links}
    place.calls.logs[execution_id] = "one\n"
    assert (await place.api("GET", f"{path}/logs")).result["logs"] == "one\n"
    del place.calls.logs[execution_id]
    expires = place.clock.now() + timedelta(hours=1)
    await place.service.desk.store.write(
        lambda conn: logs.put(conn, execution_id, actor_id, "one\ntwo \ufffd\x1b[0m", expires)
    )
    answer = await place.api("GET", f"{path}/logs")
    assert answer.result == {"logs": "one\ntwo \ufffd\x1b[0m", "_links": links}


async def test_results_are_raw_bytes_and_go_once(place) -> None:
    actor_id = await place.actor()
    execution_id = await place.execution(actor_id)
    path = f"/actors/v2/{actor_id}/executions/{execution_id}/results"
    expires = place.clock.now() + timedelta(hours=1)
    bodies = [b"\x00\xff", b"{}", b"two\n"]
    for n, body in enumerate(bodies):
        await place.service.desk.store.write(
            lambda conn, n=n, body=body: results.add(conn, execution_id, str(n), body, expires)
        )
    for body in [*bodies, b"", b""]:
        answer = await place.api("GET", path)
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["Content-Type"] == "application/octet-stream"


async def test_a_result_is_not_lost_to_a_cache(place) -> None:
    """tornado would answer 304 to a client that has the same bytes, after they were popped."""
    actor_id = await place.actor()
    execution_id = await place.execution(actor_id)
    expires = place.clock.now() + timedelta(hours=1)
    await place.service.desk.store.write(
        lambda conn: results.add(conn, execution_id, "1", b"same", expires)
    )
    path = f"/actors/v2/{actor_id}/executions/{execution_id}/results"
    answer = await place.api("GET", path, headers={"If-None-Match": "*"})
    assert (answer.status, answer.body) == (200, b"same")
    assert "Etag" not in answer.headers


# ---- ours ------------------------------------------------------------------------------------


async def test_status(place) -> None:
    answer = await place.api("GET", "/abaco/v1/status")
    assert answer.result == {"ready": True, "tenant": "DEV", "runner": "fake", "username": "ada"}


async def test_the_newest_executions(place) -> None:
    actor_id = await place.actor()
    sent = [await place.execution(actor_id) for _ in range(5)]
    path = f"/abaco/v1/actors/{actor_id}/executions"
    answer = await place.api("GET", f"{path}?limit=2")
    assert [e["id"] for e in answer.result["executions"]] == sent[:-3:-1]
    assert len((await place.api("GET", path)).result["executions"]) == 5
    for limit in ("0", "-1", "x", "1001", ""):
        answer = await place.api("GET", f"{path}?limit={limit}")
        assert answer.status == 400
        assert answer.message.startswith("limit must be a number from 1 to 1000, not")


async def test_only_our_own_records_tell_when_a_message_was_taken_and_its_memory(place) -> None:
    actor_id = await place.actor()
    execution_id = await place.execution(actor_id)
    store, now = place.service.desk.store, place.clock.now()

    def end(conn) -> None:
        executions.set_worker(conn, execution_id, "theWorker", now)
        executions.start(conn, execution_id, now + START)
        executions.complete(conn, execution_id, finish_time=now + 2 * START, peak_memory=2**20)

    await store.write(end)
    answer = await place.api("GET", f"/abaco/v1/actors/{actor_id}/executions")
    [ours] = answer.result["executions"]
    assert ours["takenTime"] == "2026-11-21T17:18:35.464Z"
    assert ours["peakMemory"] == 2**20
    theirs = (await place.api("GET", f"/actors/v2/{actor_id}/executions/{execution_id}")).result
    assert ours.keys() - theirs.keys() == {"takenTime", "peakMemory"}


async def test_builds(place) -> None:
    body = {"source": "print(1)", "files": {"a.txt": base64.b64encode(b"hi").decode()}}
    answer = await place.api("POST", "/abaco/v1/builds", body)
    assert answer.status == 200, answer.body
    wanted = spec.BuildSpec(source="print(1)", files={"a.txt": b"hi"})
    record = {
        "id": answer.result["id"],
        "digest": wanted.digest(),
        "image": wanted.image(),
        "status": "BUILDING",
        "error": None,
        "cached": False,
        "createTime": "2026-11-21T17:18:35.464Z",
        "finishTime": None,
        "log": "Step 1\n",
    }
    assert answer.result == record
    path = f"/abaco/v1/builds/{record['id']}"
    assert (await place.api("GET", path)).result == record
    cancelled = await place.api("DELETE", path)
    assert cancelled.result == record | {"status": "CANCELLED"}
    none = await place.api("GET", "/abaco/v1/builds/nobody")
    assert (none.status, none.message) == (404, "No build found with id: nobody.")
    assert none.headers["X-Abaco-Error"] == "build_not_found"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b"{}",
        b'{"source": 1}',
        b"\xff",
        b'{"source": "x", "unknown": 1}',
        b"[" * 100_000,
    ],
)
async def test_specs_that_are_none(place, body) -> None:
    answer = await place.api("POST", "/abaco/v1/builds", body, kind="application/json")
    assert answer.status == 400
    assert answer.message.startswith("Invalid build spec: ")
    assert answer.headers["X-Abaco-Error"] == "invalid_spec"
