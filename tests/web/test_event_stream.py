"""The stream of everything: what is, what changes, and for whom."""

import asyncio
from collections import Counter

import pytest
from test_streams import Frame, Viewer

from abaco_jupyter.wire import paths
from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server.events.news import News
from abaco_server.model.execution import Finished
from abaco_server.store import executions
from abaco_server.web import event_stream

pytestmark = pytest.mark.asyncio

EVENTS = paths.events()


class Looker(Viewer):
    """A client of the stream of everything, as somebody."""

    def __init__(self, place, query: str = "", who: str = "", **headers: str) -> None:
        asking = type("Asking", (), {"api": place.as_user(who) if who else place.api})()
        super().__init__(asking, EVENTS + query, **headers)

    async def told(self, what) -> Frame:
        """The first frame for which `what` is true."""
        async with asyncio.timeout(60):
            while not (found := [frame for frame in self.frames if what(frame)]):
                assert not self.task.done(), self.task.result()
                self.more.clear()
                await self.more.wait()
        return found[0]

    async def actor(self, what) -> dict:
        """An actor of which `what` becomes true."""

        def among(frame: Frame) -> list[dict]:
            return [one for one in frame.data.get("actors", ()) if what(one)]

        return among(await self.told(among))[0]

    async def execution(self, what) -> dict:
        def among(frame: Frame) -> list[dict]:
            return [one for one in frame.data.get("executions", ()) if what(one)]

        return among(await self.told(among))[0]

    def leave(self) -> None:
        self.left = True


@pytest.fixture
def look(place):
    """Opens streams, and leaves them when the test is over."""
    opened: list[Looker] = []

    def look(query: str = "", who: str = "", **headers: str) -> Looker:
        opened.append(Looker(place, query, who, **headers))
        return opened[-1]

    yield look
    for looker in opened:
        looker.task.cancel()


async def end_of(place, actor_id: str, *ids: str) -> None:
    now = place.clock.now()

    def record(conn) -> None:
        for one in ids:
            executions.start(conn, one, now)
            executions.complete(conn, one, finish_time=now, exit_code=3, runtime=2)

    await place.service.desk.store.write(record)
    place.news.ended(
        actor_id,
        [Finished(id=one, status=ExecutionStatus.COMPLETE, exit_code=3) for one in ids],
    )


async def test_what_is_comes_first(place, look) -> None:
    actor_id = await place.actor(name="words")
    execution_id = await place.execution(actor_id)
    looker = look()
    (first, *_) = await looker.until(1)
    assert (first.event, first.data["why"]) == ("snapshot", "new")
    (actor,) = first.data["actors"]
    told = {key: actor[key] for key in ("id", "name", "waiting", "inHand", "totalExecutions")}
    assert told == {
        "id": actor_id,
        "name": "words",
        "waiting": 1,
        "inHand": 0,
        "totalExecutions": 1,
    }
    (execution,) = first.data["executions"]
    assert (execution["id"], execution["status"]) == (execution_id, "SUBMITTED")


async def test_an_actor_from_its_making_to_its_end(place, look) -> None:
    looker = look()
    await looker.until(1)
    actor_id = await place.actor()
    await looker.actor(lambda one: one["id"] == actor_id)
    await place.api("PUT", f"/actors/v2/{actor_id}", {"image": "y"})
    await looker.actor(lambda one: (one["image"], one["revision"]) == ("y", 2))
    await place.api("DELETE", f"/actors/v2/{actor_id}")
    await looker.told(lambda frame: frame.data.get("gone") == [actor_id])


async def test_an_execution_from_submitted_to_its_figures(place, look) -> None:
    actor_id = await place.actor()
    looker = look(f"?actors={actor_id}")
    await looker.until(1)
    execution_id = await place.execution(actor_id)
    submitted = await looker.execution(lambda one: one["id"] == execution_id)
    assert submitted["status"] == "SUBMITTED"
    now = place.clock.now()
    await place.service.desk.store.write(lambda conn: executions.start(conn, execution_id, now))
    place.news.moved([execution_id])
    await looker.execution(lambda one: one["status"] == "RUNNING")
    await end_of(place, actor_id, execution_id)
    ended = await looker.execution(lambda one: one["status"] == "COMPLETE")
    assert (ended["exitCode"], ended["runtime"]) == (3, 2)
    counted = await looker.told(lambda frame: frame.data.get("ends"))
    assert counted.data["ends"] == {actor_id: {"FAILED": 1}}


