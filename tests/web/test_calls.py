"""The channel of calls: what is accepted is durable, what has ended is told, and nobody is hurt."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest
import pytest_asyncio
from channel_client import Channel
from tornado.httpclient import HTTPClientError
from tornado.websocket import WebSocketClosedError

from abaco_jupyter.wire import frames, ids, paths
from abaco_jupyter.wire.codes import CANCELLED, ContentType, ExecutionStatus, Level
from abaco_jupyter.wire.limits import KIB
from abaco_server import queue
from abaco_server.events.stream import BEGUN, finished_topic
from abaco_server.model.execution import Finished
from abaco_server.store import Store, executions, permissions, results
from abaco_server.web import calls as web_calls
from abaco_server.web.served import Web

pytestmark = pytest.mark.asyncio

COMPLETE = ExecutionStatus.COMPLETE


class Worker:
    """Ends executions as workers do."""

    def __init__(self, place, actor: str) -> None:
        self.place, self.actor = place, actor
        self.store: Store = place.service.desk.store

    async def lease(self):
        now = self.place.clock.now()
        return await self.store.write(
            lambda conn: queue.lease(
                conn, self.actor, "w", now, timedelta(minutes=1), exclusive=False
            )
        )

    async def start(self, execution_id: str) -> None:
        now = self.place.clock.now()
        await self.store.write(lambda conn: executions.start(conn, execution_id, now))
        self.place.hub.publish(BEGUN, execution_id)

    async def end(self, *execution_ids: str, result: bytes | None = None, **fields) -> None:
        """`result` is on record, and at hand when it is small."""
        now = self.place.clock.now()
        fields = {"exit_code": 0, **fields}

        def record(conn) -> None:
            for one in execution_ids:
                queue.ack(conn, one)
                executions.complete(conn, one, finish_time=now, **fields)
                if result is not None:
                    results.add(conn, one, "0", result, now + timedelta(hours=1))

        await self.store.write(record)
        self.tell(*execution_ids, exit_code=fields["exit_code"])

    def tell(self, *execution_ids: str, results=None, exit_code=0) -> None:
        told = [
            Finished(id=one, status=COMPLETE, exit_code=exit_code, results=results)
            for one in execution_ids
        ]
        self.place.hub.publish(finished_topic(self.actor), told)


@pytest_asyncio.fixture(autouse=True)
async def hang_up(place) -> AsyncIterator[None]:
    yield
    for channel in Channel.opened:
        await channel.hang_up()
    Channel.opened.clear()


@pytest_asyncio.fixture
async def actor(place) -> str:
    return await place.actor()


@pytest.fixture
def worker(place, actor: str) -> Worker:
    return Worker(place, actor)


async def test_accepted_calls_are_executions_that_wait(place, actor: str, worker: Worker) -> None:
    channel = await Channel.open(place, actor)
    sent = await channel.call(b"one", b"\x80two")
    listed = (await place.api("GET", f"/actors/v2/{actor}/executions")).result
    assert [one["id"] for one in listed["executions"]] == sent
    assert listed["totalExecutions"] == 2
    assert {one["status"] for one in listed["executions"]} == {"SUBMITTED"}
    first, second = await worker.lease(), await worker.lease()
    assert [first.message.body, second.message.body] == [b"one", b"\x80two"]
    assert first.message.content_type is ContentType.BINARY
    assert first.message.executor == "ada"
    assert place.calls.woken[-1] == actor


async def test_text_and_json_are_sent_as_such(place, actor: str, worker: Worker) -> None:
    channel = await Channel.open(place, actor)
    await channel.call("é".encode(), kind=ContentType.TEXT)
    lease = await worker.lease()
    assert (lease.message.content_type, lease.message.body) == (ContentType.TEXT, "é".encode())
    frame, _ = await channel.group(b"\xff", kind=ContentType.JSON)
    await channel.send(frame)
    refused = await channel.expect(frames.Refused)
    assert (refused.code, refused.offset) == ("invalid_request", 1)
    assert "UTF-8" in refused.message


async def test_options_are_those_of_a_batch(place, actor: str, worker: Worker) -> None:
    channel = await Channel.open(place, actor)
    first = ids.new_id()
    (sent,) = await channel.call(b"1", timeout=2.5, label="mine", retry_of=first)
    answer = await place.api("GET", f"{paths.newest_executions(actor)}?label=mine")
    (record,) = answer.result["executions"]
    assert (record["id"], record["label"], record["retryOf"]) == (sent, "mine", first)
    assert (await worker.lease()).message.environment == {"_abaco_timeout": "2.5"}
    frame, _ = await channel.group(b"1", timeout=-1.0)
    await channel.send(frame)
    assert "timeout must be" in (await channel.expect(frames.Refused)).message


async def test_ends_are_pushed_with_small_results_that_stay(
    place, actor: str, worker: Worker
) -> None:
    channel = await Channel.open(place, actor)
    first, second = await channel.call(b"1", b"2")
    await worker.start(first)
    assert (await channel.expect(frames.Began)).ids == [first]
    await worker.end(first, result=b"42")
    (ended,) = (await channel.expect(frames.Ended)).calls
    assert (ended.id, ended.status, ended.exit_code) == (first, COMPLETE, 0)
    assert (ended.results, ended.record) == ([b"42"], None)
    popped = await place.api("GET", f"/actors/v2/{actor}/executions/{first}/results")
    assert popped.body == b"42"
    # What is at hand is not read again.
    worker.tell(second, results=(b"at hand",))
    (ended,) = (await channel.expect(frames.Ended)).calls
    assert (ended.id, ended.results) == (second, [b"at hand"])


async def test_a_large_result_is_named_and_not_pushed(place, actor: str, worker: Worker) -> None:
    channel = await Channel.open(place, actor)
    (sent,) = await channel.call(b"1")
    await worker.start(sent)
    await worker.end(sent, result=b"x" * (65 * KIB))
    (ended,) = (await channel.expect(frames.Ended)).calls
    assert (ended.id, ended.results) == (sent, None)


async def test_what_did_not_end_well_comes_with_its_record(
    place, actor: str, worker: Worker
) -> None:
    channel = await Channel.open(place, actor)
    (sent,) = await channel.call(b"1")
    await worker.start(sent)
    raised = {"type": "ValueError", "message": "no"}
    await worker.end(sent, exit_code=1, exception=raised)
    (ended,) = (await channel.expect(frames.Ended)).calls
    assert (ended.exit_code, ended.record["exception"]) == (1, raised)
    assert ended.record["id"] == sent


async def test_a_group_that_is_sent_again_is_the_same_executions(
    place, actor: str, worker: Worker
) -> None:
    """The answer was lost with the connection; nobody knows whether the group was."""
    channel = await Channel.open(place, actor)
    frame, sent = await channel.group(b"1", b"2", b"3")
    await channel.send(frame)
    await channel.expect(frames.Accepted)
    await worker.start(sent[0])
    await worker.end(sent[0], result=b"r")
    await channel.hang_up()
    again = await Channel.open(place, actor, blocks=[channel.credit[0]])
    await again.send(frame)
    await again.expect(frames.Accepted)
    (ended,) = (await again.expect(frames.Ended)).calls
    assert (ended.id, ended.results) == (sent[0], [b"r"])
    listed = (await place.api("GET", f"/actors/v2/{actor}/executions")).result
    assert [one["id"] for one in listed["executions"]] == sent
    # A group that had never come is accepted on the old credit.
    never = frames.Calls(channel.credit[0].first, 3, [b"4"])
    await again.send(never)
    assert (await again.expect(frames.Accepted)).offset == 3


async def test_who_comes_back_is_told_what_was_missed(place, actor: str, worker: Worker) -> None:
    channel = await Channel.open(place, actor)
    ended, running, waiting = await channel.call(b"1", b"2", b"3")
    await channel.hang_up()
    await worker.start(ended)
    await worker.end(ended, result=b"r")
    await worker.start(running)
    again = await Channel.open(place, actor)
    nobody = ids.new_id()
    await again.send(frames.Await([ended, running, waiting, nobody]))
    assert (await again.expect(frames.Unknown)).ids == [nobody]
    assert (await again.expect(frames.Began)).ids == [running]
    assert [one.id for one in (await again.expect(frames.Ended)).calls] == [ended]
    await worker.end(running, result=b"")
    assert [one.id for one in (await again.expect(frames.Ended)).calls] == [running]


async def test_cancel_takes_back_what_waits(place, actor: str, worker: Worker) -> None:
    channel = await Channel.open(place, actor)
    running, waiting = await channel.call(b"1", b"2")
    await worker.lease()
    await worker.start(running)
    await channel.expect(frames.Began)
    await channel.send(frames.Cancel(7, [running, waiting]))
    told = [await channel.expect(object) for _ in range(2)]
    cancelled = next(one for one in told if isinstance(one, frames.Cancelled))
    assert (cancelled.number, cancelled.ids) == (7, [waiting])
    (ended,) = next(one for one in told if isinstance(one, frames.Ended)).calls
    assert (ended.id, ended.record["reason"]) == (waiting, CANCELLED)
    assert place.calls.halted == []
    await channel.send(frames.Cancel(8, [running], True))
    assert (await channel.expect(frames.Cancelled)).ids == []
    assert place.calls.halted == [running]


async def test_one_that_was_about_to_begin_is_halted_when_it_does(
    place, actor: str, worker: Worker
) -> None:
    channel = await Channel.open(place, actor)
    (sent,) = await channel.call(b"1")
    await worker.lease()
    await channel.send(frames.Cancel(1, [sent], True))
    assert (await channel.expect(frames.Cancelled)).ids == []
    assert place.calls.halted == []
    await worker.start(sent)
    await channel.expect(frames.Began)
    assert place.calls.halted == [sent]


async def test_the_log_on_request(place, actor: str, worker: Worker) -> None:
    channel = await Channel.open(place, actor)
    (sent,) = await channel.call(b"1")
    place.calls.logs[sent] = "so far\n"
    await channel.send(frames.AskLog(3, sent))
    assert await channel.expect(frames.Log) == frames.Log(3, "so far\n")
    await channel.send(frames.AskLog(4, ids.new_id()))
    assert (await channel.expect(frames.Log)).text is None


async def test_credit_is_given_as_calls_end(place, actor: str, worker: Worker) -> None:
    channel = await Channel.open(place, actor)
    sent: list[str] = []
    while len(sent) < frames.WINDOW:
        sent += await channel.call(*[b""] * frames.MAX_GROUP)
        del channel.credit[0]
        channel.used = 0
    assert channel.credit == []
    worker.tell(*sent[:1500], results=())
    heard = 0
    while not channel.credit:
        frame = await channel.next()
        heard += len(frame.calls) if isinstance(frame, frames.Ended) else 0
    assert heard >= frames.MAX_GROUP


GARBAGE = {
    "nothing": b"",
    "no msgpack": b"\xc1\xff",
    "no array": b"\x01",
    "no such frame": b"\x91\x63",
    "too short": b"\x92\x01\xa1a",
    "a text": "hello",
    "deeper than anything": b"\x91" * 100_000,
    "a server's frame": frames.encode(frames.Accepted("a", 0)),
    "a negative place": b"\x94\x01\xa1a\xff\x91\xc4\x00",
    "a group of nothing": b"\x94\x01\xa1a\x00\x90",
    "a second greeting": frames.encode(frames.Hello(frames.VERSION)),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_ends_its_own_connection_with_a_reason(
    place, actor: str, worker: Worker, garbage: bytes
) -> None:
    other, channel = await Channel.open(place, actor), await Channel.open(place, actor)
    (sent,) = await channel.call(b"1")
    await channel.send(garbage)
    code, reason = await channel.until_closed()
    assert code == frames.BAD_FRAME
    assert reason
    (another,) = await other.call(b"2")
    worker.tell(another, results=())
    assert [one.id for one in (await other.expect(frames.Ended)).calls] == [another]
    assert (await place.api("GET", f"/actors/v2/{actor}/executions/{sent}")).status == 200


async def test_who_does_not_greet_is_nobody(place, actor: str) -> None:
    channel = await Channel.connect(place, actor)
    await channel.send(frames.Await([]))
    assert (await channel.until_closed())[0] == frames.BAD_FRAME


async def test_a_frame_that_is_too_large(place, actor: str) -> None:
    channel = await Channel.open(place, actor)
    with suppress(WebSocketClosedError):
        await channel.send(b"x" * (frames.MAX_FRAME + 1))
    await channel.until_closed()
    assert await (await Channel.open(place, actor)).call(b"1")


async def test_a_call_that_should_go_by_reference(place, actor: str) -> None:
    channel = await Channel.open(place, actor)
    frame, _ = await channel.group(b"x" * (frames.MAX_CALL + 1))
    await channel.send(frame)
    refused = await channel.expect(frames.Refused)
    assert refused.code == "message_too_large"
    assert "payloads" in refused.message


async def test_ids_that_were_not_granted(place, actor: str) -> None:
    channel = await Channel.open(place, actor)
    frame, _ = await channel.group(b"1")
    stranger = await Channel.open(place, actor)
    await stranger.send(frame)
    assert (await stranger.until_closed())[0] == frames.NO_CREDIT
    beyond = frames.Calls(frame.block, frames.MAX_GROUP - 1, [b"1", b"2"])
    await channel.send(beyond)
    assert (await channel.until_closed())[0] == frames.NO_CREDIT
    forged = frames.Block(ids.new_id(), 5, channel.credit[0].seal)
    thief = await Channel.connect(place, actor)
    await thief.send(frames.Hello(frames.VERSION, blocks=[forged]))
    assert (await thief.until_closed())[0] == frames.NO_CREDIT


async def test_credit_is_good_for_its_actor_and_its_holder_only(place, actor: str) -> None:
    channel = await Channel.open(place, actor)
    await channel.group(b"1")
    held = frames.Hello(frames.VERSION, blocks=channel.credit)
    another = await Channel.connect(place, await place.actor())
    await another.send(held)
    assert (await another.until_closed())[0] == frames.NO_CREDIT
    bob = place.as_user("bob")
    store = place.service.desk.store
    await store.write(lambda conn: permissions.set(conn, actor, "bob", Level.EXECUTE))
    his = await Channel.connect(place, actor, token=bob.token)
    await his.send(held)
    assert (await his.until_closed())[0] == frames.NO_CREDIT


async def test_a_right_that_is_taken_away_ends_the_channel(
    place, actor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob, store = place.as_user("bob"), place.service.desk.store
    await store.write(lambda conn: permissions.set(conn, actor, "bob", Level.EXECUTE))
    sending = await Channel.connect(place, actor, token=bob.token)
    await sending.greet()
    await sending.call(b"1")
    monkeypatch.setattr(web_calls, "RIGHTS", 0.05)
    listening = await Channel.connect(place, actor, token=bob.token)
    await listening.greet()
    await store.write(lambda conn: permissions.set(conn, actor, "bob", Level.READ))
    frame, sent = await sending.group(b"2")
    await sending.send(frame)
    assert (await sending.until_closed())[0] == frames.NOT_AUTHORIZED
    assert (await place.api("GET", f"/actors/v2/{actor}/executions/{sent[0]}")).status == 400
    assert (await listening.until_closed())[0] == frames.NOT_AUTHORIZED


async def test_an_actor_that_is_deleted_ends_the_channel(place, actor: str) -> None:
    channel = await Channel.open(place, actor)
    await channel.call(b"1")
    assert (await place.api("DELETE", f"/actors/v2/{actor}")).status == 200
    frame, _ = await channel.group(b"2")
    await channel.send(frame)
    assert (await channel.until_closed())[0] == frames.NOT_FOUND


async def test_a_server_that_stops_says_so(place, actor: str) -> None:
    channel = await Channel.open(place, actor)
    await place.service.attendance.close()
    assert (await channel.until_closed())[0] == frames.STOPPING


async def test_calls_of_a_client_that_does_not_come_back(place, actor: str, worker: Worker) -> None:
    channel = await Channel.open(place, actor, name="me", cancel_after=0.0)
    running, waiting = await channel.call(b"1", b"2")
    await worker.lease()
    await worker.start(running)
    channel.drop()
    async with asyncio.timeout(60):
        while place.calls.halted != [running]:
            await asyncio.sleep(0.01)
    record = (await place.api("GET", f"/actors/v2/{actor}/executions/{waiting}")).result
    assert record["status"] == "ERROR"
    await worker.end(running)


async def test_calls_of_a_client_that_comes_back_or_says_goodbye_go_on(
    place, actor: str, worker: Worker
) -> None:
    channel = await Channel.open(place, actor, name="me", cancel_after=3600.0)
    (sent,) = await channel.call(b"1")
    channel.drop()
    again = await Channel.open(place, actor, name="me", cancel_after=0.0)
    await again.send(frames.Await([sent]))
    await again.send(frames.AskLog(1, sent))
    await again.expect(frames.Log)
    await again.hang_up()
    third = await Channel.open(place, actor)
    await third.send(frames.Await([sent]))
    await worker.start(sent)
    assert (await third.expect(frames.Began)).ids == [sent]
    assert place.calls.halted == []


async def refused(place, actor: str, **headers: str) -> HTTPClientError:
    with pytest.raises(HTTPClientError) as info:
        await Channel.connect(place, actor, **headers)
    return info.value


async def test_the_handshake_asks_what_a_message_asks(place, actor: str) -> None:
    for token in ("-", "wrong"):
        error = await refused(place, actor, token=token)
        assert (error.code, b"No JWT or nonce" in error.response.body) == (400, True)
    missing = await refused(place, ids.new_id())
    assert (missing.code, missing.response.headers["X-Abaco-Error"]) == (404, "actor_not_found")
    bob, store = place.as_user("bob"), place.service.desk.store
    await store.write(lambda conn: permissions.set(conn, actor, "bob", Level.READ))
    assert b"you do not have access" in (await refused(place, actor, token=bob.token)).response.body
    plain = await place.api("GET", paths.calls(actor))
    assert (plain.status, plain.json["status"]) == (400, "error")
    assert "WebSocket" in plain.message


async def test_a_nonce_opens_no_channel(place, actor: str) -> None:
    made = await place.api("POST", f"/actors/v2/{actor}/nonces", {})
    path = f"{paths.calls(actor)}?x-nonce={made.result['id']}"
    answer = await place.api(
        "GET", path, token=None, headers={"Upgrade": "websocket", "Connection": "Upgrade"}
    )
    assert (answer.status, "nonce" in answer.message) == (400, True)


async def test_a_server_that_is_not_ready_says_when_to_ask_again(place, actor: str) -> None:
    place.change(ready=False, service=None, hub=None)
    error = await refused(place, actor)
    assert (error.code, error.response.headers["Retry-After"]) == (503, "1")


async def test_a_server_that_only_forwards_names_the_other_way(place, actor: str) -> None:
    place.app.settings["abaco_web"] = Web(tenant="DEV", host=lambda: None)
    error = await refused(place, actor)
    assert (error.code, error.response.headers["X-Abaco-Error"]) == (404, "endpoint_not_found")
    assert b"messages/batch" in error.response.body
