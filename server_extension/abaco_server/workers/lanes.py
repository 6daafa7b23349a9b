"""What the machine knows: one lane an actor, and what can be asked of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from abaco_server.model.decision import Rule
from abaco_server.workers.events import LaneFacts
from abaco_server.workers.policy import Policy


class Phase(Enum):
    STARTING = auto()
    IDLE = auto()
    LEASING = auto()
    BUSY = auto()


@dataclass(slots=True, kw_only=True, eq=False)
class Lane:
    """One actor's workers."""

    facts: LaneFacts
    workers: dict[str, Phase] = field(default_factory=dict)
    leaving: set[str] = field(default_factory=set)
    running: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Worker id -> ids of the executions that it runs, one after the other."""
    pace: timedelta | None = None
    """How long an execution takes, of late."""
    idle_since: dict[str, datetime] = field(default_factory=dict)
    """Exactly the workers that are IDLE."""
    starting_since: dict[str, datetime] = field(default_factory=dict)
    """Exactly the workers that are STARTING."""
    waiting: int = 0
    """A hint: messages that nobody asked the queue for yet."""
    hungry: bool = False
    """The queue may hold a message; only its own "nothing", or "nothing more", makes this false."""
    outdated: set[str] = field(default_factory=set)
    """Workers that were asking when a message came: their "nothing" may be out of date."""
    at_least: int = 0
    """Workers that were promised whatever waits; 0 once they are ready."""
    promise: Rule = Rule.FIRST_WORKER
    """Why."""
    held_by: Rule | None = None
    """The limit that was last told to hold more workers back."""
    kept: str | None = None
    """The worker that was last told to be kept by the hint `sync`."""
    retiring: bool = False
    failures: int = 0
    """Internal failures in a row: sets the backoff."""
    paused_until: datetime | None = None
    """After a failure nobody asks the queue before this time."""

    @property
    def staying(self) -> int:
        return len(self.workers) - len(self.leaving)

    @property
    def asking(self) -> int:
        return sum(phase is Phase.LEASING for phase in self.workers.values())

    @property
    def wants(self) -> bool:
        """To ask the queue, or to have more workers."""
        return self.hungry or (self.at_least > 0 and self.lacks_worker)

    @property
    def lacks_worker(self) -> bool:
        """Fewer workers than were promised: a limit was reached."""
        return self.staying < self.at_least

    def more_came(self) -> None:
        self.hungry = True
        self.outdated.update(w for w, phase in self.workers.items() if phase is Phase.LEASING)

    def answered(self, worker_id: str, left: int | None) -> None:
        """The queue told this worker how many wait still; None: nobody counted."""
        if left == 0 and worker_id not in self.outdated:
            self.waiting, self.hungry = 0, False
        self.waiting = max(self.waiting, left or 0)
        self.outdated.discard(worker_id)

    def ended(self, worker_id: str, execution_ids: tuple[str, ...]) -> bool:
        """Whether the worker has nothing more to run. No ids: all that it ran."""
        left = [one for one in self.running.pop(worker_id, ()) if one not in execution_ids]
        if left and execution_ids:
            self.running[worker_id] = tuple(left)
            return False
        return True

    def is_paused(self, now: datetime) -> bool:
        return self.paused_until is not None and now < self.paused_until


@dataclass(slots=True, kw_only=True)
class State:
    """All lanes. `capacity` bounds the executions of this service that run at the same time."""

    policy: Policy
    new_id: Callable[[], str]
    lanes: dict[str, Lane] = field(default_factory=dict)
    stopping: bool = False


def is_full(state: State, actor_id: str) -> bool:
    """Whether one more message changes nothing now: all workers are taken, no more may be."""
    lane = state.lanes.get(actor_id)
    if lane is None or lane.retiring or lane.paused_until is not None:
        return False
    taken = all(phase in (Phase.LEASING, Phase.BUSY) for phase in lane.workers.values())
    return taken and lane.staying >= lane.facts.room


def has_rest(state: State, actor_id: str) -> bool:
    """Whether a worker of this actor has nothing to do, so that it can ask the queue at once."""
    lane = state.lanes.get(actor_id)
    return lane is not None and bool(lane.idle_since) and not lane.retiring


def knows(state: State, actor_id: str) -> bool:
    """Whether nobody has to look how many messages wait: no more can be done now, or the worker
    that has nothing to do and asks the queue hears it."""
    if is_full(state, actor_id):
        return True
    return has_rest(state, actor_id) and state.lanes[actor_id].facts.takes_some


def may_have_missed(state: State, actor_id: str, now: datetime) -> bool:
    """Whether a message that waits for this actor may be one that nobody told the machine of."""
    lane = state.lanes.get(actor_id)
    if lane is None:
        return True
    return not (lane.retiring or lane.is_paused(now) or is_full(state, actor_id))


def workers_of(state: State) -> list[str]:
    return [worker_id for lane in state.lanes.values() for worker_id in lane.workers]
