"""Section 8: executions, logs, results."""

import pytest
from walking import API, BINARY, Row, Run, Scene, delete, get, post

COMPLETE = ["id", "actorId", "apiServer", "executor", "status", "messageReceivedTime", "runtime"]
COMPLETE += ["cpu", "io", "_links", "workerId", "startTime", "finishTime", "exitCode", "finalState"]
FIRST = [*COMPLETE[:10]]
FINAL_STATE = ["Status", "Running", "Paused", "Restarting", "OOMKilled", "Dead", "Pid"]
FINAL_STATE += ["ExitCode", "Error", "StartedAt", "FinishedAt"]


@pytest.fixture(scope="module")
def run(scene: Scene) -> Run:
    return scene.run(scene.actor(), None, "?DO=exit%203")


@pytest.mark.parametrize("field", COMPLETE)
def test_fields_of_one_that_has_ended(run: Run, field: str) -> None:
    assert field in run.record
    assert set(run.record) == set(COMPLETE)


def test_fields_of_one_that_waits(scene: Scene) -> None:
    actor = scene.actor(image="none:at-all")
    execution = scene.send(actor)["executionId"]
    record = scene.ada.ok("GET", f"{API}/{actor}/executions/{execution}")
    assert set(record) == set(FIRST)
    assert [record[name] for name in ("status", "runtime", "cpu", "io")] == ["SUBMITTED", 0, 0, 0]


@pytest.mark.parametrize("field", FINAL_STATE)
def test_final_state_is_the_engines(run: Run, field: str) -> None:
    assert field in run.record["finalState"]


def test_links(scene: Scene, run: Run) -> None:
    assert run.record["_links"] == {
        "self": f"{scene.url}{run.path}",
        "owner": f"{scene.url}/profiles/v2/{scene.names['owner']}",
        "logs": f"{scene.url}{run.path}/logs",
    }


def test_exit_code_and_status(run: Run) -> None:
    assert (run.record["status"], run.record["exitCode"]) == ("COMPLETE", 3)


def test_the_list(scene: Scene, run: Run) -> None:
    path = f"{API}/{run.record['actorId']}/executions"
    found = scene.ada.ok("GET", path)
    (item,) = found.pop("executions")
    assert set(item) == {"id", "status", "startTime", "finishTime", "messageReceivedTime"}
    assert found == {
        "actorId": run.record["actorId"],
        "apiServer": scene.url,
        "owner": scene.names["owner"],
        "totalExecutions": 1,
        "totalCpu": run.record["cpu"],
        "totalIo": run.record["io"],
        "totalRuntime": run.record["runtime"],
        "_links": {
            "self": f"{scene.url}{path}",
            "owner": f"{scene.url}/profiles/v2/{scene.names['owner']}",
        },
    }


MESSAGES = [
    get("list", "/{actor}/executions", "Actor executions retrieved successfully."),
    get(
        "list with a query",
        "/{actor}/executions?limit=1",
        "Executions search completed successfully.",
    ),
    get("one", "/{actor}/executions/{execution}", "Actor execution retrieved successfully."),
    get("logs", "/{actor}/executions/{execution}/logs", "Logs retrieved successfully."),
    get(
        "logs with a query",
        "/{actor}/executions/{execution}/logs?limit=1",
        "Log search completed successfully.",
    ),
]


@pytest.mark.parametrize("row", MESSAGES, ids=str)
def test_messages(scene: Scene, row: Row) -> None:
    scene.check(Row(**{**vars(row), "status": 200}))


def test_a_search_by_an_alias_finds_nothing(scene: Scene) -> None:
    assert scene.ada.ok("GET", f"{API}/walker/executions?limit=5")["search"] == []


ACCOUNTING = "Invalid actor execution description: "


@pytest.mark.parametrize(
    "row",
    [
        post(
            "POST without runtime",
            "/{actor}/executions",
            {},
            f"{ACCOUNTING}{ {'runtime': 'Runtime, in milliseconds, of the execution.'} }",
        ),
        post(
            "POST of no number (500 in the reference)",
            "/{actor}/executions",
            {"runtime": "x", "cpu": 1, "io": 1},
            "Argument runtime must be an integer.",
        ),
        get(
            "unknown execution",
            "/{actor}/executions/none",
            "No executions found with actor id of {actor} and execution id of none.",
        ),
        delete(
            "halt of one that has ended",
            "/{actor}/executions/{execution}",
            "Cannot force quit an execution not in RUNNING status. "
            "Execution was found in status: COMPLETE",
        ),
    ],
    ids=str,
)
def test_errors(scene: Scene, row: Row) -> None:
    scene.check(row)


