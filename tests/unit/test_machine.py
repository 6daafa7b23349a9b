"""The workers' state machine: events in, instructions out."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from abaco_server.model.decision import Decision
from abaco_server.model.task import FailureKind
from abaco_server.workers import events as e
from abaco_server.workers.lanes import State, is_full, knows
from abaco_server.workers.machine import step
from abaco_server.workers.policy import Policy

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Drive:
    """A machine with a clock that the test turns, and everything it has said."""

    def __init__(self, **policy: object) -> None:
        numbers = count(1)
        self.state = State(policy=Policy(**policy), new_id=lambda: f"w{next(numbers)}")
        self.now = NOW
        self.decisions: list[Decision] = []

    def __call__(self, event: e.Event) -> list[e.Instruction]:
        """What is to be done; which rules acted is in `decisions`."""
        said = step(self.state, event, self.now)
        self.decisions += [tell.decision for tell in of(said, e.Tell)]
        return [instruction for instruction in said if not isinstance(instruction, e.Tell)]

    def ready(self, facts: e.LaneFacts, waiting: int) -> list[e.Instruction]:
        """Wake the lane and let every worker that it starts become ready."""
        said = self(e.Wake(facts=facts, waiting=waiting))
        for start in of(said, e.Start):
            said = [*said, *self(e.Prepared(actor_id=facts.actor_id, worker_id=start.worker_id))]
        return said


def of(said: Sequence[e.Instruction], kind: type) -> list:
    return [instruction for instruction in said if isinstance(instruction, kind)]


def facts(actor_id: str = "a", *, max_workers: int = 6, exclusive: bool = False) -> e.LaneFacts:
    return e.LaneFacts(
        actor_id=actor_id, image="image", max_workers=max_workers, exclusive=exclusive
    )


def leased(worker_id: str, execution_id: str, actor_id: str = "a") -> e.Leased:
    return e.Leased(actor_id=actor_id, worker_id=worker_id, execution_ids=(execution_id,))


def broke(worker_id: str, execution_id: str, **changes: object) -> e.Broke:
    values = {
        "actor_id": "a",
        "kind": FailureKind.INTERNAL,
        "reason": "engine gone",
        "started": False,
        "attempt": 1,
    }
    return e.Broke(worker_id=worker_id, execution_id=execution_id, **{**values, **changes})


def test_a_new_actor_gets_one_worker_even_with_nothing_to_do() -> None:
    drive = Drive()
    said = drive.ready(facts(), 0)
    assert len(of(said, e.Start)) == 1
    assert of(said, e.ActorReady)
    assert not of(said, e.Lease)


def test_stateless_work_gets_workers_up_to_the_actors_maximum() -> None:
    said = Drive().ready(facts(max_workers=4), 100)
    assert len(of(said, e.Start)) == 4
    assert len(of(said, e.Lease)) == 4


def test_a_stateful_actor_has_one_worker_whatever_waits() -> None:
    drive = Drive()
    said = drive.ready(facts(exclusive=True), 10)
    assert len(of(said, e.Start)) == 1
    drive(leased("w1", "x1"))
    assert not of(drive(e.Wake(facts=facts(exclusive=True), waiting=9)), e.Start)


def test_capacity_bounds_all_actors_together_and_the_next_in_row_is_served() -> None:
    drive = Drive(capacity=2)
    drive.ready(facts("a"), 5)
    drive(leased("w1", "x1"))
    drive(leased("w2", "x2"))
    said = drive.ready(facts("b"), 5)
    assert not of(said, e.Lease)
    said = drive(e.Ran(actor_id="a", worker_id="w1"))
    assert [lease.actor_id for lease in of(said, e.Lease)] == ["b"]


def test_a_worker_that_ran_asks_the_queue_again() -> None:
    drive = Drive()
    drive.ready(facts(max_workers=1), 1)
    assert of(drive(leased("w1", "x1")), e.Run)
    said = drive(e.Ran(actor_id="a", worker_id="w1"))
    assert of(said, e.Lease) == [e.Lease(actor_id="a", worker_id="w1", exclusive=False)]
    assert not of(drive(e.NothingToLease(actor_id="a", worker_id="w1", due=None)), e.Lease)


def test_a_message_that_comes_while_a_worker_asks_is_not_overlooked() -> None:
    drive = Drive()
    drive.ready(facts(max_workers=1), 1)
    # The queue has said "nothing" already, but the answer has not arrived when the message does.
    drive(e.Wake(facts=facts(max_workers=1), waiting=1))
    said = drive(e.NothingToLease(actor_id="a", worker_id="w1", due=None))
    assert of(said, e.Lease)


def test_a_message_that_is_held_back_is_asked_for_when_it_is_due() -> None:
    drive = Drive()
    drive.ready(facts(max_workers=1), 1)
    due = NOW + timedelta(seconds=7)
    said = drive(e.NothingToLease(actor_id="a", worker_id="w1", due=due))
    assert e.WakeAt(actor_id="a", at=due) in said


def test_an_internal_failure_gives_back_pauses_and_leaves_the_actor_alone() -> None:
    drive = Drive()
    drive.ready(facts(max_workers=1), 1)
    drive(leased("w1", "x1"))
    said = drive(broke("w1", "x1"))
    later = NOW + timedelta(seconds=1)
    assert of(said, e.GiveBack) == [e.GiveBack(actor_id="a", execution_id="x1", not_before=later)]
    assert e.WakeAt(actor_id="a", at=later) in said
    assert not of(said, e.ActorError)
    # Nobody asks before the pause is over, even when more messages come.
    assert not of(drive(e.Wake(facts=facts(max_workers=1), waiting=2)), e.Lease)
    drive.now = later
    assert of(drive(e.Wake(facts=facts(max_workers=1), waiting=2)), e.Lease)


def test_the_backoff_doubles_up_to_its_limit_and_a_success_resets_it() -> None:
    drive = Drive()
    drive.ready(facts(max_workers=1), 1)
    delays = []
    for _ in range(8):
        drive(leased("w1", "x1"))
        (back,) = of(drive(broke("w1", "x1")), e.GiveBack)
        delays.append((back.not_before - drive.now).total_seconds())
        drive.now = back.not_before
        drive(e.Wake(facts=facts(max_workers=1), waiting=1))
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60]
    drive(leased("w1", "x1"))
    drive(e.Ran(actor_id="a", worker_id="w1"))
    drive(leased("w1", "x2"))
    (back,) = of(drive(broke("w1", "x2")), e.GiveBack)
    assert back.not_before - drive.now == timedelta(seconds=1)


@pytest.mark.parametrize("kind", list(FailureKind))
def test_what_may_have_started_is_never_run_again(kind: FailureKind) -> None:
    drive = Drive()
    drive.ready(facts(), 1)
    drive(leased("w1", "x1"))
    said = drive(broke("w1", "x1", started=True, kind=kind, reason="lost"))
    assert of(said, e.Fail) == [e.Fail(execution_id="x1", reason="lost")]
    assert not of(said, e.GiveBack)


def test_six_failed_starts_put_execution_and_actor_in_error() -> None:
    drive = Drive()
    drive.ready(facts(max_workers=1), 1)
    for attempt in range(1, 6):
        drive(leased("w1", "x1"))
        said = drive(broke("w1", "x1", kind=FailureKind.START, attempt=attempt))
        (back,) = of(said, e.GiveBack)
        assert back.not_before == drive.now + timedelta(seconds=5)
        drive.now = back.not_before
        assert of(drive(e.Wake(facts=facts(max_workers=1), waiting=1)), e.Lease)
    drive(leased("w1", "x1"))
    reason = "Could not start container c. Exception z; w"
    said = drive(broke("w1", "x1", kind=FailureKind.START, attempt=6, reason=reason))
    assert of(said, e.Fail)
    (error,) = of(said, e.ActorError)
    assert error.message == f"Error executing container: {reason}"


def test_an_image_that_cannot_be_had_puts_the_actor_in_error_and_removes_the_worker() -> None:
    drive = Drive()
    drive(e.Wake(facts=facts(), waiting=1))
    reason = "Error pulling image x - exception: y"
    said = drive(
        e.PrepareFailed(actor_id="a", worker_id="w1", kind=FailureKind.IMAGE, reason=reason)
    )
    (error,) = of(said, e.ActorError)
    assert error.message == (
        "Spawner got an exception from call to start_worker. Exception:" + reason
    )
    assert of(said, e.Dismiss) == [e.Dismiss(worker_id="w1")]
    # The next message tries again: the image may have come.
    assert of(drive(e.Wake(facts=facts(), waiting=2)), e.Start)


def test_an_engine_that_is_down_when_a_worker_starts_is_tried_again() -> None:
    drive = Drive()
    drive(e.Wake(facts=facts(max_workers=1), waiting=1))
    said = drive(
        e.PrepareFailed(actor_id="a", worker_id="w1", kind=FailureKind.INTERNAL, reason="down")
    )
    assert not of(said, e.ActorError)
    (again,) = of(said, e.WakeAt)
    drive.now = again.at
    assert of(drive(e.Wake(facts=facts(max_workers=1), waiting=1)), e.Start)


def test_idle_workers_of_stateless_actors_leave_and_stateful_ones_stay() -> None:
    drive = Drive(idle=timedelta(seconds=60), worker_ttl=None)
    drive.ready(facts("a"), 0)
    drive.ready(facts("b", exclusive=True), 0)
    assert drive(e.Tick()) == [e.WakeAt(actor_id=None, at=NOW + timedelta(seconds=60))]
    drive.now += timedelta(seconds=60)
    assert drive(e.Tick()) == [e.Dismiss(worker_id="w1")]
    assert list(drive.state.lanes) == ["b"]


def test_a_new_image_lets_busy_workers_finish_and_starts_new_ones() -> None:
    drive = Drive()
    drive.ready(facts(max_workers=2), 2)
    drive(leased("w1", "x1"))
    drive(e.NothingToLease(actor_id="a", worker_id="w2", due=None))
    said = drive(e.Refresh(facts=facts(max_workers=2)))
    assert of(said, e.Dismiss) == [e.Dismiss(worker_id="w2")]
    assert len(of(said, e.Start)) == 1
    said = drive(e.Ran(actor_id="a", worker_id="w1"))
    assert e.Dismiss(worker_id="w1") in said
    assert not of(said, e.Lease)


def test_a_late_failure_of_the_old_image_does_not_hold_up_the_repaired_actor() -> None:
    drive = Drive()
    drive(e.Wake(facts=facts(max_workers=1), waiting=1))
    said = drive(e.Refresh(facts=facts(max_workers=1)))
    assert [start.worker_id for start in of(said, e.Start)] == ["w2"]
    said = drive(
        e.PrepareFailed(actor_id="a", worker_id="w1", kind=FailureKind.IMAGE, reason="not found")
    )
    assert of(said, e.Dismiss)
    assert not of(said, e.ActorError)
    assert of(drive(e.Prepared(actor_id="a", worker_id="w2")), e.Lease)


@pytest.mark.parametrize("kind", [FailureKind.IMAGE, FailureKind.START])
def test_a_message_that_the_old_image_could_not_run_waits_for_the_new_one(
    kind: FailureKind,
) -> None:
    drive = Drive()
    drive.ready(facts(max_workers=1), 1)
    drive(leased("w1", "x1"))
    drive(e.Refresh(facts=facts(max_workers=1)))
    said = drive(broke("w1", "x1", kind=kind, attempt=6))
    assert [back.execution_id for back in of(said, e.GiveBack)] == ["x1"]
    assert not of(said, e.ActorError)
    assert not of(said, e.Fail)
    assert of(drive(e.Prepared(actor_id="a", worker_id="w2")), e.Lease)


def test_retiring_halts_what_runs_and_says_when_all_are_gone() -> None:
    drive = Drive()
    drive.ready(facts(max_workers=2), 2)
    drive(leased("w1", "x1"))
    drive(e.NothingToLease(actor_id="a", worker_id="w2", due=None))
    said = drive(e.Retire(actor_id="a"))
    assert of(said, e.Halt) == [e.Halt(execution_id="x1")]
    assert not of(said, e.Retired)
    assert of(drive(e.Ran(actor_id="a", worker_id="w1")), e.Retired)
    assert drive.state.lanes == {}


def test_an_actor_without_workers_is_retired_at_once() -> None:
    assert Drive()(e.Retire(actor_id="a")) == [e.Retired(actor_id="a")]


def test_a_lease_that_arrives_while_the_actor_retires_goes_back() -> None:
    drive = Drive()
    drive.ready(facts(max_workers=1), 1)
    drive(e.Retire(actor_id="a"))
    said = drive(leased("w1", "x1"))
    assert of(said, e.GiveBack)
    assert of(said, e.Retired)
    assert not of(said, e.Run)


def test_a_stopping_service_begins_nothing_new() -> None:
    drive = Drive()
    drive.ready(facts(max_workers=2), 2)
    drive(leased("w1", "x1"))
    drive(e.Stop())
    assert of(drive(leased("w2", "x2")), e.GiveBack)
    assert not of(drive(e.Ran(actor_id="a", worker_id="w1")), e.Lease)
    assert drive(e.Wake(facts=facts("b"), waiting=3)) == []


def test_an_adopted_execution_keeps_its_worker_busy_until_it_ends() -> None:
    drive = Drive()
    drive(e.Adopted(facts=facts(max_workers=1), worker_id="old", execution_id="x1"))
    assert not of(drive(e.Wake(facts=facts(max_workers=1), waiting=1)), e.Start)
    assert of(drive(e.Ran(actor_id="a", worker_id="old")), e.Lease)


def test_a_message_for_a_busy_actor_needs_no_look_and_is_run_when_a_worker_is_free() -> None:
    drive = Drive()
    drive.ready(facts(max_workers=1), 1)
    assert is_full(drive.state, "a")
    drive(leased("w1", "x1"))
    assert is_full(drive.state, "a")
    assert drive(e.More(actor_id="a")) == []
    assert of(drive(e.Ran(actor_id="a", worker_id="w1")), e.Lease)


def test_an_actor_that_may_have_more_workers_is_not_full() -> None:
    drive = Drive()
    assert not is_full(drive.state, "a")
    drive.ready(facts(max_workers=2), 1)
    drive(leased("w1", "x1"))
    assert not is_full(drive.state, "a")


def test_a_message_that_comes_while_the_last_worker_asks_is_not_overlooked() -> None:
    drive = Drive()
    drive.ready(facts(max_workers=1), 1)
    drive(e.More(actor_id="a"))
    assert of(drive(e.NothingToLease(actor_id="a", worker_id="w1", due=None)), e.Lease)


def sharing(max_workers: int = 6) -> e.LaneFacts:
    return e.LaneFacts(
        actor_id="a", image="image", max_workers=max_workers, exclusive=False, shares=True
    )


def took(worker_id: str, *execution_ids: str, left: int) -> e.Leased:
    return e.Leased(actor_id="a", worker_id=worker_id, execution_ids=execution_ids, left=left)


def test_who_took_the_last_message_keeps_the_others_from_asking() -> None:
    drive = Drive()
    drive.ready(sharing(), 2)
    assert not of(drive(took("w1", "x1", "x2", left=0)), e.Lease)
    drive(e.NothingToLease(actor_id="a", worker_id="w2", due=None))
    said = drive(e.Ran(actor_id="a", worker_id="w1", execution_ids=("x1", "x2")))
    assert not of(said, e.Lease)
    assert knows(drive.state, "a")
    assert len(of(drive(e.More(actor_id="a")), e.Lease)) == 1


def test_what_one_worker_leaves_others_ask_for() -> None:
    drive = Drive()
    drive.ready(sharing(max_workers=3), 1)
    said = drive(took("w1", "x1", left=9))
    assert len(of(said, e.Start)) == 2
    said = drive(e.Ran(actor_id="a", worker_id="w1", execution_ids=("x1",)))
    assert [lease.worker_id for lease in of(said, e.Lease)] == ["w1"]


def test_a_message_that_comes_while_the_last_but_one_is_taken_is_not_overlooked() -> None:
    drive = Drive()
    drive.ready(sharing(max_workers=1), 1)
    # Its answer is on its way, and says that nothing is left.
    drive(e.More(actor_id="a"))
    drive(took("w1", "x1", left=0))
    said = drive(e.Ran(actor_id="a", worker_id="w1", execution_ids=("x1",)))
    assert of(said, e.Lease)


def test_each_worker_that_was_asking_when_a_message_came_may_be_out_of_date() -> None:
    drive = Drive()
    drive.ready(sharing(max_workers=2), 2)
    drive(e.Wake(facts=sharing(max_workers=2), waiting=1))
    drive(e.NothingToLease(actor_id="a", worker_id="w1", due=None))
    said = drive(e.NothingToLease(actor_id="a", worker_id="w2", due=None))
    assert of(said, e.Lease)
