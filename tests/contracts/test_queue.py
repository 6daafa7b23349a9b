"""The queue's contract, on every database."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Connection
from store_kit import NOW, SECOND, FakeClock, a_message, an_actor, an_execution

from abaco_jupyter.wire.codes import ActorStatus, ContentType, ExecutionStatus
from abaco_server import queue
from abaco_server.model.execution import Execution
from abaco_server.model.message import Lease
from abaco_server.store import Store, actors, executions

pytestmark = pytest.mark.asyncio

MINUTE = 60 * SECOND


@dataclass
class Inbox:
    """The queue of one actor, seen through a store."""

    store: Store
    actor_id: str

    async def submit(self, **fields: object) -> str:
        execution = an_execution(self.actor_id)
        assert await queue.submit(self.store, execution, a_message(execution, **fields))  # type: ignore[arg-type]
        return execution.id

    async def lease(
        self, worker: str = "w", now: datetime = NOW, *, exclusive: bool = False
    ) -> Lease | None:
        def work(conn: Connection) -> Lease | None:
            return queue.lease(conn, self.actor_id, worker, now, MINUTE, exclusive=exclusive)

        return await self.store.write(work)

    async def leased_id(self, now: datetime = NOW, *, exclusive: bool = False) -> str | None:
        found = await self.lease(now=now, exclusive=exclusive)
        return None if found is None else found.message.execution_id

    async def give_back(
        self, execution_id: str, not_before: datetime | None = None, count_attempt: bool = True
    ) -> bool:
        return await self.store.write(
            lambda conn: queue.give_back(conn, execution_id, not_before, count_attempt)
        )

    async def do(self, function: Callable[..., object], *arguments: object) -> object:
        return await self.store.write(lambda conn: function(conn, *arguments))

    async def execution(self, execution_id: str) -> Execution:
        found = await self.store.read(
            lambda conn: executions.get(conn, self.actor_id, execution_id)
        )
        assert found is not None
        return found


@pytest_asyncio.fixture
async def inbox(store: Store) -> Inbox:
    actor = an_actor()
    await store.write(lambda conn: actors.insert(conn, actor))
    return Inbox(store, actor.id)


async def test_a_message_comes_back_as_it_was(inbox: Inbox) -> None:
    execution = an_execution(inbox.actor_id)
    message = a_message(
        execution,
        b"\x00\xff",
        content_type=ContentType.BINARY,
        environment={"a": [1, None]},
        executor="Abaco Event",
    )
    assert await queue.submit(inbox.store, execution, message)
    assert await inbox.execution(execution.id) == execution
    assert await inbox.lease() == Lease(
        message=message, worker_id="w", until=NOW + MINUTE, put_time=NOW, attempt=1
    )


async def test_messages_are_lent_in_the_order_they_came(inbox: Inbox) -> None:
    came = [await inbox.submit() for _ in range(5)]
    assert [await inbox.leased_id() for _ in range(6)] == [*came, None]


async def test_actors_do_not_see_each_others_messages(inbox: Inbox) -> None:
    await inbox.submit()
    assert await Inbox(inbox.store, "other").lease() is None


async def test_an_actor_that_is_gone_or_going_takes_no_messages(inbox: Inbox) -> None:
    execution = an_execution("nobody")
    assert not await queue.submit(inbox.store, execution, a_message(execution))
    await inbox.do(actors.set_status, inbox.actor_id, ActorStatus.SHUTTING_DOWN, None)
    execution = an_execution(inbox.actor_id)
    assert not await queue.submit(inbox.store, execution, a_message(execution))
    assert await inbox.store.read(lambda conn: executions.page(conn, inbox.actor_id)) == []
    assert await inbox.do(queue.waiting, inbox.actor_id) == 0


async def test_ack_removes_the_message_for_good(inbox: Inbox) -> None:
    only = await inbox.submit()
    await inbox.lease()
    assert await inbox.do(queue.ack, only)
    assert not await inbox.do(queue.ack, only)
    assert await inbox.do(queue.reap, NOW + 2 * MINUTE) == []
    assert await inbox.lease() is None


async def test_a_message_given_back_keeps_its_place_at_the_front(inbox: Inbox) -> None:
    first, second = await inbox.submit(), await inbox.submit()
    assert await inbox.leased_id() == first
    assert await inbox.give_back(first)
    assert not await inbox.give_back(first)
    assert await inbox.leased_id() == first
    assert await inbox.leased_id() == second


async def test_attempts_are_counted_unless_told_otherwise(inbox: Inbox) -> None:
    only = await inbox.submit()
    for expected, count_attempt in ((1, True), (2, False), (2, True), (3, True)):
        lease = await inbox.lease()
        assert lease is not None
        assert lease.attempt == expected
        await inbox.give_back(only, count_attempt=count_attempt)


async def test_giving_back_sets_a_running_execution_back(inbox: Inbox) -> None:
    only = await inbox.submit()
    await inbox.lease()
    await inbox.do(executions.set_worker, only, "w")
    await inbox.do(executions.start, only, NOW)
    await inbox.give_back(only)
    execution = await inbox.execution(only)
    assert execution.status is ExecutionStatus.SUBMITTED
    assert execution.start_time is None
    assert execution.worker_id is None


async def test_a_delayed_message_lets_others_pass_and_comes_when_it_is_due(inbox: Inbox) -> None:
    first, second = await inbox.submit(), await inbox.submit()
    await inbox.lease()
    await inbox.give_back(first, NOW + 5 * SECOND)
    assert await inbox.do(queue.next_due, inbox.actor_id, NOW) == NOW + 5 * SECOND
    assert await inbox.leased_id() == second
    assert await inbox.leased_id(NOW + 4 * SECOND) is None
    assert await inbox.leased_id(NOW + 5 * SECOND) == first
    assert await inbox.do(queue.next_due, inbox.actor_id, NOW) is None


async def test_a_stateful_actor_has_one_message_in_flight(inbox: Inbox) -> None:
    first, second = await inbox.submit(), await inbox.submit()
    assert await inbox.leased_id(exclusive=True) == first
    assert await inbox.leased_id(exclusive=True) is None
    await inbox.do(queue.ack, first)
    assert await inbox.leased_id(exclusive=True) == second


async def test_nothing_passes_the_delayed_message_of_a_stateful_actor(inbox: Inbox) -> None:
    first, _ = await inbox.submit(), await inbox.submit()
    await inbox.lease(exclusive=True)
    await inbox.give_back(first, NOW + 5 * SECOND)
    assert await inbox.lease(exclusive=True) is None
    assert await inbox.leased_id(NOW + 5 * SECOND, exclusive=True) == first


async def test_a_lease_that_ran_out_waits_again(inbox: Inbox) -> None:
    first, second, third = [await inbox.submit() for _ in range(3)]
    await inbox.lease(now=NOW)
    await inbox.lease(now=NOW)
    await inbox.lease(now=NOW + SECOND)
    await inbox.do(executions.start, second, NOW)
    assert await inbox.do(queue.reap, NOW + MINUTE) == [first, second]
    assert (await inbox.execution(second)).status is ExecutionStatus.SUBMITTED
    assert await inbox.do(queue.waiting, inbox.actor_id) == 2
    assert await inbox.do(queue.reap, NOW + MINUTE + SECOND) == [third]


async def test_an_extended_lease_does_not_run_out(inbox: Inbox) -> None:
    first, second = await inbox.submit(), await inbox.submit()
    await inbox.lease()
    until = NOW + 10 * MINUTE
    assert await inbox.do(queue.extend, [first, second, "unknown"], until) == 1
    assert await inbox.do(queue.extend, [], until) == 0
    assert await inbox.do(queue.reap, until - SECOND) == []
    assert await inbox.do(queue.reap, until) == [first]


async def test_what_is_on_loan_is_found_at_the_start(inbox: Inbox) -> None:
    for _ in range(3):
        await inbox.submit()
    lent = [await inbox.lease("w1"), await inbox.lease("w2")]
    assert await inbox.do(queue.leased) == lent


async def test_purge_takes_what_waits_and_leaves_what_is_on_loan(inbox: Inbox) -> None:
    lent, *waiting = [await inbox.submit() for _ in range(4)]
    await inbox.lease()
    assert await inbox.do(queue.waiting, inbox.actor_id) == 3
    assert await inbox.do(queue.purge, inbox.actor_id) == waiting
    assert await inbox.do(queue.waiting, inbox.actor_id) == 0
    assert await inbox.do(queue.ack, lent)


async def test_counting_stops_where_it_is_told(inbox: Inbox) -> None:
    for _ in range(4):
        await inbox.submit()
    for up_to, counted in ((None, 4), (9, 4), (4, 4), (3, 3), (0, 0)):
        found = await inbox.store.read(
            lambda conn, up_to=up_to: queue.waiting(conn, inbox.actor_id, up_to=up_to)
        )
        assert found == counted


async def test_delete_of_actor_takes_everything(inbox: Inbox) -> None:
    came = [await inbox.submit() for _ in range(3)]
    await inbox.lease()
    assert await inbox.do(queue.delete_of_actor, inbox.actor_id) == came
    assert await inbox.do(queue.leased) == []


async def test_actors_with_waiting_messages(inbox: Inbox) -> None:
    idle = an_actor()
    await inbox.do(actors.insert, idle)
    only = await inbox.submit()
    found = await inbox.store.read(actors.with_waiting)
    assert [actor.id for actor in found] == [inbox.actor_id]
    await inbox.lease()
    assert await inbox.store.read(actors.with_waiting) == []
    await inbox.give_back(only, NOW + MINUTE)
    assert len(await inbox.store.read(actors.with_waiting)) == 1


@pytest.mark.parametrize("exclusive", [False, True])
async def test_two_services_lend_each_message_once(
    inbox: Inbox, store_url: str, tmp_path: Path, clock: FakeClock, exclusive: bool
) -> None:
    other = Store.open(store_url, payload_dir=tmp_path / "payloads", clock=clock)
    here, there = inbox, Inbox(other, inbox.actor_id)
    came = [await here.submit() for _ in range(40)]
    lent: list[str] = []

    async def take(side: Inbox) -> None:
        while len(lent) < len(came):
            execution_id = await side.leased_id(exclusive=exclusive)
            if execution_id is None:
                await asyncio.sleep(0)
                continue
            lent.append(execution_id)
            await side.do(queue.ack, execution_id)

    await asyncio.gather(take(here), take(here), take(there), take(there))
    assert sorted(lent) == sorted(came)
    if exclusive:
        assert lent == came
    await other.close()


async def test_who_has_messages_waiting_is_told_once_each(store: Store) -> None:
    assert await store.read(queue.who_has_waiting) == []
    made = [an_actor() for _ in range(3)]
    for actor in made:
        await store.write(lambda conn, a=actor: actors.insert(conn, a))
    inboxes = [Inbox(store, actor.id) for actor in made]
    for inbox in (inboxes[0], inboxes[0], inboxes[1]):
        await inbox.submit()
    assert await store.read(queue.who_has_waiting) == sorted(actor.id for actor in made[:2])
    # What is on loan does not wait; what is given back does, due or not.
    taken = await inboxes[1].leased_id()
    assert taken is not None
    assert await store.read(queue.who_has_waiting) == [made[0].id]
    await inboxes[1].give_back(taken, NOW + MINUTE)
    assert len(await store.read(queue.who_has_waiting)) == 2


async def test_who_has_messages_waiting_is_asked_of_the_index(store: Store) -> None:
    statement = (
        "EXPLAIN QUERY PLAN SELECT min(actor_id) FROM messages"
        " WHERE worker_id IS NULL AND actor_id > 'a'"
    )

    def plan(conn: Connection) -> str | None:
        if conn.dialect.name == "postgresql":
            return None
        return " ".join(str(row) for row in conn.exec_driver_sql(statement))

    told = await store.read(plan)
    if told is None:
        pytest.skip("PostgreSQL scans an empty table, whatever its indexes")
    assert "messages_waiting" in told
    assert "SCAN" not in told
