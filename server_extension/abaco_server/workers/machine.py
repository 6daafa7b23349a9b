"""The workers' state machine: events in, instructions out, no I/O and no clock of its own.

A *lane* is what the machine knows of one actor. Its workers are in one of these states:

    STARTING --Prepared--> IDLE --(Lease)--> LEASING --Leased--> BUSY --Ran/Broke--> IDLE
        |                   ^                   |
        '--PrepareFailed    '--NothingToLease---'        any --(leaving)--> dismissed

`lanes` holds what is known; `pool` performs the instructions and feeds back what came of them.
The machine decides four things only: how many workers a lane has, who may ask the queue, what a
failure means, and when a lane is done.
"""

from datetime import datetime

from abaco_server.model.task import FailureKind
from abaco_server.workers.events import (
    ActorError,
    ActorReady,
    Adopted,
    Broke,
    Dismiss,
    Event,
    Fail,
    GiveBack,
    Halt,
    Instruction,
    LaneFacts,
    Lease,
    Leased,
    More,
    NothingToLease,
    Prepared,
    PrepareFailed,
    Ran,
    Refresh,
    Retire,
    Retired,
    Run,
    Start,
    Stop,
    Tick,
    Wake,
    WakeAt,
)
from abaco_server.workers.lanes import Lane, Phase, State, idle_deadline


def step(state: State, event: Event, now: datetime) -> list[Instruction]:
    """What has to be done, now that `event` has happened. Changes `state`."""
    match event:
        case Wake(facts=facts, waiting=waiting):
            return _wake(state, facts, waiting, now)
        case More(actor_id=actor_id):
            return _more(state.lanes[actor_id])
        case Adopted(facts=facts, worker_id=worker_id, execution_id=execution_id):
            lane = _lane(state, facts)
            lane.workers[worker_id] = Phase.BUSY
            lane.running[worker_id] = execution_id
            return []
        case Tick():
            return _dismiss_idle(state, now)
        case Retire(actor_id=actor_id):
            return _retire(state, actor_id)
        case Refresh(facts=facts):
            return _refresh(state, facts, now)
        case Stop():
            state.stopping = True
            return []
        case Prepared() | PrepareFailed() | Leased() | NothingToLease() | Ran() | Broke():
            lane = state.lanes[event.actor_id]
            return _of_worker(state, lane, event, now)


def _of_worker(
    state: State,
    lane: Lane,
    event: Prepared | PrepareFailed | Leased | NothingToLease | Ran | Broke,
    now: datetime,
) -> list[Instruction]:
    actor_id, worker_id = event.actor_id, event.worker_id
    done: list[Instruction] = []
    match event:
        case Prepared():
            lane.failures = 0
            if worker_id not in lane.leaving and not lane.retiring:
                done.append(ActorReady(actor_id=actor_id))
        case PrepareFailed(kind=kind, reason=reason):
            return _prepare_failed(state, lane, worker_id, kind, reason, now)
        case Leased(execution_id=execution_id) if state.stopping or lane.retiring:
            done.append(GiveBack(actor_id=actor_id, execution_id=execution_id, not_before=None))
        case Leased(execution_id=execution_id):
            lane.workers[worker_id] = Phase.BUSY
            lane.running[worker_id] = execution_id
            lane.waiting = max(lane.waiting - 1, 0)
            done.append(Run(actor_id=actor_id, worker_id=worker_id, execution_id=execution_id))
            return done + _feed(state, lane, now)
        case NothingToLease(due=due):
            if not lane.woken:
                lane.waiting, lane.hungry = 0, False
            lane.woken = False
            if due is not None:
                done.append(WakeAt(actor_id=actor_id, at=due))
        case Ran():
            lane.running.pop(worker_id, None)
            lane.failures, lane.paused_until = 0, None
            # The queue alone knows what came meanwhile: ask it again.
            lane.hungry = True
        case Broke():
            lane.running.pop(worker_id, None)
            lane.hungry = True
            done += _broke(state, lane, event, now)
    return done + _rest(state, lane, worker_id, now) + _feed_all(state, now, first=lane)


