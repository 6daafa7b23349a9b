"""From a leased message to a Task."""

from ast import literal_eval
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from abaco_jupyter.wire.codes import ActorStatus, ContentType
from abaco_server.model.actor import Actor
from abaco_server.model.message import Lease, Message
from abaco_server.workers.context import TalkBack, task_for

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LEASE = Lease(
    message=Message(
        execution_id="e", actor_id="a", content_type=ContentType.TEXT, body=b"hi", executor="me"
    ),
    worker_id="w",
    until=NOW,
    attempt=1,
)


def actor(**fields: object) -> Actor:
    values = {
        "id": "a",
        "tenant": "T",
        "owner": "me",
        "api_server": "http://here",
        "image": "image",
        "status": ActorStatus.READY,
        "create_time": NOW,
        "last_update_time": NOW,
    }
    return Actor(**{**values, **fields})


@pytest.mark.parametrize("asked", [None, 0, -1])
def test_an_actor_that_asks_for_no_limit_gets_the_installations(asked: int | None) -> None:
    limit = "-1" if asked else None
    task = task_for(
        actor(max_cpus=asked, mem_limit=limit),
        LEASE,
        b"hi",
        default_memory=5,
        default_nano_cpus=7,
    )
    assert (task.memory, task.nano_cpus) == (5, 7)


def test_the_actors_own_limits_win() -> None:
    task = task_for(
        actor(max_cpus=10**9, mem_limit="200m"), LEASE, b"hi", default_memory=5, default_nano_cpus=7
    )
    assert (task.memory, task.nano_cpus) == (200 * 1024**2, 10**9)


def test_configs_are_python_text_and_no_sender_can_forge_them() -> None:
    forged = {"_actor_configs": "{'forged': '1'}"}
    given = actor(default_environment=forged)
    configs = {"a": "it's", "b": '{"c": null}'}
    environment = task_for(given, LEASE, b"hi", configs=configs).environment
    assert literal_eval(environment["_actor_configs"]) == configs
    assert task_for(given, LEASE, b"hi").environment["_actor_configs"] == "{}"


def test_an_execution_is_told_where_and_by_what_token_it_talks_back() -> None:
    talk_back = TalkBack(
        api_server="http://172.17.0.1:5000", token=lambda actor, run: f"{actor.id} {run}"
    )
    told = task_for(actor(), LEASE, b"hi", talk_back=talk_back).environment
    assert told["_abaco_api_server"] == "http://172.17.0.1:5000"
    assert told["_abaco_access_token"] == "a e"


def test_without_a_port_of_its_own_it_is_told_the_actors_address() -> None:
    told = task_for(actor(), LEASE, b"hi").environment
    assert told["_abaco_api_server"] == "http://here"
    assert told["_abaco_access_token"] == ""


def test_what_the_service_says_cannot_be_said_by_a_message() -> None:
    given = actor(default_environment={"_abaco_api_server": "http://evil", "A": "1"})
    told = task_for(given, LEASE, b"hi", talk_back=TalkBack(api_server="http://x")).environment
    assert (told["_abaco_api_server"], told["A"]) == ("http://x", "1")


def test_the_whole_environment() -> None:
    """Section 10, but for what others test: cron, events, tokens."""
    given = actor(
        default_environment={
            "KEPT": {"a": [1, None]},
            "T": True,
            "GONE": None,
            "QUERY": "default",
            "_abaco_actor_id": "forged",
        },
        state={"x": [1, None, True]},
        revision=3,
    )
    message = replace(LEASE.message, environment={"QUERY": "asked", "_abaco_worker_id": "forged"})
    task = task_for(given, replace(LEASE, message=message), b"hi")
    assert task.text == "hi"
    assert task.environment == {
        "KEPT": "{'a': [1, None]}",
        "T": "True",
        "QUERY": "asked",
        "_abaco_actor_id": "a",
        "_abaco_actor_dbid": "T_a",
        "_abaco_actor_name": "None",
        "_abaco_actor_state": "{'x': [1, None, True]}",
        "_abaco_actor_revision": "3",
        "_abaco_container_repo": "image",
        "_abaco_worker_id": "w",
        "_abaco_execution_id": "e",
        "_abaco_username": "me",
        "_abaco_api_server": "http://here",
        "_abaco_access_token": "",
        "_abaco_Content_Type": "str",
        "_abaco_Content-Type": "str",
        "_actor_configs": "{}",
    }


@pytest.mark.parametrize(
    ("content_type", "body", "text", "binary"),
    [
        (
            ContentType.JSON,
            b'{"a": 1, "t": true, "n": null}',
            "{'a': 1, 't': True, 'n': None}",
            None,
        ),
        (ContentType.JSON, b'[1, "x"]', "[1, 'x']", None),
        (ContentType.TEXT, "é".encode(), "é", None),
        (ContentType.BINARY, b"\x00\xff", None, b"\x00\xff"),
    ],
)
def test_what_a_message_is_in_the_container(
    content_type: ContentType, body: bytes, text: str | None, binary: bytes | None
) -> None:
    message = replace(LEASE.message, content_type=content_type, body=body)
    task = task_for(actor(), replace(LEASE, message=message), body)
    assert (task.text, task.binary) == (text, binary)
    for name in ("_abaco_Content_Type", "_abaco_Content-Type"):
        assert task.environment[name] == content_type.value


@pytest.mark.parametrize(
    ("fields", "user"),
    [
        ({}, None),
        ({"uid": 0, "gid": 0}, "0:0"),
        ({"uid": 5, "gid": 7}, "5:7"),
        ({"uid": 5}, "5:5"),
        ({"uid": 5, "gid": 7, "use_container_uid": True}, None),
    ],
)
def test_as_whom_it_runs(fields: dict[str, object], user: str | None) -> None:
    assert task_for(actor(**fields), LEASE, b"hi").user == user
