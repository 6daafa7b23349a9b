"""Synchronous messages (section 7): a result at once, else the log at the end."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from test_envelope import is_failure
from tornado.simple_httpclient import HTTPTimeoutError

from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server import queue
from abaco_server.events.stream import Ended, LogAdded, ResultAdded, StatusChanged, execution_topic
from abaco_server.store import executions, logs, results

pytestmark = pytest.mark.asyncio

TOO_LONG = "Cannot issue synchronous execution when actor message queue > 0."


class Run:
    """Somebody waits for the one execution of an actor; the test plays its worker."""

    def __init__(self, place, actor_id: str) -> None:
        self.place, self.actor_id = place, actor_id
        self.execution_id = ""

    def write(self, work):
        return self.place.service.desk.store.write(work)

    def tell(self, item: object) -> None:
        self.place.hub.publish(execution_topic(self.execution_id), item)

    async def begun(self) -> None:
        """The sender is waiting."""
        while not self.place.hub._listeners:
            await asyncio.sleep(0.005)
        (topic,) = self.place.hub._listeners
        self.execution_id = topic.removeprefix("execution:")

    async def result(self, body: bytes) -> None:
        until = self.place.clock.now() + timedelta(hours=1)
        await self.write(lambda conn: results.add(conn, self.execution_id, str(body), body, until))
        self.tell(ResultAdded())

    async def start(self) -> None:
        at = self.place.clock.now()
        await self.write(lambda conn: executions.start(conn, self.execution_id, at))
        self.tell(StatusChanged(status="RUNNING"))

    async def end(self, status: ExecutionStatus, log: str) -> None:
        until = self.place.clock.now() + timedelta(hours=1)

        def record(conn) -> None:
            logs.put(conn, self.execution_id, self.actor_id, log, until)
            executions.end(conn, self.execution_id, status=status, finish_time=until)

        await self.write(record)
        self.tell(Ended(status=status))


@asynccontextmanager
async def sent(place, query: str = "_abaco_synchronous=true", **options):
    """A run and the answer that its sender waits for."""
    run = Run(place, await place.actor())
    path = f"/actors/v2/{run.actor_id}/messages?{query}"
    waiting = asyncio.ensure_future(place.api("POST", path, {"message": "m"}, **options))
    await run.begun()
    yield run, waiting
    await asyncio.wait([waiting])
    assert not place.hub._listeners


@pytest.mark.parametrize("value", ["true", "True", "TRUE"])
@pytest.mark.parametrize("body", [b"\x00the result", b""])
async def test_a_result_is_answered_at_once(place, value, body) -> None:
    async with sent(place, f"_abaco_synchronous={value}") as (run, waiting):
        await run.start()
        run.tell(LogAdded(offset=0, text="not yet\n"))
        await run.result(body)
        answer = await waiting
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    # It has been taken: the execution runs on without it.
    path = f"/actors/v2/{run.actor_id}/executions/{run.execution_id}"
    assert (await place.api("GET", f"{path}/results")).body == b""
    assert (await place.api("GET", path)).result["status"] == "RUNNING"


@pytest.mark.parametrize("status", [ExecutionStatus.COMPLETE, ExecutionStatus.ERROR])
async def test_without_a_result_the_log_is_answered_at_the_end(place, status) -> None:
    async with sent(place) as (run, waiting):
        if status is ExecutionStatus.COMPLETE:
            await run.start()
        await run.end(status, "à <b>log</b>\n")
        answer = await waiting
    assert (answer.status, answer.body.decode()) == (200, "à <b>log</b>\n")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_a_result_that_came_with_the_end_comes_before_the_log(place) -> None:
    async with sent(place) as (run, waiting):
        until = place.clock.now() + timedelta(hours=1)
        await run.write(lambda conn: results.add(conn, run.execution_id, "1", b"r", until))
        await run.start()
        await run.end(ExecutionStatus.COMPLETE, "log")
        assert (await waiting).body == b"r"


@pytest.mark.parametrize("value", ["false", "1", "yes", ""])
async def test_other_values_mean_asynchronous(place, value) -> None:
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}/messages?_abaco_synchronous={value}"
    answer = await place.api("POST", path, {"message": "m"})
    assert answer.message == "The request was successful"


async def test_behind_more_than_three_it_is_refused(place) -> None:
    actor_id = await place.actor()
    path = f"/actors/v2/{actor_id}/messages"
    for _ in range(4):
        await place.execution(actor_id)
    answer = await place.api("POST", f"{path}?_abaco_synchronous=true", {"message": "m"})
    is_failure(answer, 400, TOO_LONG)
    assert (await place.api("GET", path)).result["messages"] == 4
    # One of them is being worked on: three wait.
    now = place.clock.now()
    await place.service.desk.store.write(
        lambda conn: queue.lease(conn, actor_id, "w", now, timedelta(minutes=1), exclusive=False)
    )
    run = Run(place, actor_id)
    waiting = asyncio.ensure_future(
        place.api("POST", f"{path}?_abaco_synchronous=true", {"message": "m"})
    )
    await run.begun()
    await run.result(b"r")
    assert (await waiting).body == b"r"


async def test_who_may_not_send_is_told_that(place) -> None:
    actor_id = await place.actor()
    for _ in range(4):
        await place.execution(actor_id)
    path = f"/actors/v2/{actor_id}/messages?_abaco_synchronous=true"
    answer = await place.as_user("bob")("POST", path, {"message": "m"})
    is_failure(answer, 400, "Not authorized -- you do not have access to this actor.")


@pytest.mark.parametrize("path", ["", "/messages"])
async def test_a_message_that_will_never_run_ends_the_wait(place, path) -> None:
    """A purge, and a DELETE of the actor."""
    async with sent(place) as (run, waiting):
        await place.api("DELETE", f"/actors/v2/{run.actor_id}{path}")
        answer = await asyncio.wait_for(waiting, 5)
    if path:
        assert (answer.status, answer.body) == (200, b"")
    else:
        is_failure(answer, 404, f"No actor found with id: {run.actor_id}.")


async def test_a_sender_who_leaves_waits_no_longer(place) -> None:
    async with sent(place, request_timeout=0.3) as (run, waiting):
        with pytest.raises(HTTPTimeoutError):
            await waiting
        while place.hub._listeners:
            await asyncio.sleep(0.005)
        await run.result(b"r")
        path = f"/actors/v2/{run.actor_id}/executions/{run.execution_id}/results"
        assert (await place.api("GET", path)).body == b"r"


async def test_by_a_nonce(place) -> None:
    actor_id = await place.actor()
    made = await place.api("POST", f"/actors/v2/{actor_id}/nonces")
    path = f"/actors/v2/{actor_id}/messages?_abaco_synchronous=true&x-nonce={made.result['id']}"
    waiting = asyncio.ensure_future(place.api("POST", path, {"message": "m"}, token=None))
    run = Run(place, actor_id)
    await run.begun()
    await run.result(b"r")
    assert (await waiting).body == b"r"
    shown = await place.api("GET", f"/actors/v2/{actor_id}/nonces/{made.result['id']}")
    assert shown.result["currentUses"] == 1
