"""What went wrong with channels of calls: ended for a cancel, given up for a moment's failure."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from channel_client import Channel

from abaco_jupyter.wire import frames, ids
from abaco_jupyter.wire.codes import ExecutionStatus, Level
from abaco_server import queue
from abaco_server.events.stream import BEGUN, finished_topic
from abaco_server.model.execution import Finished
from abaco_server.service import absence, channel
from abaco_server.service.calls import Calls, End
from abaco_server.store import DatabaseFailed, permissions

pytestmark = pytest.mark.asyncio

COMPLETE = ExecutionStatus.COMPLETE


@pytest_asyncio.fixture(autouse=True)
async def hang_up(place) -> AsyncIterator[None]:
    yield
    for one in Channel.opened:
        await one.hang_up()
    Channel.opened.clear()


@pytest.mark.parametrize("force", [False, True])
async def test_who_may_only_send_cancels_nothing_and_keeps_its_channel(place, force: bool) -> None:
    actor, bob, store = await place.actor(), place.as_user("bob"), place.service.desk.store
    await store.write(lambda conn: permissions.set(conn, actor, "bob", Level.EXECUTE))
    his = await Channel.connect(place, actor, token=bob.token)
    await his.greet()
    (sent,) = await his.call(b"1")
    await his.send(frames.Cancel(7, [sent], force=force))
    answer = await his.expect(frames.Cancelled)
    assert (answer.number, answer.ids) == (7, [])
    place.hub.publish(BEGUN, sent)
    assert (await his.expect(frames.Began)).ids == [sent]
    place.hub.publish(
        finished_topic(actor), [Finished(id=sent, status=COMPLETE, exit_code=0, results=())]
    )
    assert [one.id for one in (await his.expect(frames.Ended)).calls] == [sent]
    assert place.calls.halted == []
    now = place.clock.now()
    lease = await store.write(
        lambda conn: queue.lease(conn, actor, "w", now, timedelta(minutes=1), exclusive=False)
    )
    assert lease.message.execution_id == sent


async def test_the_store_fails_for_a_moment_while_a_lost_clients_calls_are_cancelled(
    place, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = await place.actor()
    cancel, asked = Calls.cancel, Counter[str]()

    async def at_first_not(self: Calls, *args: Any, **kwargs: Any) -> list[str]:
        asked["times"] += 1
        if asked["times"] == 1:
            raise DatabaseFailed("disk I/O error")
        return await cancel(self, *args, **kwargs)

    monkeypatch.setattr(absence, "AGAIN", 0.01)
    monkeypatch.setattr(Calls, "cancel", at_first_not)
    mine = await Channel.open(place, actor, name="me", cancel_after=0.0)
    (sent,) = await mine.call(b"1")
    mine.drop()
    path = f"/actors/v2/{actor}/executions/{sent}"
    async with asyncio.timeout(60):
        while (await place.api("GET", path)).result["status"] != "ERROR":
            await asyncio.sleep(0.01)
    assert asked["times"] == 2


class _Ended:
    """Of it all has ended."""

    async def look(self, principal: Any, actor_id: str, given: list[str]) -> list[Any]:
        return [SimpleNamespace(id=one, status=COMPLETE) for one in given]

    async def ends(self, principal: Any, actor_id: str, finished: list[Finished]) -> list[End]:
        return [End(finished=one) for one in finished]

    def grant(self, principal: Any, actor_id: str, count: int) -> frames.Block:
        return frames.Block(ids.new_id(), count, "seal")


async def test_what_is_asked_again_and_again_waits_once_to_be_told() -> None:
    ours = channel.Channel(_Ended(), None, "actor", lambda record: record)  # type: ignore[arg-type]
    await ours.answer(frames.Hello(frames.VERSION))
    asked = [f"id{number}" for number in range(300)]
    for _ in range(5):
        await ours.answer(frames.Await(asked))
    told: list[str] = []
    for _ in range(8):
        for frame in await ours.news():
            if isinstance(frame, frames.Ended):
                told += [one.id for one in frame.calls]
    assert told == asked
    await ours.answer(frames.Await(asked[:1]))
    (again,) = [one for one in await ours.news() if isinstance(one, frames.Ended)]
    assert [one.id for one in again.calls] == asked[:1]
