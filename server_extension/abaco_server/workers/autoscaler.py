"""The rules by which an actor has more or fewer workers. Pure: no I/O, no clock.

| more | fewer |
|---|---|
| one for each message that nobody asks for | without work for `idle` |
| one in any case, for a message or a new actor | the one that `sync` keeps: for `sync_idle` |
| as many as POST /workers says | every worker, also a stateful actor's: for `worker_ttl` |

Limits, of which the tightest acts: the actor's own maximum, `max_starting` workers of a queue on
their way, `queue_capacity` and `capacity` executions at once. A worker that was promised (second
and third line) is started even when no more executions may run: it is what makes an actor READY.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from abaco_server.model.decision import Rule
from abaco_server.workers.lanes import Lane, Phase, State
from abaco_server.workers.policy import Policy


@dataclass(slots=True, kw_only=True)
class Census:
    """The workers of all lanes that are not idle, by the queue of their actors."""

    active: int = 0
    """Workers that run an execution or may be about to."""
    active_of: Counter[str] = field(default_factory=Counter)
    starting_of: Counter[str] = field(default_factory=Counter)

    def add(self, queue: str, phase: Phase) -> None:
        if phase is Phase.STARTING:
            self.starting_of[queue] += 1
        elif phase is not Phase.IDLE:
            self.active += 1
            self.active_of[queue] += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Start this many workers. `limit`: what stands against more, though there is work."""

    start: int
    rule: Rule
    limit: Rule | None


_NONE = Order(start=0, rule=Rule.QUEUE_LENGTH, limit=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """When an idle worker leaves if nothing comes, and why."""

    worker_id: str
    at: datetime
    rule: Rule


def count(state: State) -> Census:
    census = Census()
    for lane in state.lanes.values():
        if len(lane.idle_since) == len(lane.workers):
            continue  # a thousand stateful actors that rest cost next to nothing
        for phase in lane.workers.values():
            census.add(lane.facts.queue, phase)
    return census


def free_places(policy: Policy, census: Census, queue: str) -> tuple[int, Rule]:
    """How many more executions of this queue's actors may run, and which limit says so."""
    free, limit = policy.capacity - census.active, Rule.CAPACITY
    most = policy.queue_capacity.get(queue)
    if most is not None and most - census.active_of[queue] < free:
        return max(most - census.active_of[queue], 0), Rule.QUEUE_CAPACITY
    return max(free, 0), limit


def scale(lane: Lane, policy: Policy, census: Census) -> Order:
    """How many workers this lane gets now."""
    if not lane.wants:
        return _NONE
    queue = lane.facts.queue
    starting = len(lane.starting_since)
    by_length = max(lane.waiting - lane.asking - starting, 0) if lane.hungry else 0
    limit: Rule | None = None
    places, of_places = free_places(policy, census, queue)
    # Those on their way will want a place each.
    if by_length > (places := max(places - starting, 0)):
        by_length, limit = places, of_places
    promised = max(lane.at_least - lane.staying, 0)
    wanted = max(by_length, promised)
    for bound, rule in (
        (policy.max_starting - census.starting_of[queue], Rule.MAX_CMD_LENGTH),
        (lane.facts.room - lane.staying, Rule.MAX_WORKERS),
    ):
        if wanted > bound:
            wanted, limit = max(bound, 0), rule
    rule = lane.promise if promised > by_length else Rule.QUEUE_LENGTH
    return Order(start=wanted, rule=rule, limit=limit)


def at_once(lane: Lane, policy: Policy) -> int:
    """How many messages a worker may take at once: one until it is known how long they take, then
    no more than it does quickly."""
    if not lane.facts.takes_some or lane.pace is None:
        return 1
    if lane.pace * policy.largest_group <= policy.group_lasts:
        return policy.largest_group
    return max(1, int(policy.group_lasts / lane.pace))


def shortest_stay(lane: Lane, policy: Policy) -> timedelta | None:
    """No worker of this lane leaves before it was idle for so long; None: none ever does."""
    if lane.facts.exclusive:
        return policy.worker_ttl
    return policy.idle if policy.worker_ttl is None else min(policy.idle, policy.worker_ttl)


def departures(lane: Lane, policy: Policy) -> list[Departure]:
    """Of this lane's idle workers, whoever has been idle for longest first."""
    idle = sorted(lane.idle_since.items(), key=lambda one: one[1])
    return [
        found
        for worker_id, since in idle
        if (found := _departure(lane, policy, worker_id, since, last=worker_id == idle[-1][0]))
    ]


def _departure(
    lane: Lane, policy: Policy, worker_id: str, since: datetime, *, last: bool
) -> Departure | None:
    times: list[tuple[datetime, Rule]] = []
    # A stateful actor keeps its worker (section 15).
    if not lane.facts.exclusive:
        if lane.facts.sync and last:
            times.append((since + max(policy.sync_idle, policy.idle), Rule.SYNC))
        else:
            times.append((since + policy.idle, Rule.IDLE))
    if policy.worker_ttl is not None:
        times.append((since + policy.worker_ttl, Rule.WORKER_TTL))
    if not times:
        return None
    at, rule = min(times)
    return Departure(worker_id=worker_id, at=at, rule=rule)
