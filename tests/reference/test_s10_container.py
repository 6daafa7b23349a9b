"""Section 10: what a container finds."""

import ast

import pytest
from walking import API, BINARY, Run, Scene, containers

ABSENT = object()


@pytest.fixture(scope="module")
def actor(scene: Scene) -> str:
    """A stateful actor with a name, a config, a secret and an environment of its own."""
    actor = scene.actor(
        name="seen",
        stateless=False,
        defaultEnvironment={"T": True, "N": 5, "D": {"a": [1, None]}, "NULL": None, "F": "x"},
    )
    scene.ada.ok("POST", f"{API}/{actor}/state", {"x": [1, None, True]})
    for name, secret in (("plain", False), ("sealed", True)):
        body = {"name": name, "value": name, "isSecret": secret, "actors": actor}
        scene.ada.ok("POST", f"{API}/configs", body)
    return actor


@pytest.fixture(scope="module")
def run(scene: Scene, actor: str) -> Run:
    return scene.run(actor, {"a": 1}, "?F=query&_abaco_username=forged")


def expected(scene: Scene, actor: str, run: Run) -> dict[str, object]:
    return {
        "MSG": "{'a': 1}",
        "_abaco_actor_id": actor,
        "_abaco_actor_dbid": f"DEV_{actor}",
        "_abaco_actor_name": "seen",
        "_abaco_actor_state": "{'x': [1, None, True]}",
        "_abaco_actor_revision": "1",
        "_abaco_container_repo": scene.names["image"],
        "_abaco_worker_id": run.record["workerId"],
        "_abaco_execution_id": run.record["id"],
        "_abaco_username": scene.names["owner"],
        "_abaco_Content_Type": "application/json",
        "_abaco_Content-Type": "application/json",
        "Time_msg_queued": ABSENT,
        "T": "True",
        "N": "5",
        "D": "{'a': [1, None]}",
        "NULL": ABSENT,
        "F": "query",
    }


VARIABLES = [
    *("MSG", "_abaco_actor_id", "_abaco_actor_dbid", "_abaco_actor_name", "_abaco_actor_state"),
    *("_abaco_actor_revision", "_abaco_container_repo", "_abaco_worker_id"),
    *("_abaco_execution_id", "_abaco_username", "_abaco_Content_Type", "_abaco_Content-Type"),
    *("Time_msg_queued", "T", "N", "D", "NULL", "F"),
]


@pytest.mark.parametrize("name", VARIABLES)
def test_variables(scene: Scene, actor: str, run: Run, name: str) -> None:
    assert run.seen["env"].get(name, ABSENT) == expected(scene, actor, run)[name]


def test_api_server_has_no_path_of_the_api(run: Run) -> None:
    found = run.seen["env"]["_abaco_api_server"]
    assert found.startswith("http://")
    assert "/actors" not in found


def test_access_token(scene: Scene, run: Run) -> None:
    """Given by default, so that agavepy's get_client finds one; empty when `token` is off."""
    assert run.seen["env"]["_abaco_access_token"]
    off = scene.run(scene.actor(token=False)).seen["env"]
    assert off["_abaco_access_token"] == ""


def test_configs_are_python_text_with_secrets_in_clear(run: Run) -> None:
    found = ast.literal_eval(run.seen["env"]["_actor_configs"])
    assert found == {"plain": "plain", "sealed": "sealed"}


def test_a_config_of_an_actor_whose_id_is_only_part_of_the_text(scene: Scene, actor: str) -> None:
    """In the reference a substring is enough."""
    other = scene.actor(image="x")
    body = {"name": "other", "value": "v", "isSecret": False, "actors": other}
    scene.ada.ok("POST", f"{API}/configs", body)
    alias = {"alias": other[:5], "actorId": actor}
    scene.ada.ok("POST", f"{API}/aliases", alias)
    found = ast.literal_eval(scene.run(actor).seen["env"]["_actor_configs"])
    assert "other" not in found


def test_an_actor_without_a_name(scene: Scene) -> None:
    env = scene.run(scene.names["actor"]).seen["env"]
    assert (env["_abaco_actor_name"], env["_abaco_actor_state"]) == ("None", "{}")


def test_the_socket_of_results(run: Run) -> None:
    assert run.seen["socket"] == "0o777"


def test_binary_data_is_whole_and_has_an_end(scene: Scene) -> None:
    """More than a pipe holds, which in the reference blocks the worker for ever."""
    run = scene.run(scene.names["actor"], b"x" * 300_000, kind=BINARY)
    assert run.seen["binary"][0] == 300_000
    assert "MSG" not in run.seen["env"]


def test_the_user_is_the_images(run: Run) -> None:
    assert run.seen["user"] == [0, 0]


def test_a_mount_is_there_and_ro_means_read_only(run: Run) -> None:
    assert run.seen["mount"] is True
    assert run.seen["wrote"] == "Read-only file system"


def test_limits_of_the_actor_are_the_engines(scene: Scene) -> None:
    actor = scene.actor(memLimit="100m", maxCpus=5 * 10**8)
    execution = scene.send(actor, None, "?DO=sleep%2060")["executionId"]
    path = f"{API}/{actor}/executions/{execution}"
    scene.until(lambda: scene.ada.ok("GET", f"{path}/logs")["logs"] == "asleep\n")
    (found,) = containers(f"abaco.execution={execution}")
    assert found["HostConfig"]["Memory"] == 100 * 1024**2
    assert found["HostConfig"]["NanoCpus"] == 5 * 10**8
    assert found["HostConfig"]["NetworkMode"] in ("bridge", "default")
    scene.ada.ok("DELETE", path)
    scene.ended(actor, execution)
    scene.until(lambda: not containers(f"abaco.execution={execution}"))
