"""Several messages on loan at once, and several ends in one transaction, on every database."""

from dataclasses import replace

import pytest
import pytest_asyncio
from sqlalchemy import Connection, text
from store_kit import NOW, SECOND, a_message, an_actor, an_execution

from abaco_jupyter.wire.codes import EventType, ExecutionStatus, WorkerStatus
from abaco_server import queue
from abaco_server.model.execution import Totals
from abaco_server.model.message import Lease
from abaco_server.model.task import Outcome
from abaco_server.model.worker import Worker
from abaco_server.outcomes.record import End, finish_some
from abaco_server.store import Store, actors, executions, logs, outbox, results, workers

pytestmark = pytest.mark.asyncio

ACTOR = an_actor()
OUTCOME = Outcome(
    exit_code=0,
    start_time=NOW + SECOND,
    finish_time=NOW + 3.5 * SECOND,
    final_state={"ExitCode": 0},
    cpu=10,
    io=1,
)
LATER = NOW + 4 * SECOND


@pytest_asyncio.fixture
async def sent(store: Store) -> list[str]:
    """Seven messages that wait, oldest first."""
    await store.write(lambda conn: actors.insert(conn, ACTOR))
    made = [an_execution(ACTOR.id) for _ in range(7)]
    for execution in made:
        assert await queue.submit(store, execution, a_message(execution))
    return [execution.id for execution in made]


async def lent(store: Store, at_most: int, *, worker: str = "w") -> list[str]:
    found = await store.write(
        lambda conn: queue.lease_some(conn, ACTOR.id, worker, NOW, 60 * SECOND, at_most=at_most)
    )
    assert {(lease.worker_id, lease.attempt) for lease in found} <= {(worker, 1)}
    return [lease.message.execution_id for lease in found]


async def test_the_oldest_are_lent_in_order_and_once(store: Store, sent: list[str]) -> None:
    assert await lent(store, 3) == sent[:3]
    assert await lent(store, 100, worker="v") == sent[3:]
    assert await lent(store, 1) == []
    await store.write(lambda conn: queue.give_back(conn, sent[1], None))
    await store.write(lambda conn: queue.give_back(conn, sent[4], NOW + SECOND))
    found = await store.write(
        lambda conn: queue.lease_some(conn, ACTOR.id, "u", NOW, 60 * SECOND, at_most=5)
    )
    # What was given back keeps its place and its attempts; what is not due stays.
    assert [(one.message.execution_id, one.attempt) for one in found] == [(sent[1], 2)]


async def test_not_more_are_lent_than_asked_for_however_they_are_looked_up(
    store: Store, sent: list[str]
) -> None:
    """PostgreSQL chooses a way by what it knows of the table: this one has asked for the oldest
    anew for each row."""
    ways = ("hashjoin", "mergejoin", "hashagg", "sort", "material")

    def work(conn: Connection) -> list[Lease]:
        for way in ways if conn.dialect.name == "postgresql" else ():
            conn.execute(text(f"SET LOCAL enable_{way} = off"))
        return queue.lease_some(conn, ACTOR.id, "w", NOW, 60 * SECOND, at_most=3)

    found = await store.write(work)
    assert [one.message.execution_id for one in found] == sent[:3]


