"""What the stream of everything tells: smaller than the records, as it is told ten times a second.
Nulls are shown."""

from datetime import datetime
from typing import Any

from abaco_jupyter.wire.envelope import stored_time
from abaco_server.model.decision import facts
from abaco_server.model.execution import Execution
from abaco_server.model.usage import ActorUse
from abaco_server.service.events import Sight

Record = dict[str, Any]

MOST_WORKERS = 200
"""That are named of one actor; `workerCount` has the number of all."""


def shown(sight: Sight) -> Record:
    return {
        "actors": [actor(use) for use in sight.actors],
        "gone": sight.gone,
        "executions": [execution(one) for one in sight.executions],
        "ends": {key: dict(counts) for key, counts in sight.ends.items()},
        "decisions": [facts(decision) for decision in sight.decisions],
    }


def actor(use: ActorUse) -> Record:
    """The fields of an actor that one looks at, and what it has to do."""
    one, totals = use.actor, use.totals
    return {
        "id": one.id,
        "name": one.name,
        "image": one.image,
        "owner": one.owner,
        "status": one.status,
        "statusMessage": (one.status_message or "").strip(),
        "revision": one.revision,
        "stateless": one.stateless,
        "maxWorkers": one.max_workers,
        "hints": list(one.hints),
        "cronSchedule": one.cron_schedule,
        "cronOn": one.cron_on,
        "cronNextEx": one.cron_next_ex,
        "createTime": stored_time(one.create_time),
        "lastUpdateTime": stored_time(one.last_update_time),
        "waiting": use.messages,
        "inHand": use.on_loan,
        "workerCount": len(use.workers),
        "workers": [{"id": w.id, "status": w.status} for w in use.workers[:MOST_WORKERS]],
        "totalExecutions": totals.executions,
        "totalCpu": totals.cpu,
        "totalIo": totals.io,
        "totalRuntime": totals.runtime,
    }


def execution(one: Execution) -> Record:
    """Its figures; of an exception the type and the message, not the traceback."""
    raised = one.exception or {}
    return {
        "id": one.id,
        "actorId": one.actor_id,
        "executor": one.executor,
        "status": one.status,
        "workerId": one.worker_id,
        "messageReceivedTime": stored_time(one.message_received_time),
        "startTime": _time(one.start_time),
        "finishTime": _time(one.finish_time),
        "runtime": one.runtime,
        "cpu": one.cpu,
        "io": one.io,
        "exitCode": one.exit_code,
        "reason": one.reason,
        "error": f"{raised.get('type')}: {raised.get('message')}"[:500] if raised else None,
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else stored_time(at)
