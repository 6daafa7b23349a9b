"""An ending is one transaction: record, totals, log, event and ack, or none of them."""

from datetime import datetime, timedelta

import pytest
import pytest_asyncio
from store_kit import NOW, SECOND, a_message, an_actor, an_execution

from abaco_jupyter.wire.codes import EventType, ExecutionStatus
from abaco_server import outcomes, queue
from abaco_server.model.execution import Execution, Totals
from abaco_server.model.log import LogBuffer
from abaco_server.model.message import Lease
from abaco_server.model.task import Outcome
from abaco_server.store import Store, StoredBody, actors, executions, logs, outbox, results

pytestmark = pytest.mark.asyncio

ACTOR = an_actor(log_ex=60)
OUTCOME = Outcome(
    exit_code=1,
    start_time=NOW + SECOND,
    finish_time=NOW + 3.9 * SECOND,
    final_state={"ExitCode": 1},
    cpu=10,
    io=20,
    peak_memory=30,
    exception={"type": "ValueError"},
)
LATER = NOW + 4 * SECOND


@pytest_asyncio.fixture
async def lease(store: Store) -> Lease:
    """One message, on loan, of an execution that runs."""
    execution = an_execution(ACTOR.id)
    await store.write(lambda conn: actors.insert(conn, ACTOR))
    assert await queue.submit(store, execution, a_message(execution))
    lent = await store.write(
        lambda conn: queue.lease(conn, ACTOR.id, "w", NOW, 60 * SECOND, exclusive=False)
    )
    assert lent is not None
    await store.write(lambda conn: executions.start(conn, execution.id, NOW))
    return lent


def log_of(text: str) -> LogBuffer:
    log = LogBuffer()
    log.append(text.encode())
    return log


async def the_execution(store: Store, lease: Lease) -> Execution:
    execution_id = lease.message.execution_id
    found = await store.read(lambda conn: executions.get(conn, ACTOR.id, execution_id))
    assert found is not None
    return found


async def the_log(store: Store, lease: Lease, now: object = LATER) -> str:
    return await store.read(
        lambda conn: logs.get(conn, lease.message.execution_id, now)  # type: ignore[arg-type]
    )


async def test_finish_records_everything_at_once(store: Store, lease: Lease) -> None:
    log = log_of("hello")
    assert await outcomes.finish(store, lease, OUTCOME, log, actor=ACTOR, now=LATER)
    execution = await the_execution(store, lease)
    assert execution.status is ExecutionStatus.COMPLETE
    assert (execution.start_time, execution.finish_time) == (
        OUTCOME.start_time,
        OUTCOME.finish_time,
    )
    assert (execution.runtime, execution.cpu, execution.io) == (2, 10, 20)
    assert execution.peak_memory == 30
    assert execution.exit_code == 1
    assert execution.final_state == {"ExitCode": 1}
    assert execution.exception == {"type": "ValueError"}
    assert await store.read(lambda conn: actors.totals(conn, ACTOR.id)) == Totals(
        executions=1, runtime=2, cpu=10, io=20
    )
    assert await the_log(store, lease) == "hello"
    assert await the_log(store, lease, LATER + timedelta(seconds=60)) == ""
    assert await store.read(queue.leased) == []
    [event] = await store.read(lambda conn: outbox.pending(conn, 9))
    assert event.type is EventType.EXECUTION_COMPLETE
    assert event.facts == {
        "execution_id": execution.id,
        "status": "COMPLETE",
        "exit_code": 1,
    }
    assert (event.actor_id, event.tenant, event.time) == (
        ACTOR.id,
        ACTOR.tenant,
        OUTCOME.finish_time,
    )


async def test_what_has_ended_is_not_ended_again(store: Store, lease: Lease) -> None:
    assert await outcomes.finish(store, lease, OUTCOME, log_of("1"), actor=ACTOR, now=LATER)
    first = await the_execution(store, lease)
    assert not await outcomes.finish(store, lease, OUTCOME, log_of("2"), actor=None, now=LATER)
    assert not await outcomes.fail(store, lease, "late", log_of("3"), now=LATER)
    assert await the_execution(store, lease) == first
    assert await the_log(store, lease) == "1"
    assert len(await store.read(lambda conn: outbox.pending(conn, 9))) == 1
    assert (await store.read(lambda conn: actors.totals(conn, ACTOR.id))).cpu == 10


async def test_an_ended_execution_loses_its_message_all_the_same(
    store: Store, lease: Lease
) -> None:
    """Else it would be lent again, and run for nobody."""
    execution_id = lease.message.execution_id
    await store.write(lambda conn: executions.fail(conn, execution_id, "actor deleted", NOW))
    assert not await outcomes.finish(store, lease, OUTCOME, LogBuffer(), actor=ACTOR, now=LATER)
    assert await store.read(queue.leased) == []


async def test_fail_says_why(store: Store, lease: Lease) -> None:
    log = log_of("as far as it came")
    assert await outcomes.fail(store, lease, "no such image", log, now=LATER)
    execution = await the_execution(store, lease)
    assert execution.status is ExecutionStatus.ERROR
    assert execution.reason == "no such image"
    assert execution.exit_code is None
    assert execution.finish_time == LATER
    assert await the_log(store, lease) == "as far as it came"
    assert await store.read(queue.leased) == []
    assert await store.read(lambda conn: outbox.pending(conn, 9)) == []


async def test_without_an_actor_the_log_is_kept_for_the_default_time(
    store: Store, lease: Lease
) -> None:
    await outcomes.finish(store, lease, OUTCOME, log_of("x"), actor=None, now=LATER)
    almost = LATER + timedelta(seconds=43_199)
    assert await the_log(store, lease, almost) == "x"
    assert await the_log(store, lease, almost + SECOND) == ""


async def popped(store: Store, execution_id: str, now: datetime) -> StoredBody | None:
    found = await store.write(lambda conn: results.pop(conn, execution_id, now))
    return None if found is None else found[1]


async def test_results_come_back_oldest_first(store: Store, lease: Lease) -> None:
    execution_id = lease.message.execution_id
    for key, body in (("1", b"one"), ("2", b""), ("1", b"again")):
        await outcomes.add_result(store, execution_id, key, body, NOW)
    assert [await popped(store, execution_id, LATER) for _ in range(3)] == [b"one", b"", None]


async def test_results_expire(store: Store, lease: Lease) -> None:
    execution_id = lease.message.execution_id
    await outcomes.add_result(store, execution_id, "1", b"one", NOW, lifetime=SECOND)
    assert await popped(store, execution_id, NOW + SECOND) is None


@pytest.mark.parametrize(("age", "body"), [(3599, b"one"), (3600, None)])
async def test_results_are_kept_for_an_hour(
    store: Store, lease: Lease, age: int, body: bytes | None
) -> None:
    execution_id = lease.message.execution_id
    await outcomes.add_result(store, execution_id, "1", b"one", NOW)
    assert await popped(store, execution_id, NOW + age * SECOND) == body
