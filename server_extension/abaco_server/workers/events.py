"""What the machine is told (events) and what it says (instructions)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from abaco_server.model.decision import Decision
from abaco_server.model.task import FailureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneFacts:
    """What the machine has to know of an actor."""

    actor_id: str
    image: str
    max_workers: int
    exclusive: bool
    """Stateful: one message at a time, in order."""
    queue: str = "default"
    sync: bool = False
    """The hint `sync`: one idle worker stays for longer."""
    shares: bool = False
    """Its executions share containers, so that a worker may take several messages at once."""

    @property
    def takes_some(self) -> bool:
        """A worker takes several messages at once, and hears how many are left."""
        return self.shares and not self.exclusive

    @property
    def room(self) -> int:
        """Workers that it may have."""
        return 1 if self.exclusive else self.max_workers


# ---- events ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """There may be work for this actor; it gets one worker in any case."""

    facts: LaneFacts
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class More:
    """A message came for an actor that has a worker at rest, or whose workers are all taken."""

    actor_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensure:
    """Somebody wants at least so many workers for this actor, whatever waits."""

    facts: LaneFacts
    at_least: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Somebody wants this worker to go: it finishes what it runs."""

    actor_id: str
    worker_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The worker's image is here."""

    actor_id: str
    worker_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareFailed:
    actor_id: str
    worker_id: str
    kind: FailureKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    actor_id: str
    worker_id: str
    execution_ids: tuple[str, ...]
    """At least one, in the order in which they are to run."""
    left: int | None = None
    """That wait behind them, though there may be more than so many; None: nobody counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingToLease:
    """`due`: when the earliest message that is being held back may be asked for again."""

    actor_id: str
    worker_id: str
    due: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The outcomes of these executions are on record."""

    actor_id: str
    worker_id: str
    execution_ids: tuple[str, ...] = ()
    """Empty: of all that the worker ran."""
    pace: timedelta | None = None
    """How long one of them took, if that is to decide how many the next worker takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broke:
    """The runner could not bring the execution to a known end."""

    actor_id: str
    worker_id: str
    execution_id: str
    kind: FailureKind
    reason: str
    started: bool
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """This execution, which the worker was to run later, is not its own any more."""

    actor_id: str
    worker_id: str
    execution_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """An execution of an earlier life still runs; its worker is busy with it."""

    facts: LaneFacts
    worker_id: str
    execution_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """An idle worker may have been idle for long enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """The autoscaler's turn: start what was held back, say what still is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckUp:
    """A worker may have been on its way for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire:
    """The actor is SHUTTING_DOWN."""

    actor_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """The actor's image changed."""

    facts: LaneFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The service stops: nothing new is begun."""


Event = (
    Wake
    | More
    | Ensure
    | Remove
    | Prepared
    | PrepareFailed
    | Leased
    | NothingToLease
    | Ran
    | Broke
    | Withdrawn
    | Adopted
    | Tick
    | Scale
    | CheckUp
    | Retire
    | Refresh
    | Stop
)

# ---- instructions ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Make a worker: its record, then its image. Answer: Prepared or PrepareFailed."""

    actor_id: str
    worker_id: str
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Ask the queue for messages. Answer: Leased or NothingToLease."""

    actor_id: str
    worker_id: str
    exclusive: bool
    shares: bool = False
    """Several at once may be taken: `at_most` so many."""
    at_most: int = 1
    among: int = 1
    """Workers between whom what waits is shared out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Run the leased messages. Answer: Ran for those whose outcome is known, Broke for each of
    the others."""

    actor_id: str
    worker_id: str
    execution_ids: tuple[str, ...]
    shares: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveBack:
    """Put the message back at the front of the queue, not to be run before `not_before`."""

    actor_id: str
    execution_id: str
    not_before: datetime | None
    counted: bool = False
    """Whether this was one of the failed starts of which only so many are allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """The execution ends in ERROR."""

    execution_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    execution_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismiss:
    """The worker is gone: remove its record."""

    worker_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandon:
    """Nobody waits for this Start any more: there will be no answer."""

    worker_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorReady:
    actor_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorError:
    actor_id: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retired:
    """The last worker of a SHUTTING_DOWN actor is gone."""

    actor_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeAt:
    """Come back at this time: with Wake for the actor, or with Tick when it is None."""

    actor_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """A rule has acted."""

    decision: Decision


Instruction = (
    Start
    | Lease
    | Run
    | GiveBack
    | Fail
    | Halt
    | Dismiss
    | Abandon
    | ActorReady
    | ActorError
    | Retired
    | WakeAt
    | Tell
)