def _lane(state: State, facts: LaneFacts) -> Lane:
    lane = state.lanes.setdefault(facts.actor_id, Lane(facts=facts))
    lane.facts = facts
    return lane


def _wake(state: State, facts: LaneFacts, waiting: int, now: datetime) -> list[Instruction]:
    lane = _lane(state, facts)
    lane.waiting = waiting
    lane.hungry = lane.hungry or waiting > 0
    lane.woken = any(phase is Phase.LEASING for phase in lane.workers.values())
    return _feed(state, lane, now, at_least=1)


def _more(lane: Lane) -> list[Instruction]:
    lane.waiting += 1
    lane.hungry = True
    lane.woken = any(phase is Phase.LEASING for phase in lane.workers.values())
    return []


def _feed(state: State, lane: Lane, now: datetime, *, at_least: int = 0) -> list[Instruction]:
    """Let idle workers ask the queue, and start more when there is work for more."""
    if state.stopping or lane.retiring:
        return []
    if lane.paused_until is not None and now < lane.paused_until:
        return [WakeAt(actor_id=lane.facts.actor_id, at=lane.paused_until)]
    done: list[Instruction] = []
    actor_id, facts = lane.facts.actor_id, lane.facts
    asking = sum(phase is Phase.LEASING for phase in lane.workers.values())
    if lane.hungry:
        for worker_id, phase in list(lane.workers.items()):
            if asking >= max(lane.waiting, 1) or state.active >= state.policy.capacity:
                break
            if phase is Phase.IDLE and worker_id not in lane.leaving:
                lane.workers[worker_id] = Phase.LEASING
                lane.idle_since.pop(worker_id, None)
                asking += 1
                done.append(
                    Lease(actor_id=actor_id, worker_id=worker_id, exclusive=facts.exclusive)
                )
    starting = sum(phase is Phase.STARTING for phase in lane.workers.values())
    wanted = max(lane.waiting - asking - starting, 0) if lane.hungry else 0
    if state.active + starting >= state.policy.capacity:
        wanted = 0
    room = facts.room - lane.staying
    for _ in range(min(max(wanted, at_least - lane.staying), room)):
        worker_id = state.new_id()
        lane.workers[worker_id] = Phase.STARTING
        done.append(Start(actor_id=actor_id, worker_id=worker_id, image=facts.image))
    return done


def _feed_all(state: State, now: datetime, *, first: Lane) -> list[Instruction]:
    """A place has become free: other lanes that wait for one come before the lane that had it."""
    done: list[Instruction] = []
    others = [lane for lane in state.lanes.values() if lane.hungry and lane is not first]
    for lane in [*others, first]:
        served = _feed(state, lane, now)
        if served and lane is not first:
            # Whoever was served goes to the end of the row.
            state.lanes[lane.facts.actor_id] = state.lanes.pop(lane.facts.actor_id)
        done += served
    return done


def _rest(state: State, lane: Lane, worker_id: str, now: datetime) -> list[Instruction]:
    """The worker has nothing to do: it leaves if it has to, else it is idle."""
    if worker_id in lane.leaving or lane.retiring:
        return _remove(state, lane, worker_id)
    lane.workers[worker_id] = Phase.IDLE
    lane.idle_since[worker_id] = now
    return [WakeAt(actor_id=None, at=now + state.policy.idle)]


def _remove(state: State, lane: Lane, worker_id: str) -> list[Instruction]:
    lane.workers.pop(worker_id, None)
    lane.leaving.discard(worker_id)
    lane.idle_since.pop(worker_id, None)
    done: list[Instruction] = [Dismiss(worker_id=worker_id)]
    if lane.retiring and not lane.workers:
        del state.lanes[lane.facts.actor_id]
        done.append(Retired(actor_id=lane.facts.actor_id))
    return done