async def test_ends_of_many(store: Store, sent: list[str]) -> None:
    await lent(store, 7)
    await store.write(lambda conn: executions.start(conn, sent[1], NOW))
    await store.write(lambda conn: executions.fail(conn, sent[2], "deleted", NOW))
    failed = replace(OUTCOME, exit_code=1, exception={"type": "ValueError"}, cpu=7)
    unclear = replace(OUTCOME, exit_code="undetermined")
    ends = [
        End(execution_id=sent[0], outcome=OUTCOME, log="é\0", results=(("a", b"1"), ("b", b""))),
        End(execution_id=sent[1], outcome=failed, results=(("a", b"x" * 100_000),), state={"n": 1}),
        End(execution_id=sent[2], outcome=OUTCOME, log="too late", results=(("a", b"2"),)),
        End(execution_id=sent[3], outcome=unclear, state=None),
    ]
    assert not await finish_some(store, ACTOR, ends, now=LATER)
    found = {one.id: one for one in await store.read(lambda c: executions.among(c, ACTOR.id, sent))}
    first, second, third, fourth = (found[one] for one in sent[:4])
    assert (first.status, first.exit_code, first.runtime) == (ExecutionStatus.COMPLETE, 0, 2)
    assert (first.start_time, first.finish_time) == (OUTCOME.start_time, OUTCOME.finish_time)
    assert (first.final_state, first.exception) == ({"ExitCode": 0}, None)
    assert (second.exit_code, second.exception) == (1, {"type": "ValueError"})
    assert (third.status, third.reason) == (ExecutionStatus.ERROR, "deleted")
    assert fourth.exit_code == "undetermined"
    assert {found[one].status for one in sent[4:]} == {ExecutionStatus.SUBMITTED}
    totals = await store.read(lambda conn: actors.totals(conn, ACTOR.id))
    assert totals == Totals(executions=7, cpu=27, io=3, runtime=6)
    kept = [await store.read(lambda c, i=i: logs.get(c, i, LATER)) for i in sent[:3]]
    assert kept == ["é\0", "", ""]
    popped = [await store.write(lambda c: results.pop(c, sent[0], LATER)) for _ in range(3)]
    assert popped == [("a", b"1"), ("b", b""), None]
    large = await store.write(lambda conn: results.pop(conn, sent[1], LATER))
    assert large is not None
    assert large[1].read_bytes() == b"x" * 100_000  # type: ignore[union-attr]
    assert await store.write(lambda conn: results.pop(conn, sent[2], LATER)) is None
    actor = await store.read(lambda conn: actors.get_any(conn, ACTOR.id))
    assert actor is not None
    assert actor.state is None
    # Their messages are gone, those of the others are on loan still.
    on_loan = await store.read(queue.leased)
    assert [lease.message.execution_id for lease in on_loan] == sent[4:]
    assert await store.read(lambda conn: outbox.pending(conn, 10)) == []


async def test_the_same_ends_again_change_nothing(store: Store, sent: list[str]) -> None:
    await lent(store, 2)
    ends = [End(execution_id=one, outcome=OUTCOME, results=(("a", b"1"),)) for one in sent[:2]]
    for _ in range(2):
        await finish_some(store, ACTOR, ends, now=LATER)
    totals = await store.read(lambda conn: actors.totals(conn, ACTOR.id))
    assert (totals.cpu, totals.runtime) == (20, 4)
    popped = [await store.write(lambda c: results.pop(c, sent[0], LATER)) for _ in range(2)]
    assert popped == [("a", b"1"), None]


async def test_with_the_last_of_them_their_worker_rests(store: Store, sent: list[str]) -> None:
    worker = Worker(
        id="w", actor_id=ACTOR.id, tenant=ACTOR.tenant, status=WorkerStatus.BUSY, create_time=NOW
    )
    await store.write(lambda conn: workers.insert(conn, worker))
    first, second = (End(execution_id=one, outcome=OUTCOME) for one in sent[:2])
    await finish_some(store, ACTOR, [first], now=LATER)
    assert await store.read(lambda conn: workers.get(conn, ACTOR.id, "w")) == worker
    await finish_some(store, ACTOR, [second], now=LATER, rests="w")
    found = await store.read(lambda conn: workers.get(conn, ACTOR.id, "w"))
    assert found == replace(worker, status=WorkerStatus.READY, last_execution_time=LATER)


async def test_events_only_where_somebody_hears_them(store: Store, sent: list[str]) -> None:
    heard = replace(ACTOR, webhook="http://there")
    await store.write(lambda conn: actors.replace(conn, heard))
    ends = [End(execution_id=one, outcome=OUTCOME) for one in sent[:2]]
    # As the actor is now, not as it was when the group began.
    assert await finish_some(store, ACTOR, ends, now=LATER)
    events = await store.read(lambda conn: outbox.pending(conn, 10))
    assert [event.type for event in events] == [EventType.EXECUTION_COMPLETE] * 2
    assert [event.facts["execution_id"] for event in events] == sent[:2]
