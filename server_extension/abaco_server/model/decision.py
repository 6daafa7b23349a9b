"""Why an actor has as many workers as it has: what was decided, and by which rule."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from abaco_jupyter.wire.envelope import stored_time


class Action(StrEnum):
    START = "start"
    REMOVE = "remove"
    """Also of a worker that finishes what it runs first."""
    KEEP = "keep"
    """A worker that would have left by the idle rule."""
    HOLD = "hold"
    """There is work for more workers, and a limit is reached."""


class Rule(StrEnum):
    # What starts workers.
    QUEUE_LENGTH = "queue_length"
    """More messages wait than there are workers to take them."""
    FIRST_WORKER = "first_worker"
    """A message or a new actor makes sure of one worker, whatever waits."""
    REQUESTED = "requested"
    """POST /workers."""
    NEW_IMAGE = "new_image"
    # What removes or keeps them.
    IDLE = "idle"
    SYNC = "sync"
    """The hint `sync`: one idle worker stays for longer, and leaves in the end."""
    WORKER_TTL = "worker_ttl"
    DELETED = "deleted"
    """DELETE /workers/W."""
    ACTOR_DELETED = "actor_deleted"
    START_FAILED = "start_failed"
    STUCK = "stuck"
    """Found by a health check."""
    # What holds more of them back.
    MAX_WORKERS = "max_workers"
    MAX_CMD_LENGTH = "max_cmd_length"
    """So many workers are being started already."""
    CAPACITY = "capacity"
    QUEUE_CAPACITY = "queue_capacity"
    PAUSED = "paused"
    """After an internal failure, until it is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    actor_id: str
    at: datetime
    rule: Rule
    action: Action
    workers: int
    """How many the actor has when this is done, less those that are about to leave."""
    waiting: int
    """Messages that nobody has asked the queue for, as far as the workers know."""
    worker_ids: tuple[str, ...] = ()
    """Those that were started, removed or kept."""


def facts(decision: Decision) -> dict[str, Any]:
    """As it is told outside."""
    return {
        "actorId": decision.actor_id,
        "time": stored_time(decision.at),
        "rule": decision.rule.value,
        "action": decision.action.value,
        "workers": decision.workers,
        "waiting": decision.waiting,
        "workerIds": [*decision.worker_ids],
    }
