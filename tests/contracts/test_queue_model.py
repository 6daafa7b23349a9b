"""The queue against a model of it: whatever is done in whatever order, both agree."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import Connection, Engine
from store_kit import NOW, SECOND, FakeClock, a_message, an_actor, an_execution

from abaco_server import queue
from abaco_server.model.message import Lease
from abaco_server.store import Payloads, actors, executions
from abaco_server.store.machinery import connect, schema
from abaco_server.store.tables import metadata

STATELESS, STATEFUL = ACTORS = ["stateless", "stateful"]
DURATION = 10 * SECOND
LIMITS = settings(
    max_examples=int(os.environ.get("ABACO_TEST_EXAMPLES", "40")),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Expected:
    """One message as the model has it; its place in the list is its place in the queue."""

    execution_id: str
    actor_id: str
    not_before: datetime | None = None
    until: datetime | None = None
    attempt: int = 0
    started: bool = False

    def due(self, now: datetime) -> bool:
        return self.not_before is None or self.not_before <= now


class QueueAgainstModel(RuleBasedStateMachine):
    conn: Connection
    """Set by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.model: list[Expected] = []
        self.transaction = self.conn.begin()
        for table in metadata.tables.values():
            self.conn.execute(table.delete())
        for actor in ACTORS:
            actors.insert(self.conn, an_actor(id=actor))

    def teardown(self) -> None:
        self.transaction.rollback()

    def lent(self) -> list[Expected]:
        return [message for message in self.model if message.until is not None]

    def of(self, actor_id: str) -> list[Expected]:
        return [message for message in self.model if message.actor_id == actor_id]

    @rule(actor_ids=st.lists(st.sampled_from(ACTORS), min_size=1, max_size=5))
    def submit(self, actor_ids: list[str]) -> None:
        made = [an_execution(actor_id) for actor_id in actor_ids]
        assert all(queue.submit_many(self.conn, [(e, a_message(e)) for e in made]))
        self.model += [Expected(execution_id=e.id, actor_id=e.actor_id) for e in made]

    @rule(actor_id=st.sampled_from(ACTORS))
    def lease(self, actor_id: str) -> None:
        exclusive = actor_id == STATEFUL
        lease = queue.lease(self.conn, actor_id, "w", self.now, DURATION, exclusive=exclusive)
        expected = self._expected(actor_id)
        if expected is None:
            assert lease is None
            return
        expected.until = self.now + DURATION
        expected.attempt += 1
        assert isinstance(lease, Lease)
        assert lease.message.execution_id == expected.execution_id
        assert (lease.until, lease.attempt) == (expected.until, expected.attempt)

    def _expected(self, actor_id: str) -> Expected | None:
        waiting = [message for message in self.of(actor_id) if message.until is None]
        if actor_id == STATEFUL:
            if len(waiting) < len(self.of(actor_id)):
                return None
            waiting = waiting[:1]
        return next((message for message in waiting if message.due(self.now)), None)

    @precondition(lambda self: self.lent())
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.lent()))
        started = executions.start(self.conn, message.execution_id, self.now)
        assert started is not message.started
        message.started = True

    @precondition(lambda self: self.lent())
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.lent()))
        assert executions.complete(self.conn, message.execution_id)
        assert queue.ack(self.conn, message.execution_id)
        assert not queue.ack(self.conn, message.execution_id)
        self.model.remove(message)

    @precondition(lambda self: self.lent())
    @rule(data=st.data(), delay=st.integers(0, 20), count_attempt=st.booleans())
    def give_back(self, data: st.DataObject, delay: int, count_attempt: bool) -> None:
        message = data.draw(st.sampled_from(self.lent()))
        not_before = self.now + delay * SECOND if delay else None
        assert queue.give_back(self.conn, message.execution_id, not_before, count_attempt)
        message.not_before, message.until, message.started = not_before, None, False
        message.attempt -= 0 if count_attempt else 1

    @precondition(lambda self: self.lent())
    @rule(data=st.data())
    def extend(self, data: st.DataObject) -> None:
        chosen = data.draw(st.lists(st.sampled_from(self.lent()), unique_by=id))
        until = self.now + DURATION
        ids = [message.execution_id for message in chosen]
        assert queue.extend(self.conn, ids, until) == len(chosen)
        for message in chosen:
            message.until = until

    @rule(seconds=st.integers(1, 15))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def reap(self) -> None:
        over = [m for m in self.lent() if m.until is not None and m.until <= self.now]
        assert queue.reap(self.conn, self.now) == [message.execution_id for message in over]
        for message in over:
            message.until, message.started = None, False

    @rule(actor_id=st.sampled_from(ACTORS))
    def purge(self, actor_id: str) -> None:
        gone = [message for message in self.of(actor_id) if message.until is None]
        assert queue.purge(self.conn, actor_id) == [message.execution_id for message in gone]
        self.model = [message for message in self.model if message not in gone]

    @invariant()
    def both_agree(self) -> None:
        for actor_id in ACTORS:
            waiting = [message for message in self.of(actor_id) if message.until is None]
            assert queue.waiting(self.conn, actor_id) == len(waiting)
            later = [m.not_before for m in waiting if m.not_before and m.not_before > self.now]
            assert queue.next_due(self.conn, actor_id, self.now) == min(later, default=None)
            running = {m.execution_id for m in self.of(actor_id) if m.started}
            assert {e.id for e in executions.running(self.conn, actor_id)} == running
        on_loan = [lease.message.execution_id for lease in queue.leased(self.conn)]
        assert on_loan == [message.execution_id for message in self.lent()]
        stateful = [m for m in self.of(STATEFUL) if m.until is not None]
        assert len(stateful) <= 1


def _run(engine: Engine) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    with engine.connect() as conn:
        machine = type("Machine", (QueueAgainstModel,), {"conn": conn})
        run_state_machine_as_test(machine, settings=LIMITS)


def test_the_queue_agrees_with_its_model(store_url: str) -> None:
    with TemporaryDirectory() as directory:
        payloads = Payloads(Path(directory), FakeClock())
        writer, readers = connect.engines(store_url, payloads, "NORMAL")
        schema.bring_up_to_date(writer)
        try:
            _run(writer)
        finally:
            writer.dispose()
            readers.dispose()
