"""More workers: idle ones ask the queue, new ones are started. Pure, as the machine is."""

from datetime import datetime

from abaco_server.model.decision import Action, Decision, Rule
from abaco_server.workers import autoscaler
from abaco_server.workers.autoscaler import Census
from abaco_server.workers.events import Instruction, Lease, Start, Tell, WakeAt
from abaco_server.workers.lanes import Lane, Phase, State


def promise(
    state: State, lane: Lane, at_least: int, rule: Rule, now: datetime
) -> list[Instruction]:
    """So many workers whatever waits; those that a limit holds back now come later."""
    if at_least > max(lane.at_least, lane.staying):
        lane.at_least, lane.promise = at_least, rule
    return feed(state, lane, now)


def feed(
    state: State, lane: Lane, now: datetime, census: Census | None = None
) -> list[Instruction]:
    """Let idle workers ask the queue, and start more when there is work for more."""
    if state.stopping or lane.retiring:
        return []
    if lane.is_paused(now):
        assert lane.paused_until is not None
        return [WakeAt(actor_id=lane.facts.actor_id, at=lane.paused_until)]
    census = census or autoscaler.count(state)
    done = _ask(state, lane, census) if lane.hungry else []
    order = autoscaler.scale(lane, state.policy, census)
    started = tuple(state.new_id() for _ in range(order.start))
    for worker_id in started:
        lane.workers[worker_id] = Phase.STARTING
        lane.starting_since[worker_id] = now
        census.add(lane.facts.queue, Phase.STARTING)
        start = Start(actor_id=lane.facts.actor_id, worker_id=worker_id, image=lane.facts.image)
        done.append(start)
    if started:
        done.append(tell(lane, Action.START, order.rule, now, *started))
    if order.limit is None:
        lane.held_by = None
    return done


def _ask(state: State, lane: Lane, census: Census) -> list[Instruction]:
    done: list[Instruction] = []
    facts, asking = lane.facts, lane.asking
    places, _ = autoscaler.free_places(state.policy, census, facts.queue)
    for worker_id, phase in list(lane.workers.items()):
        if asking >= max(lane.waiting, 1) or places == 0:
            break
        if phase is Phase.IDLE and worker_id not in lane.leaving:
            lane.workers[worker_id] = Phase.LEASING
            lane.idle_since.pop(worker_id, None)
            census.add(facts.queue, Phase.LEASING)
            asking, places = asking + 1, places - 1
            done.append(
                Lease(
                    actor_id=facts.actor_id,
                    worker_id=worker_id,
                    exclusive=facts.exclusive,
                    shares=facts.takes_some,
                    at_most=autoscaler.at_once(lane, state.policy),
                    among=facts.room,
                )
            )
    return done


def feed_all(state: State, now: datetime, *, first: Lane | None = None) -> list[Instruction]:
    """A place has become free: other lanes that wait for one come before the lane that had it."""
    others = [
        lane
        for lane in state.lanes.values()
        # Those that are paused have a timer of their own.
        if lane.wants and lane is not first and not lane.is_paused(now)
    ]
    lanes = others if first is None else [*others, first]
    census = autoscaler.count(state)
    done: list[Instruction] = []
    for lane in lanes:
        served = feed(state, lane, now, census)
        if served and lane is not first:
            # Whoever was served goes to the end of the row.
            state.lanes[lane.facts.actor_id] = state.lanes.pop(lane.facts.actor_id)
        done += served
    return done


def scale(state: State, now: datetime) -> list[Instruction]:
    """Start what can be started by now, and say, once, which rule holds the rest back and which
    keeps a worker that would have left."""
    if state.stopping:
        return []
    done = feed_all(state, now)
    census = autoscaler.count(state)
    for lane in state.lanes.values():
        if lane.wants and not lane.retiring:
            done += _say_what_holds(state, lane, census, now)
        if lane.facts.sync and lane.idle_since:
            done += _say_what_keeps(state, lane, now)
    return done


def _say_what_holds(state: State, lane: Lane, census: Census, now: datetime) -> list[Instruction]:
    paused = lane.is_paused(now)
    limit = Rule.PAUSED if paused else autoscaler.scale(lane, state.policy, census).limit
    told, lane.held_by = lane.held_by, limit
    return [] if limit is None or limit is told else [tell(lane, Action.HOLD, limit, now)]


def _say_what_keeps(state: State, lane: Lane, now: datetime) -> list[Instruction]:
    last = autoscaler.departures(lane, state.policy)[-1]
    over = now - lane.idle_since[last.worker_id] >= state.policy.idle
    if last.rule is not Rule.SYNC or not over or lane.kept == last.worker_id:
        return []
    lane.kept = last.worker_id
    return [tell(lane, Action.KEEP, Rule.SYNC, now, last.worker_id)]


def tell(lane: Lane, action: Action, rule: Rule, now: datetime, *worker_ids: str) -> Tell:
    return Tell(
        decision=Decision(
            actor_id=lane.facts.actor_id,
            at=now,
            rule=rule,
            action=action,
            workers=0 if lane.retiring else lane.staying,
            waiting=lane.waiting,
            worker_ids=worker_ids,
        )
    )
