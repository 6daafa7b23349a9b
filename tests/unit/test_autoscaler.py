"""How many workers, and by which rule: tables of cases, and what holds for all of them."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abaco_server.model.decision import Action, Decision, Rule
from abaco_server.model.task import FailureKind
from abaco_server.workers import autoscaler
from abaco_server.workers import events as e
from abaco_server.workers.autoscaler import Census
from abaco_server.workers.lanes import Lane, Phase, State, may_have_missed
from abaco_server.workers.machine import step
from abaco_server.workers.policy import Policy

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def facts(actor_id: str = "a", **changes: object) -> e.LaneFacts:
    given = {"actor_id": actor_id, "image": "image", "max_workers": 6, "exclusive": False}
    return e.LaneFacts(**{**given, **changes})  # type: ignore[arg-type]


def lane(phases: str = "", waiting: int = 0, at_least: int = 0, **changes: object) -> Lane:
    """`phases`: a letter a worker; s(tarting), i(dle), l(easing), b(usy)."""
    known = {"s": Phase.STARTING, "i": Phase.IDLE, "l": Phase.LEASING, "b": Phase.BUSY}
    made = Lane(facts=facts(**changes), waiting=waiting, hungry=waiting > 0, at_least=at_least)
    for number, letter in enumerate(phases):
        made.workers[f"w{number}"] = known[letter]
        if letter == "i":
            made.idle_since[f"w{number}"] = NOW
        if letter == "s":
            made.starting_since[f"w{number}"] = NOW
    return made


def census_of(*lanes: Lane) -> Census:
    state = State(policy=Policy(), new_id=str)
    state.lanes = {str(number): one for number, one in enumerate(lanes)}
    return autoscaler.count(state)


# ---- more ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "policy", "start", "rule", "limit"),
    [
        (lane(), {}, 0, Rule.QUEUE_LENGTH, None),
        (lane(waiting=3), {}, 3, Rule.QUEUE_LENGTH, None),
        (lane("l", waiting=3), {}, 2, Rule.QUEUE_LENGTH, None),
        (lane("ss", waiting=3), {}, 1, Rule.QUEUE_LENGTH, None),
        (lane("bb", waiting=2), {}, 2, Rule.QUEUE_LENGTH, None),
        (lane(waiting=9), {}, 6, Rule.QUEUE_LENGTH, Rule.MAX_WORKERS),
        (lane("bbbbbb", waiting=9), {}, 0, Rule.QUEUE_LENGTH, Rule.MAX_WORKERS),
        (lane(waiting=9, max_workers=2), {}, 2, Rule.QUEUE_LENGTH, Rule.MAX_WORKERS),
        (lane(waiting=9, exclusive=True), {}, 1, Rule.QUEUE_LENGTH, Rule.MAX_WORKERS),
        (lane(waiting=5), {"max_starting": 4}, 4, Rule.QUEUE_LENGTH, Rule.MAX_CMD_LENGTH),
        (lane("s", waiting=5), {"max_starting": 1}, 0, Rule.QUEUE_LENGTH, Rule.MAX_CMD_LENGTH),
        (lane(waiting=5), {"capacity": 2}, 2, Rule.QUEUE_LENGTH, Rule.CAPACITY),
        (lane("bb", waiting=5), {"capacity": 2}, 0, Rule.QUEUE_LENGTH, Rule.CAPACITY),
        (
            lane("b", waiting=5, queue="special"),
            {"queue_capacity": {"special": 2}},
            1,
            Rule.QUEUE_LENGTH,
            Rule.QUEUE_CAPACITY,
        ),
        (lane("b", waiting=5), {"queue_capacity": {"special": 1}}, 5, Rule.QUEUE_LENGTH, None),
        # A promise is kept whatever waits, and also when nothing more may run.
        (lane(at_least=1), {}, 1, Rule.FIRST_WORKER, None),
        (lane(at_least=4), {"capacity": 0}, 4, Rule.FIRST_WORKER, None),
        (lane("ib", at_least=4), {}, 2, Rule.FIRST_WORKER, None),
        (lane(waiting=1, at_least=1), {}, 1, Rule.QUEUE_LENGTH, None),
        (lane(at_least=20, max_workers=20), {}, 12, Rule.FIRST_WORKER, Rule.MAX_CMD_LENGTH),
    ],
)
def test_how_many_are_started(
    made: Lane, policy: dict[str, object], start: int, rule: Rule, limit: Rule | None
) -> None:
    order = autoscaler.scale(made, Policy(**policy), census_of(made))  # type: ignore[arg-type]
    assert (order.start, order.limit) == (start, limit)
    if start:
        assert order.rule is rule


lanes = st.builds(
    lane,
    phases=st.text("silb", max_size=8),
    waiting=st.integers(0, 30),
    at_least=st.integers(0, 12),
    max_workers=st.integers(1, 12),
    exclusive=st.booleans(),
    queue=st.sampled_from(["default", "special"]),
)


@settings(max_examples=100)
@given(
    of=st.lists(lanes, min_size=1, max_size=5),
    capacity=st.integers(1, 20),
    of_queue=st.integers(1, 5),
    starting=st.integers(1, 12),
)
def test_no_limit_is_ever_passed(
    of: list[Lane], capacity: int, of_queue: int, starting: int
) -> None:
    policy = Policy(capacity=capacity, queue_capacity={"special": of_queue}, max_starting=starting)
    census = census_of(*of)
    for one in of:
        order = autoscaler.scale(one, policy, census)
        queue = one.facts.queue
        assert order.start >= 0
        if order.start:
            assert one.staying + order.start <= one.facts.room
            assert census.starting_of[queue] + order.start <= starting
        promised = max(one.at_least - one.staying, 0)
        if order.start > promised:
            # By the queue's length: each of them finds a place and a message.
            places, _ = autoscaler.free_places(policy, census, queue)
            assert order.start + len(one.starting_since) <= places
            assert order.start <= one.waiting
        if order.start < promised:
            assert order.limit in (Rule.MAX_WORKERS, Rule.MAX_CMD_LENGTH)


# ---- fewer -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phases", "changes", "policy", "expected"),
    [
        ("i", {}, {}, [(60, Rule.IDLE)]),
        ("ii", {}, {}, [(60, Rule.IDLE), (60, Rule.IDLE)]),
        ("b", {}, {}, []),
        ("i", {"sync": True}, {}, [(600, Rule.SYNC)]),
        ("iii", {"sync": True}, {}, [(60, Rule.IDLE), (60, Rule.IDLE), (600, Rule.SYNC)]),
        # One worker READY is kept, though others are at work.
        ("bi", {"sync": True}, {}, [(600, Rule.SYNC)]),
        ("i", {"sync": True}, {"sync_idle": SECOND}, [(60, Rule.SYNC)]),
        ("i", {"exclusive": True}, {}, [(86_400, Rule.WORKER_TTL)]),
        ("i", {"exclusive": True, "sync": True}, {}, [(86_400, Rule.WORKER_TTL)]),
        ("i", {"exclusive": True}, {"worker_ttl": None}, []),
        ("i", {}, {"worker_ttl": SECOND}, [(1, Rule.WORKER_TTL)]),
    ],
)
def test_when_idle_workers_leave(
    phases: str,
    changes: dict[str, object],
    policy: dict[str, object],
    expected: list[tuple[int, Rule]],
) -> None:
    leaving = autoscaler.departures(lane(phases, **changes), Policy(**policy))  # type: ignore[arg-type]
    assert [((one.at - NOW).total_seconds(), one.rule) for one in leaving] == expected


def test_sync_keeps_the_worker_that_worked_last() -> None:
    made = lane("ii", sync=True)
    made.idle_since = {"w0": NOW + SECOND, "w1": NOW}
    first, last = autoscaler.departures(made, Policy())
    assert (first.worker_id, first.rule) == ("w1", Rule.IDLE)
    assert (last.worker_id, last.rule) == ("w0", Rule.SYNC)


# ---- the machine acts by these rules, and says so ----------------------------------------------


class Machine:
    """The state machine with a clock that the test turns, and all that it decided."""

    def __init__(self, **policy: object) -> None:
        numbers = count(1)
        self.state = State(policy=Policy(**policy), new_id=lambda: f"w{next(numbers)}")  # type: ignore[arg-type]
        self.now = NOW
        self.decisions: list[Decision] = []

    def __call__(self, event: e.Event, *kinds: type) -> list[e.Instruction]:
        """The instructions of these kinds."""
        said = step(self.state, event, self.now)
        self.decisions += [one.decision for one in said if isinstance(one, e.Tell)]
        return [one for one in said if isinstance(one, kinds)]

    def ready(self, of: e.LaneFacts, waiting: int = 0) -> list[e.Instruction]:
        started = self(e.Wake(facts=of, waiting=waiting), e.Start)
        return [one for start in started for one in self.prepared(start.worker_id, of.actor_id)]  # type: ignore[union-attr]

    def prepared(self, worker_id: str, actor_id: str = "a") -> list[e.Instruction]:
        return self(e.Prepared(actor_id=actor_id, worker_id=worker_id), e.Start, e.Lease)

    @property
    def told(self) -> list[tuple[Action, Rule, int]]:
        return [(one.action, one.rule, one.workers) for one in self.decisions]


def test_starts_that_were_held_back_come_when_others_are_done() -> None:
    machine = Machine(max_starting=2)
    for name in "abc":
        machine(e.Wake(facts=facts(name), waiting=0))
    # Each of the three was promised a worker, which makes its actor READY.
    assert machine.told == [(Action.START, Rule.FIRST_WORKER, 1)] * 2
    started = machine.prepared("w1", "a")
    assert [(one.actor_id, one.worker_id) for one in started] == [("c", "w3")]  # type: ignore[union-attr]


def test_a_start_that_failed_gives_its_place_to_the_next() -> None:
    machine = Machine(max_starting=1)
    machine(e.Wake(facts=facts("a"), waiting=0))
    assert machine(e.Wake(facts=facts("b"), waiting=0), e.Start) == []
    failed = e.PrepareFailed(actor_id="a", worker_id="w1", kind=FailureKind.IMAGE, reason="none")
    (started,) = machine(failed, e.Start)
    assert started.actor_id == "b"  # type: ignore[union-attr]
    assert machine.told[1] == (Action.REMOVE, Rule.START_FAILED, 0)


def test_workers_that_are_asked_for_are_started_and_leave_by_the_idle_rule() -> None:
    machine = Machine()
    started = machine(e.Ensure(facts=facts(), at_least=3), e.Start)
    assert len(started) == 3
    for number in (1, 2, 3):
        assert machine.prepared(f"w{number}") == []
    assert machine(e.Ensure(facts=facts(), at_least=2), e.Start) == []
    machine.now += timedelta(seconds=60)
    assert len(machine(e.Tick(), e.Dismiss)) == 3
    assert machine.told == [(Action.START, Rule.REQUESTED, 3), (Action.REMOVE, Rule.IDLE, 0)]
    assert machine.state.lanes == {}


def test_workers_that_are_asked_for_come_when_the_engine_is_back() -> None:
    machine = Machine()
    machine(e.Ensure(facts=facts(), at_least=2))
    for worker_id in ("w1", "w2"):
        machine(
            e.PrepareFailed(
                actor_id="a", worker_id=worker_id, kind=FailureKind.INTERNAL, reason="down"
            )
        )
    machine.now += timedelta(seconds=60)
    assert len(machine(e.Wake(facts=facts(), waiting=0), e.Start)) == 2


def test_a_worker_that_is_removed_finishes_what_it_runs() -> None:
    machine = Machine()
    machine.ready(facts(max_workers=1), 1)
    machine(e.Leased(actor_id="a", worker_id="w1", execution_ids=("x1",)))
    machine(e.More(actor_id="a"))
    said = machine(e.Remove(actor_id="a", worker_id="w1"), e.Dismiss, e.Halt, e.Start)
    # The next one is on its way already; the old one has its message to finish.
    assert [type(one) for one in said] == [e.Start]
    assert machine(e.Remove(actor_id="a", worker_id="w1"), e.Dismiss, e.Start) == []
    said = machine(e.Ran(actor_id="a", worker_id="w1"), e.Dismiss, e.Lease)
    assert said == [e.Dismiss(worker_id="w1")]
    assert (Action.REMOVE, Rule.DELETED, 0) in machine.told


def test_a_worker_without_work_is_removed_at_once_and_an_unknown_one_too() -> None:
    machine = Machine()
    machine.ready(facts())
    for worker_id in ("w1", "w1", "of an earlier life"):
        said = machine(e.Remove(actor_id="a", worker_id=worker_id), e.Dismiss, e.Start)
        assert said == [e.Dismiss(worker_id=worker_id)]
    said = machine(e.Remove(actor_id="b", worker_id="w9"), e.Dismiss)
    assert said == [e.Dismiss(worker_id="w9")]


def test_a_promise_that_somebody_takes_back_is_not_kept() -> None:
    machine = Machine(max_starting=1)
    machine(e.Ensure(facts=facts(), at_least=2), e.Start)
    machine(e.Remove(actor_id="a", worker_id="w1"))
    assert machine.prepared("w1") == []


def test_the_sync_hint_keeps_one_worker_and_lets_it_go_in_the_end() -> None:
    machine = Machine()
    machine(e.Ensure(facts=facts(sync=True), at_least=2))
    machine.prepared("w1")
    machine.prepared("w2")
    machine.now += timedelta(seconds=60)
    (gone,) = machine(e.Tick(), e.Dismiss)
    for _ in range(3):
        machine(e.Scale())
    (kept,) = {"w1", "w2"} - {gone.worker_id}  # type: ignore[union-attr]
    machine.now = NOW + timedelta(seconds=600)
    assert machine(e.Tick(), e.Dismiss) == [e.Dismiss(worker_id=kept)]
    assert machine.told[1:] == [
        (Action.REMOVE, Rule.IDLE, 1),
        # Said once, not in each turn.
        (Action.KEEP, Rule.SYNC, 1),
        (Action.REMOVE, Rule.SYNC, 0),
    ]
    # An idle sync actor was what made each pass of the reference crash.
    assert machine(e.Scale()) == machine(e.Tick()) == []


def test_what_holds_more_workers_back_is_said_once() -> None:
    machine = Machine()
    machine.ready(facts(max_workers=1), 3)
    machine(e.Leased(actor_id="a", worker_id="w1", execution_ids=("x1",)))
    for _ in range(3):
        assert machine(e.Scale(), e.Start, e.Lease) == []
    held = [one for one in machine.decisions if one.action is Action.HOLD]
    assert [(one.rule, one.workers, one.waiting) for one in held] == [(Rule.MAX_WORKERS, 1, 2)]


def test_a_queue_with_a_capacity_leaves_room_for_the_others() -> None:
    machine = Machine(capacity=8, queue_capacity={"special": 1})
    asked = machine.ready(facts("a", queue="special"), 3)
    assert len([one for one in asked if isinstance(one, e.Lease)]) == 1
    assert machine.ready(facts("b", queue="special"), 1) == []
    (lease,) = machine.ready(facts("c"), 1)
    assert lease.actor_id == "c"  # type: ignore[union-attr]
    machine(e.Leased(actor_id="a", worker_id="w1", execution_ids=("x1",)))
    machine(e.Scale())
    assert {one.rule for one in machine.decisions if one.action is Action.HOLD} == {
        Rule.QUEUE_CAPACITY
    }
    # The place that is free goes to the actor that waited for it.
    (lease,) = machine(e.Ran(actor_id="a", worker_id="w1"), e.Lease)
    assert lease.actor_id == "b"  # type: ignore[union-attr]


def test_a_start_of_which_nothing_is_heard_is_given_up_and_tried_again() -> None:
    machine = Machine()
    machine(e.Wake(facts=facts(), waiting=1))
    machine.now += timedelta(minutes=59)
    assert machine(e.CheckUp()) == []
    machine.now += timedelta(minutes=1)
    said = machine(e.CheckUp(), e.Abandon, e.Dismiss, e.WakeAt, e.ActorError)
    again = machine.now + SECOND
    assert said == [
        e.Abandon(worker_id="w1"),
        e.WakeAt(actor_id="a", at=again),
        e.Dismiss(worker_id="w1"),
    ]
    assert machine.told[-1] == (Action.REMOVE, Rule.STUCK, 0)
    machine.now = again
    assert len(machine(e.Wake(facts=facts(), waiting=1), e.Start)) == 1


@pytest.mark.parametrize(
    ("made", "missed"),
    [
        (None, True),
        (lane("i"), True),
        (lane("b"), True),
        (lane("b", max_workers=1), False),
        (lane("b", exclusive=True), False),
    ],
)
def test_whom_the_autoscaler_looks_at(made: Lane | None, missed: bool) -> None:
    state = State(policy=Policy(), new_id=str)
    if made is not None:
        state.lanes["a"] = made
    assert may_have_missed(state, "a", NOW) is missed
    if made is not None:
        made.paused_until = NOW + SECOND
        assert not may_have_missed(state, "a", NOW)


# ---- whatever happens --------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_in_any_order_of_events_counts_and_limits_hold(data: st.DataObject) -> None:
    """A model run: actors come, work, fail and are asked for; nothing passes a limit or is lost."""
    policy = Policy(capacity=3, queue_capacity={"special": 1}, max_starting=2)
    numbers = count(1)
    state = State(policy=policy, new_id=lambda: f"w{next(numbers)}")
    known = {
        "a": facts("a", max_workers=3),
        "b": facts("b", max_workers=2, queue="special"),
        "c": facts("c", exclusive=True, sync=True),
    }
    now = NOW
    for _ in range(data.draw(st.integers(1, 40))):
        now += timedelta(seconds=data.draw(st.sampled_from([0, 1, 30, 90, 700])))
        step(state, data.draw(st.sampled_from(_possible(state, known, numbers))), now)
        census = autoscaler.count(state)
        assert census.active <= 3
        assert census.active_of["special"] <= 1
        assert max(census.starting_of.values(), default=0) <= 2
        for one in state.lanes.values():
            phases = one.workers.items()
            assert {w for w, phase in phases if phase is Phase.IDLE} == set(one.idle_since)
            assert {w for w, phase in phases if phase is Phase.STARTING} == set(one.starting_since)
            assert one.staying <= one.facts.room
            assert one.leaving <= set(one.workers)


def _possible(state: State, known: dict[str, e.LaneFacts], numbers: "count[int]") -> list[e.Event]:
    events: list[e.Event] = [e.Tick(), e.Scale(), e.CheckUp()]
    for actor_id, of in known.items():
        events += [e.Wake(facts=of, waiting=2), e.Ensure(facts=of, at_least=of.room)]
        events.append(e.Refresh(facts=of))
        lane_of = state.lanes.get(actor_id)
        for worker_id, phase in (lane_of.workers if lane_of else {}).items():
            who = {"actor_id": actor_id, "worker_id": worker_id}
            events.append(e.Remove(**who))
            match phase:
                case Phase.STARTING:
                    events.append(e.Prepared(**who))
                    for kind in FailureKind:
                        events.append(e.PrepareFailed(**who, kind=kind, reason="r"))
                case Phase.LEASING:
                    events.append(e.Leased(**who, execution_ids=(f"x{next(numbers)}",)))
                    events.append(e.NothingToLease(**who, due=None))
                case Phase.BUSY:
                    events.append(e.Ran(**who))
    return events