async def test_many_ends_are_counted_and_some_are_named(place, look) -> None:
    actor_id = await place.actor()
    batch = await place.api("POST", paths.batch(actor_id), ["m"] * 300)
    ids = batch.result["executionIds"]
    looker = look()
    await looker.until(1)
    await end_of(place, actor_id, *ids)
    await looker.told(
        lambda _: sum((Counter(f.data.get("ends", {}).get(actor_id)) for f in looker.frames),
                      Counter()) == {"FAILED": 300}
    )  # fmt: skip
    frame = next(f for f in looker.frames if f.data.get("ends"))
    assert len(frame.data["executions"]) <= 200


async def test_updates_wait_for_one_another(place, look, monkeypatch) -> None:
    """However much happens, it is told in frames of a tenth of a second."""
    monkeypatch.setattr(event_stream, "TICK", 60.0)
    actor_id = await place.actor()
    looker = look()
    await looker.until(1)
    await place.execution(actor_id)
    await looker.until(2)
    for _ in range(20):
        await place.execution(actor_id)
    assert len(looker.frames) == 2


async def test_everybody_is_told_of_what_they_may_see(place, look) -> None:
    mine = await place.actor(name="mine")
    bob = look(who="bob")
    (first, *_) = await bob.until(1)
    assert first.data["actors"] == []
    await place.execution(mine)
    path = f"/actors/v2/{mine}/permissions"
    await place.api("POST", path, {"user": "bob", "level": "READ"})
    await bob.actor(lambda one: one["id"] == mine)
    await place.api("POST", path, {"user": "bob", "level": "NONE"})
    gone = await bob.told(lambda frame: frame.data.get("gone"))
    assert gone.data["gone"] == [mine]
    told = len(bob.frames)
    execution_id = await place.execution(mine)
    await place.api("POST", path, {"user": "bob", "level": "READ"})
    await bob.told(lambda frame: bob.frames.index(frame) >= told)
    assert not any(
        one["id"] == execution_id
        for frame in bob.frames[:told]
        for one in frame.data.get("executions", ())
    )


async def test_an_actor_that_one_may_not_read_is_refused_by_name(place) -> None:
    mine = await place.actor()
    answer = await place.as_user("bob")("GET", f"{EVENTS}?actors={mine}")
    assert (answer.status, "do not have access" in answer.message) == (400, True)
    answer = await place.api("GET", f"{EVENTS}?actors=nobody")
    assert answer.status == 404
    answer = await place.api("GET", f"{EVENTS}?actor={mine}")
    assert "Unknown parameter 'actor'" in answer.message
    answer = await place.api("GET", f"{EVENTS}?actors={','.join(map(str, range(101)))}")
    assert "101" in answer.message


async def test_who_comes_back_is_told_what_it_missed(place, look) -> None:
    actor_id = await place.actor()
    looker = look()
    (first, *_) = await looker.until(1)
    looker.leave()
    execution_id = await place.execution(actor_id)
    again = look(**{"Last-Event-ID": first.mark})
    await again.execution(lambda one: one["id"] == execution_id)
    assert [frame.event for frame in again.frames][:2] == ["resumed", "update"]


async def test_who_comes_back_to_another_life_gets_a_snapshot(place, look) -> None:
    looker = look()
    (first, *_) = await looker.until(1)
    place.change(news=News())
    again = look(**{"Last-Event-ID": first.mark})
    (frame, *_) = await again.until(1)
    assert (frame.event, frame.data["why"]) == ("snapshot", "missed")


async def test_silence_is_broken_by_a_heartbeat(place, look, monkeypatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT", 0.05)
    looker = look()
    async with asyncio.timeout(60):
        while looker.text.count(": still here") < 2:
            looker.more.clear()
            await looker.more.wait()


async def test_a_stream_ends_so_that_its_client_shows_itself_again(
    place, look, monkeypatch
) -> None:
    monkeypatch.setattr(event_stream, "LIFETIME", 0.0)
    frames = await look().end()
    assert [frame.event for frame in frames] == ["snapshot"]


async def test_there_is_nobody_left_who_reads(place, look, monkeypatch) -> None:
    monkeypatch.setattr(event_stream, "HEARTBEAT", 0.05)
    looker = look()
    await looker.until(1)
    assert len(place.news._readers) == 1
    looker.leave()
    async with asyncio.timeout(60):
        while place.news._readers:
            await asyncio.sleep(0.02)
