"""Fewer workers: those that rest for too long leave, and those that have to. Pure, as the machine
is."""

from datetime import datetime

from abaco_server.model.decision import Action, Rule
from abaco_server.workers import autoscaler
from abaco_server.workers.events import Dismiss, Halt, Instruction, Retired, WakeAt
from abaco_server.workers.lanes import Lane, Phase, State
from abaco_server.workers.scaling import tell

_TICKS = 60
"""At most so many looks at idle workers in the time after which they leave: leaving a little late
costs nothing, a look at a thousand lanes for each of a thousand workers does."""


def rest(state: State, lane: Lane, worker_id: str, now: datetime) -> list[Instruction]:
    """The worker has nothing to do: it leaves if it has to, else it is idle."""
    if worker_id in lane.leaving or lane.retiring:
        return remove(state, lane, worker_id)
    lane.workers[worker_id] = Phase.IDLE
    lane.idle_since[worker_id] = now
    soonest = autoscaler.shortest_stay(lane, state.policy)
    return [] if soonest is None else [WakeAt(actor_id=None, at=now + soonest)]


def remove(state: State, lane: Lane, worker_id: str) -> list[Instruction]:
    lane.workers.pop(worker_id, None)
    lane.leaving.discard(worker_id)
    lane.idle_since.pop(worker_id, None)
    lane.starting_since.pop(worker_id, None)
    done: list[Instruction] = [Dismiss(worker_id=worker_id)]
    if lane.retiring and not lane.workers:
        del state.lanes[lane.facts.actor_id]
        done.append(Retired(actor_id=lane.facts.actor_id))
    return done


def dismiss_idle(state: State, now: datetime) -> list[Instruction]:
    done: list[Instruction] = []
    next_at: datetime | None = None
    for lane in list(state.lanes.values()):
        gone: dict[Rule, list[str]] = {}
        for leaves in autoscaler.departures(lane, state.policy):
            if leaves.at <= now:
                done += remove(state, lane, leaves.worker_id)
                gone.setdefault(leaves.rule, []).append(leaves.worker_id)
            else:
                next_at = min(leaves.at, next_at or leaves.at)
        for rule, worker_ids in gone.items():
            lane.at_least = min(lane.at_least, lane.staying)
            done.append(tell(lane, Action.REMOVE, rule, now, *worker_ids))
        if not lane.workers and not lane.wants and lane.facts.actor_id in state.lanes:
            del state.lanes[lane.facts.actor_id]
    if next_at is not None:
        soonest = now + state.policy.idle / _TICKS
        done.append(WakeAt(actor_id=None, at=max(next_at, soonest)))
    return done


def retire(state: State, actor_id: str, now: datetime) -> list[Instruction]:
    """The actor is going: idle workers at once, running executions are halted first."""
    lane = state.lanes.get(actor_id)
    if lane is None:
        return [Retired(actor_id=actor_id)]
    lane.retiring = True
    done: list[Instruction] = [
        Halt(execution_id=one) for ids in lane.running.values() for one in ids
    ]
    if lane.workers:
        done.append(tell(lane, Action.REMOVE, Rule.ACTOR_DELETED, now, *lane.workers))
    for worker_id, phase in list(lane.workers.items()):
        if phase is Phase.IDLE:
            done += remove(state, lane, worker_id)
    if not lane.workers and actor_id in state.lanes:
        del state.lanes[actor_id]
        done.append(Retired(actor_id=actor_id))
    return done
