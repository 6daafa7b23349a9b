"""Many messages in one request, taking them back, and the stream that tells of all of them."""

import asyncio
import json
from datetime import timedelta

import msgspec
import pytest
from test_streams import Viewer

from abaco_jupyter.wire import paths
from abaco_jupyter.wire.codes import CANCELLED, ContentType, ExecutionStatus
from abaco_jupyter.wire.limits import MAX_BATCH
from abaco_server import queue
from abaco_server.events.stream import MOVES, Moves
from abaco_server.store import executions

pytestmark = pytest.mark.asyncio

MSGPACK = {"Content-Type": "application/msgpack"}


async def sent(place, actor: str, messages: list) -> list[str]:
    body = msgspec.msgpack.encode(messages)
    answer = await place.api("POST", paths.batch(actor), body, headers=MSGPACK)
    assert answer.status == 200, answer.message
    return answer.result["executionIds"]


async def leased(place, actor: str):
    """The next message, as a worker takes it."""
    now = place.clock.now()
    return await place.service.desk.store.write(
        lambda conn: queue.lease(conn, actor, "w", now, timedelta(minutes=1), exclusive=False)
    )


async def test_each_message_is_an_execution_in_order(place) -> None:
    actor = await place.actor()
    large = b"\x00" * 100_000
    ids = await sent(place, actor, ["text", large, {"a": [1]}])
    assert await place.service.desk.store.read(lambda conn: queue.waiting(conn, actor)) == 3
    found = (await place.api("GET", paths.newest_executions(actor))).result["executions"]
    assert [one["id"] for one in found] == ids[::-1]
    kinds = []
    for _ in ids:
        lease = await leased(place, actor)
        body = lease.message.body
        kinds.append((lease.message.content_type, body if isinstance(body, bytes) else "a file"))
    assert kinds == [
        (ContentType.TEXT, b"text"),
        (ContentType.BINARY, "a file"),
        (ContentType.JSON, b'{"a": [1]}'),
    ]


async def test_a_batch_may_be_json(place) -> None:
    actor = await place.actor()
    answer = await place.api("POST", paths.batch(actor), ["a", {"b": 1}, None])
    assert (answer.status, len(answer.result["executionIds"])) == (200, 3)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ([], {}),
        ({"a": 1}, {}),
        (b"\xc1", MSGPACK),
        (b"\x91\xc7\x01\x05\x00", MSGPACK),
        (b"nonsense", {"Content-Type": "application/json"}),
        (["x"] * (MAX_BATCH + 1), {}),
    ],
)
async def test_what_is_no_batch_is_refused_whole(place, body, headers) -> None:
    actor = await place.actor()
    answer = await place.api("POST", paths.batch(actor), body, headers=headers)
    assert answer.status == 400
    assert "batch" in answer.message
    assert await place.service.desk.store.read(lambda conn: queue.waiting(conn, actor)) == 0


async def test_what_waits_can_be_taken_back(place) -> None:
    actor, other = await place.actor(), await place.actor()
    first, second, third = await sent(place, actor, ["1", "2", "3"])
    (foreign,) = await sent(place, other, ["4"])
    assert (await leased(place, actor)).message.execution_id == first
    wanted = {"executions": [first, third, foreign, "nobody"]}
    answer = await place.api("POST", paths.cancel(actor), wanted)
    assert answer.result == {"cancelled": [third]}
    asked = await place.api("POST", paths.newest_executions(actor), wanted)
    states = {one["id"]: (one["status"], one["reason"]) for one in asked.result["executions"]}
    assert states == {first: ("SUBMITTED", None), third: ("ERROR", CANCELLED)}
    assert (await leased(place, actor)).message.execution_id == second


@pytest.mark.parametrize("body", [{}, {"executions": "x"}, {"executions": [1]}, [], b"{"])
async def test_ids_that_are_none(place, body) -> None:
    actor = await place.actor()
    for path in (paths.cancel(actor), paths.newest_executions(actor)):
        answer = await place.api("POST", path, body, headers={"Content-Type": "application/json"})
        assert (answer.status, "execution ids" in answer.message) == (400, True)


async def test_the_stream_tells_of_this_actors_executions_only(place) -> None:
    actor, other = await place.actor(), await place.actor()
    (foreign,) = await sent(place, other, ["x"])
    viewer = Viewer(place, paths.actor_stream(actor))
    (opened,) = await viewer.until(1)
    assert (opened.event, opened.data) == ("open", {"actorId": actor})
    (mine,) = await sent(place, actor, ["y"])
    store = place.service.desk.store
    await store.write(lambda conn: executions.start(conn, mine, place.clock.now()))
    place.hub.publish(MOVES, foreign)
    place.hub.publish(MOVES, mine)
    frames = await viewer.until(2)
    assert (frames[1].event, frames[1].data["id"]) == ("status", mine)
    await store.write(
        lambda conn: executions.end(
            conn,
            mine,
            status=ExecutionStatus.COMPLETE,
            finish_time=place.clock.now(),
            exit_code=1,
            exception={"type": "ValueError"},
        )
    )
    place.hub.publish(MOVES, mine)
    frames = await viewer.until(3)
    assert frames[2].event == "ended"
    assert frames[2].data["exception"] == {"type": "ValueError"}
    assert json.loads(json.dumps(frames[2].data))["exitCode"] == 1
    await place.api("DELETE", paths.actor(actor))
    place.hub.publish(MOVES, mine)
    await asyncio.wait_for(viewer.task, 10)  # it ends with its actor


async def test_a_stream_of_an_actor_that_is_not_there(place) -> None:
    answer = await place.api("GET", paths.actor_stream("Nobody1234567"))
    assert answer.status == 404


async def test_a_slow_listener_is_told_once_that_it_missed_some() -> None:
    moves = Moves(room=3)
    for execution_id in ("a", "b", "a", "c"):
        moves.put(execution_id)
    assert await moves.next(2) == ["a", "b"]
    moves.put("d")
    moves.put("e")
    moves.put("f")
    assert await moves.next(9) is None
    moves.put("g")
    assert await moves.next(9) == ["g"]
    moves.close()
    assert await moves.next(9) == []
