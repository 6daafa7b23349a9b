"""The workers' state machine: events in, instructions out, no I/O and no clock of its own.

A *lane* is what the machine knows of one actor. Its workers are in one of these states:

    STARTING --Prepared--> IDLE --(Lease)--> LEASING --Leased--> BUSY --Ran/Broke--> IDLE
        |                   ^                   |
        '--PrepareFailed    '--NothingToLease---'        any --(leaving)--> dismissed

`lanes` holds what is known; `pool` performs the instructions and feeds back what came of them.
The machine decides who may ask the queue and when a lane is done; how many workers a lane has is
said by the rules of `autoscaler`, what a failure means by `failures`.
"""

from datetime import datetime, timedelta

from abaco_server.model.decision import Action, Rule
from abaco_server.model.task import FailureKind
from abaco_server.workers import failures
from abaco_server.workers.events import (
    Abandon,
    ActorReady,
    Adopted,
    Broke,
    CheckUp,
    Dismiss,
    Ensure,
    Event,
    GiveBack,
    Instruction,
    LaneFacts,
    Leased,
    More,
    NothingToLease,
    Prepared,
    PrepareFailed,
    Ran,
    Refresh,
    Remove,
    Retire,
    Run,
    Scale,
    Stop,
    Tick,
    Wake,
    WakeAt,
    Withdrawn,
)
from abaco_server.workers.lanes import Lane, Phase, State
from abaco_server.workers.leaving import dismiss_idle, remove, rest, retire
from abaco_server.workers.scaling import feed, feed_all, promise, scale, tell


def step(state: State, event: Event, now: datetime) -> list[Instruction]:
    """What has to be done, now that `event` has happened. Changes `state`."""
    match event:
        case Wake(facts=facts, waiting=waiting):
            return _wake(state, facts, waiting, now)
        case More(actor_id=actor_id):
            return _more(state, state.lanes[actor_id], now)
        case Adopted(facts=facts, worker_id=worker_id, execution_id=execution_id):
            lane = _lane(state, facts)
            lane.workers[worker_id] = Phase.BUSY
            lane.running[worker_id] = (*lane.running.get(worker_id, ()), execution_id)
            return []
        case Ensure(facts=facts, at_least=at_least):
            lane = _lane(state, facts)
            return promise(state, lane, at_least, Rule.REQUESTED, now)
        case Remove(actor_id=actor_id, worker_id=worker_id):
            return _remove_one(state, actor_id, worker_id, now)
        case Tick():
            return dismiss_idle(state, now)
        case Scale():
            return scale(state, now)
        case CheckUp():
            return _check_up(state, now)
        case Retire(actor_id=actor_id):
            return retire(state, actor_id, now)
        case Refresh(facts=facts):
            return _refresh(state, facts, now)
        case Stop():
            state.stopping = True
            return []
        case (
            Prepared()
            | PrepareFailed()
            | Leased()
            | NothingToLease()
            | Ran()
            | Broke()
            | Withdrawn()
        ):
            lane = state.lanes[event.actor_id]
            return _of_worker(state, lane, event, now)


def _of_worker(
    state: State,
    lane: Lane,
    event: Prepared | PrepareFailed | Leased | NothingToLease | Ran | Broke | Withdrawn,
    now: datetime,
) -> list[Instruction]:
    actor_id, worker_id = event.actor_id, event.worker_id
    done: list[Instruction] = []
    match event:
        case Prepared():
            _started(lane, worker_id)
            if worker_id not in lane.leaving and not lane.retiring:
                done.append(ActorReady(actor_id=actor_id))
        case PrepareFailed():
            return _prepare_failed(state, lane, event, now)
        case Leased(execution_ids=ids) if state.stopping or lane.retiring:
            done += [GiveBack(actor_id=actor_id, execution_id=e, not_before=None) for e in ids]
        case Leased(execution_ids=ids):
            lane.workers[worker_id] = Phase.BUSY
            lane.running[worker_id] = ids
            lane.waiting = max(lane.waiting - len(ids), 0)
            lane.answered(worker_id, event.left)
            shares = lane.facts.shares
            run = Run(actor_id=actor_id, worker_id=worker_id, execution_ids=ids, shares=shares)
            return [run, *feed(state, lane, now)]
        case NothingToLease(due=due):
            lane.answered(worker_id, 0)
            if due is not None:
                done.append(WakeAt(actor_id=actor_id, at=due))
        case Ran(execution_ids=ids, pace=pace):
            lane.failures, lane.paused_until = 0, None
            _note(lane, pace)
            if not lane.facts.takes_some:
                # The queue alone knows what waits behind: ask it again.
                lane.hungry = True
            if not lane.ended(worker_id, ids):
                return done
        case Broke(execution_id=execution_id):
            lane.hungry = True
            done += failures.broke(lane, event, state.policy, now)
            if not lane.ended(worker_id, (execution_id,)):
                return done
        case Withdrawn(execution_id=execution_id):
            if not lane.ended(worker_id, (execution_id,)):
                return done
    return done + rest(state, lane, worker_id, now) + feed_all(state, now, first=lane)