def test_a_post_of_an_execution_records_it(scene: Scene) -> None:
    """In the reference it cannot succeed."""
    actor = scene.actor(image="none:at-all")
    scene.ada.ok("POST", f"{API}/{actor}/executions", {"runtime": 2000, "cpu": 5, "io": 6})
    found = scene.ada.ok("GET", f"{API}/{actor}/executions")
    assert (found["totalExecutions"], found["executions"][0]["status"]) == (1, "COMPLETE")


def test_halt_of_one_that_waits(scene: Scene) -> None:
    actor = scene.actor(image="none:at-all")
    execution = scene.send(actor)["executionId"]
    text = (
        "Cannot force quit an execution not in RUNNING status. "
        "Execution was found in status: SUBMITTED"
    )
    scene.check(delete("waits", f"/{actor}/executions/{execution}", text))


def running(scene: Scene, actor: str, order: str) -> tuple[str, str]:
    """An execution that is running: its id and its path."""
    execution = scene.send(actor, None, f"?DO={order.replace(' ', '%20')}")["executionId"]
    path = f"{API}/{actor}/executions/{execution}"
    scene.until(lambda: scene.ada.ok("GET", path)["status"] == "RUNNING")
    return execution, path


def test_halt(scene: Scene) -> None:
    """At once with TERM; the worker stays, and the actor's next message runs."""
    actor = scene.actor()
    execution, path = running(scene, actor, "sleep 600")
    scene.until(lambda: scene.ada.ok("GET", f"{path}/logs")["logs"] == "asleep\n")
    answer = scene.ada("DELETE", path)
    assert answer.message == f"Issued force quit command for execution {execution}."
    assert answer.result is None
    ended = scene.ended(actor, execution)
    assert ended.record["status"] == "COMPLETE"
    assert ended.record["exitCode"] != 0
    assert scene.run(actor).record["status"] == "COMPLETE"


@pytest.fixture(scope="module")
def said(scene: Scene) -> Run:
    return scene.run(scene.names["actor"], None, "?DO=bytes")


def test_stdout_and_stderr_together_and_bytes_that_are_not_utf8(said: Run) -> None:
    assert sorted(said.log.splitlines()) == ["err", "out", "\ufffd"]


def test_the_answer_of_logs(scene: Scene, said: Run) -> None:
    links = scene.ada.ok("GET", f"{said.path}/logs")["_links"]
    assert links == {
        "self": f"{scene.url}{said.path}/logs",
        "owner": f"{scene.url}/profiles/v2/{scene.names['owner']}",
        "execution": f"{scene.url}{said.path}",
    }


def test_a_log_before_anything_is_there(scene: Scene) -> None:
    actor = scene.actor(image="none:at-all")
    execution = scene.send(actor)["executionId"]
    assert scene.ada.ok("GET", f"{API}/{actor}/executions/{execution}/logs")["logs"] == ""


def test_a_log_that_is_too_long_is_cut(scene: Scene) -> None:
    log = scene.run(scene.names["actor"], None, "?DO=much%201000100").log
    assert log == "x" * 1_000_000 + " LOG LIMIT EXCEEDED; this execution log was TRUNCATED!"


def test_a_log_expires_by_log_ex(scene: Scene) -> None:
    actor = scene.actor(logEx=1)
    run = scene.run(actor, None, "?DO=much%203")
    scene.until(lambda: scene.ada.ok("GET", f"{run.path}/logs")["logs"] == "")


def test_results_are_popped_oldest_first_and_then_there_is_an_empty_body(scene: Scene) -> None:
    run = scene.run(scene.names["actor"], None, "?DO=results")
    popped = [scene.ada("GET", f"{run.path}/results") for _ in range(5)]
    assert {(one.status, one.headers["Content-Type"]) for one in popped} == {(200, BINARY)}
    assert [one.body for one in popped] == [b"one", b"two", b"", b"", b""]


def test_results_of_an_execution_that_is_not_there(scene: Scene) -> None:
    answer = scene.ada("GET", scene.filled(API + "/{actor}/executions/none/results"))
    assert (answer.status, answer.body) == (200, b"")


def test_results_while_it_runs_and_with_read_alone(scene: Scene) -> None:
    actor = scene.actor()
    scene.ada.ok("POST", f"{API}/{actor}/permissions", {"user": "eve", "level": "READ"})
    _, path = running(scene, actor, "answer 600")
    assert scene.until(lambda: scene.eve("GET", f"{path}/results").body) == b"early"
    scene.ada.ok("DELETE", path)