def _prepare_failed(
    state: State,
    lane: Lane,
    worker_id: str,
    kind: FailureKind,
    reason: str,
    now: datetime,
) -> list[Instruction]:
    actor_id = lane.facts.actor_id
    done: list[Instruction] = []
    if worker_id in lane.leaving or lane.retiring:
        # It was to have an image that the actor has no more: that says nothing of the new one.
        return _remove(state, lane, worker_id) + _feed_all(state, now, first=lane)
    if kind is FailureKind.INTERNAL:
        done.append(_pause(state, lane, now))
    else:
        prefix = "Spawner got an exception from call to start_worker. Exception:"
        done.append(ActorError(actor_id=actor_id, message=prefix + reason))
    # Until the next message, PUT or retry nobody tries again.
    lane.hungry = False
    return done + _remove(state, lane, worker_id)


def _broke(state: State, lane: Lane, event: Broke, now: datetime) -> list[Instruction]:
    """User code did not run to a known end: run it later, or say why never."""
    execution_id, actor_id = event.execution_id, event.actor_id
    if event.started:
        # Run again, it might do twice what must be done once.
        return [Fail(execution_id=execution_id, reason=event.reason)]
    if event.worker_id in lane.leaving and event.kind is not FailureKind.INTERNAL:
        # The image has been replaced meanwhile: the message is for the new one.
        return [_give_back(event, None)]
    message = f"Error executing container: {event.reason}"
    if event.kind is FailureKind.IMAGE:
        lane.hungry = False
        return [_give_back(event, None), ActorError(actor_id=actor_id, message=message)]
    if event.kind is FailureKind.START and event.attempt >= state.policy.max_start_attempts:
        lane.hungry = False
        return [
            Fail(execution_id=execution_id, reason=event.reason),
            ActorError(actor_id=actor_id, message=message),
        ]
    pause = _pause(state, lane, now, fixed=event.kind is FailureKind.START)
    return [_give_back(event, pause.at), pause]


def _pause(state: State, lane: Lane, now: datetime, *, fixed: bool = False) -> WakeAt:
    lane.failures += 1
    delay = state.policy.start_retry if fixed else state.policy.backoff(lane.failures)
    lane.paused_until = now + delay
    return WakeAt(actor_id=lane.facts.actor_id, at=lane.paused_until)


def _give_back(event: Broke, not_before: datetime | None) -> GiveBack:
    return GiveBack(
        actor_id=event.actor_id,
        execution_id=event.execution_id,
        not_before=not_before,
        counted=event.kind is FailureKind.START,
    )


def _dismiss_idle(state: State, now: datetime) -> list[Instruction]:
    done: list[Instruction] = []
    for lane in list(state.lanes.values()):
        for worker_id, since in list(lane.idle_since.items()):
            # A stateful actor keeps its worker (section 15).
            if not lane.facts.exclusive and now - since >= state.policy.idle:
                done += _remove(state, lane, worker_id)
        if not lane.workers and not lane.hungry and lane.facts.actor_id in state.lanes:
            del state.lanes[lane.facts.actor_id]
    if (next_deadline := idle_deadline(state)) is not None:
        done.append(WakeAt(actor_id=None, at=next_deadline))
    return done


def _retire(state: State, actor_id: str) -> list[Instruction]:
    """The actor is going: idle workers at once, running executions are halted first."""
    lane = state.lanes.get(actor_id)
    if lane is None:
        return [Retired(actor_id=actor_id)]
    lane.retiring = True
    done: list[Instruction] = [Halt(execution_id=e) for e in lane.running.values()]
    for worker_id, phase in list(lane.workers.items()):
        if phase is Phase.IDLE:
            done += _remove(state, lane, worker_id)
    if not lane.workers and actor_id in state.lanes:
        del state.lanes[actor_id]
        done.append(Retired(actor_id=actor_id))
    return done


def _refresh(state: State, facts: LaneFacts, now: datetime) -> list[Instruction]:
    """The image changed: busy workers finish what they have, then new ones take over."""
    lane = _lane(state, facts)
    done: list[Instruction] = []
    for worker_id, phase in list(lane.workers.items()):
        if phase is Phase.IDLE:
            done += _remove(state, lane, worker_id)
        else:
            lane.leaving.add(worker_id)
    state.lanes[facts.actor_id] = lane
    lane.hungry, lane.paused_until = True, None
    return done + _feed(state, lane, now, at_least=1)
