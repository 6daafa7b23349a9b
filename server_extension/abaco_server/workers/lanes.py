"""What the machine knows: one lane an actor, and what can be asked of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

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
    running: dict[str, str] = field(default_factory=dict)
    """Worker id -> execution id."""
    idle_since: dict[str, datetime] = field(default_factory=dict)
    waiting: int = 0
    """A hint: messages that nobody asked the queue for yet."""
    hungry: bool = False
    """The queue may hold a message; only its own "nothing" makes this false."""
    woken: bool = False
    """Woken while a worker was asking: a "nothing" that is on its way may be out of date."""
    retiring: bool = False
    failures: int = 0
    """Internal failures in a row: sets the backoff."""
    paused_until: datetime | None = None
    """After a failure nobody asks the queue before this time."""

    @property
    def staying(self) -> int:
        return len(self.workers) - len(self.leaving)


@dataclass(slots=True, kw_only=True)
class State:
    """All lanes. `capacity` bounds the executions of this service that run at the same time."""

    policy: Policy
    new_id: Callable[[], str]
    lanes: dict[str, Lane] = field(default_factory=dict)
    stopping: bool = False

    @property
    def active(self) -> int:
        """Workers that run an execution or may be about to."""
        return sum(
            phase in (Phase.LEASING, Phase.BUSY)
            for lane in self.lanes.values()
            for phase in lane.workers.values()
        )


def is_full(state: State, actor_id: str) -> bool:
    """Whether one more message changes nothing now: all workers are taken, no more may be."""
    lane = state.lanes.get(actor_id)
    if lane is None or lane.retiring or lane.paused_until is not None:
        return False
    taken = all(phase in (Phase.LEASING, Phase.BUSY) for phase in lane.workers.values())
    return taken and lane.staying >= lane.facts.room


def idle_deadline(state: State) -> datetime | None:
    """When the next idle worker is due to leave."""
    oldest = [
        since
        for lane in state.lanes.values()
        if not lane.facts.exclusive
        for since in lane.idle_since.values()
    ]
    return min(oldest) + state.policy.idle if oldest else None
