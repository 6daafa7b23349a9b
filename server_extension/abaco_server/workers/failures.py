"""What a failure means: is it tried again, and when, or is it the end? Pure, as the machine is."""

from datetime import datetime

from abaco_server.model.task import FailureKind
from abaco_server.workers.events import (
    ActorError,
    Broke,
    Fail,
    GiveBack,
    Instruction,
    PrepareFailed,
    WakeAt,
)
from abaco_server.workers.lanes import Lane
from abaco_server.workers.policy import Policy


def prepare_failed(
    lane: Lane, event: PrepareFailed, policy: Policy, now: datetime
) -> list[Instruction]:
    """A worker's image could not be had. Nobody tries again until the next message, PUT or, when
    the actor is not to blame, the end of the pause."""
    lane.hungry = False
    if event.kind is FailureKind.INTERNAL:
        return [_pause(lane, policy, now)]
    lane.at_least = 0
    prefix = "Spawner got an exception from call to start_worker. Exception:"
    return [ActorError(actor_id=event.actor_id, message=prefix + event.reason)]


def broke(lane: Lane, event: Broke, policy: Policy, now: datetime) -> list[Instruction]:
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
    if event.kind is FailureKind.START and event.attempt >= policy.max_start_attempts:
        lane.hungry = False
        return [
            Fail(execution_id=execution_id, reason=event.reason),
            ActorError(actor_id=actor_id, message=message),
        ]
    pause = _pause(lane, policy, now, fixed=event.kind is FailureKind.START)
    return [_give_back(event, pause.at), pause]


def _pause(lane: Lane, policy: Policy, now: datetime, *, fixed: bool = False) -> WakeAt:
    # One trouble that a whole group meets is one failure.
    if not lane.is_paused(now):
        lane.failures += 1
    delay = policy.start_retry if fixed else policy.backoff(lane.failures)
    lane.paused_until = now + delay
    return WakeAt(actor_id=lane.facts.actor_id, at=lane.paused_until)


def _give_back(event: Broke, not_before: datetime | None) -> GiveBack:
    return GiveBack(
        actor_id=event.actor_id,
        execution_id=event.execution_id,
        not_before=not_before,
        counted=event.kind is FailureKind.START,
    )