def _note(lane: Lane, pace: timedelta | None) -> None:
    """The latest counts for half: what takes long all of a sudden is soon known."""
    if pace is not None:
        lane.pace = pace if lane.pace is None else (lane.pace + pace) / 2


def _lane(state: State, facts: LaneFacts) -> Lane:
    lane = state.lanes.setdefault(facts.actor_id, Lane(facts=facts))
    lane.facts = facts
    return lane


def _wake(state: State, facts: LaneFacts, waiting: int, now: datetime) -> list[Instruction]:
    lane = _lane(state, facts)
    lane.waiting = waiting
    if waiting > 0:
        lane.more_came()
    return promise(state, lane, 1, Rule.FIRST_WORKER, now)


def _more(state: State, lane: Lane, now: datetime) -> list[Instruction]:
    lane.waiting += 1
    lane.more_came()
    return feed(state, lane, now) if lane.idle_since else []


def _started(lane: Lane, worker_id: str) -> None:
    lane.failures = 0
    lane.starting_since.pop(worker_id, None)
    if not lane.starting_since and not lane.lacks_worker:
        lane.at_least = 0


def _remove_one(state: State, actor_id: str, worker_id: str, now: datetime) -> list[Instruction]:
    """Whoever is at work finishes that first."""
    lane = state.lanes.get(actor_id)
    if lane is None or worker_id not in lane.workers:
        # Of an earlier life, or on its way out: its record goes in any case.
        return [Dismiss(worker_id=worker_id)]
    if worker_id in lane.leaving:
        return []
    done: list[Instruction] = []
    if lane.workers[worker_id] is Phase.IDLE:
        done += remove(state, lane, worker_id)
    else:
        lane.leaving.add(worker_id)
    lane.at_least = min(lane.at_least, lane.staying)
    done.append(tell(lane, Action.REMOVE, Rule.DELETED, now, worker_id))
    return done + feed(state, lane, now)


def _prepare_failed(
    state: State,
    lane: Lane,
    event: PrepareFailed,
    now: datetime,
    rule: Rule = Rule.START_FAILED,
) -> list[Instruction]:
    worker_id = event.worker_id
    if worker_id in lane.leaving or lane.retiring:
        # It was to have an image that the actor has no more: that says nothing of the new one.
        return remove(state, lane, worker_id) + feed_all(state, now, first=lane)
    done = failures.prepare_failed(lane, event, state.policy, now)
    done += remove(state, lane, worker_id)
    done.append(tell(lane, Action.REMOVE, rule, now, worker_id))
    # Its place among those on their way is free.
    return done + feed_all(state, now)


def _check_up(state: State, now: datetime) -> list[Instruction]:
    """A start from which nothing was heard for too long is given up, and tried again later."""
    done: list[Instruction] = []
    longest = state.policy.longest_start
    for lane in list(state.lanes.values()):
        for worker_id, since in list(lane.starting_since.items()):
            if now - since >= longest:
                failure = PrepareFailed(
                    actor_id=lane.facts.actor_id,
                    worker_id=worker_id,
                    kind=FailureKind.INTERNAL,
                    reason=f"the worker was not ready after {longest}",
                )
                done.append(Abandon(worker_id=worker_id))
                done += _prepare_failed(state, lane, failure, now, Rule.STUCK)
    return done


def _refresh(state: State, facts: LaneFacts, now: datetime) -> list[Instruction]:
    """The image changed: busy workers finish what they have, then new ones take over."""
    lane = _lane(state, facts)
    done: list[Instruction] = []
    gone = [worker_id for worker_id in lane.workers if worker_id not in lane.leaving]
    for worker_id, phase in list(lane.workers.items()):
        if phase is Phase.IDLE:
            done += remove(state, lane, worker_id)
        else:
            lane.leaving.add(worker_id)
    state.lanes[facts.actor_id] = lane
    lane.hungry, lane.paused_until = True, None
    if gone:
        done.append(tell(lane, Action.REMOVE, Rule.NEW_IMAGE, now, *gone))
    return done + promise(state, lane, 1, Rule.NEW_IMAGE, now)
