"""Events and clocks through a real server: a clock sends, an actor runs, another hears of it."""

import ast
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from live_server import LiveServer
from webhook_receiver import Receiver

SOURCE = """
import os

print(os.environ.get("MSG"))
print(sorted(name for name in os.environ if "abaco" in name.lower() or name == "Time_msg_queued"))
print(os.environ.get("_abaco_username"))
"""
SECRET = b"s3cret"


def _headers_and_body(headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
    return headers, body


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver(_headers_and_body)
    yield made
    made.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    options = (
        "--AbacoApp.runner=process",
        "--AbacoApp.allow_private_webhooks=True",
        f"--AbacoApp.webhook_secret={SECRET.decode()}",
    )
    with LiveServer(tmp_path, *options) as server:
        yield server


def test_a_clock_a_link_and_a_webhook(server: LiveServer, receiver: Receiver) -> None:
    build = server.api("POST", "abaco/v1/builds", {"source": SOURCE})
    server.request("GET", f"abaco/v1/builds/{build['id']}/stream", timeout=300)
    listener = server.api("POST", "actors/v2", {"image": build["image"]})["id"]
    source = server.api(
        "POST",
        "actors/v2",
        {
            "image": build["image"],
            "link": listener,
            "webhook": receiver.url,
            "cronSchedule": "now + 1 week",
        },
    )["id"]
    # The clock: one run, of which nobody is the sender.
    (run,) = _ended(server, source, 1)
    assert run["status"] == "COMPLETE", server.log[-3000:]
    message, names, username = _log(server, source, run)
    assert message == "This is your cron execution"
    assert username == "None"
    assert "Time_msg_queued" in names
    assert "_abaco_api_server" not in names
    # The link: the source's READY and COMPLETE, in this order, as Python text.
    heard = _ended(server, listener, 2)
    logs = [_log(server, listener, one) for one in heard]
    events = [ast.literal_eval(message) for message, _, _ in logs]
    assert sorted(event["event_type"] for event in events) == ["ACTOR_READY", "EXECUTION_COMPLETE"]
    (told,) = [event for event in events if event["event_type"] == "EXECUTION_COMPLETE"]
    assert (told["execution_id"], told["exit_code"]) == (run["id"], 0)
    assert {username for _, _, username in logs} == {"Abaco Event"}
    assert all("_abaco_actor_revision" not in names for _, names, _ in logs)
    # The webhook: the same events in order, signed.
    _until(lambda: len(receiver.heard) == 2)
    posted = [json.loads(body) for _, body in receiver.heard]
    assert [event["event_type"] for event in posted] == ["ACTOR_READY", "EXECUTION_COMPLETE"]
    assert posted[1]["_abaco_link"] == told["_abaco_link"] == f"JUPYTER_{listener}"
    for headers, body in receiver.heard:
        digest = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        assert headers["X-Abaco-Signature"] == f"sha256={digest}"
    path = f"abaco/v1/actors/{source}/deliveries"
    _until(lambda: {d["status"] for d in server.api("GET", path)["deliveries"]} == {"DELIVERED"})


def _ended(server: LiveServer, actor: str, count: int) -> list[dict[str, Any]]:
    """The actor's executions, oldest first, once there are so many and all have ended."""
    path = f"actors/v2/{actor}/executions"

    def all_of_them() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = server.api("GET", path)["executions"]
        return found

    _until(
        lambda: (
            len(all_of_them()) == count
            and all(one["status"] in ("COMPLETE", "ERROR") for one in all_of_them())
        )
    )
    return all_of_them()


def _log(server: LiveServer, actor: str, execution: dict[str, Any]) -> tuple[str, str, str]:
    path = f"actors/v2/{actor}/executions/{execution['id']}/logs"
    message, names, username = server.api("GET", path)["logs"].splitlines()
    return message, names, username


def _until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
