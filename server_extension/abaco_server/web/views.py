"""Entities as clients see them (abaco-api.md, sections 3, 6, 8 and 9)."""

import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any
from urllib.parse import quote

import msgspec

from abaco_jupyter.wire import paths
from abaco_jupyter.wire.codes import ContentType, WorkerStatus
from abaco_jupyter.wire.envelope import camel_keys, fresh_time, list_time, stored_time
from abaco_server.model.actor import Actor
from abaco_server.model.alias import Alias
from abaco_server.model.build import Build, BuildPlan
from abaco_server.model.config import Config
from abaco_server.model.decision import Decision, facts
from abaco_server.model.delivery import Delivery
from abaco_server.model.execution import Execution, Totals
from abaco_server.model.oauth import OAuthClient
from abaco_server.model.schedule import Schedule
from abaco_server.model.worker import Worker
from abaco_server.service.messages import Receipt
from abaco_server.service.nonces import Shown
from abaco_server.service.profiles import Profile

Record = dict[str, Any]

_ACTOR = [field.name for field in fields(Actor) if field.name not in ("tenant", "api_server")]
"""What is shown of an actor; where a value looks different on the wire, `actor` says how."""

_NOT_STARTED = frozenset({WorkerStatus.REQUESTED, WorkerStatus.SPAWNER_SETUP})
"""Statuses in which a worker has neither image nor channel."""


def actor(
    actor: Actor,
    server: str,
    *,
    token_default: bool,
    created: bool = False,
    updated: bool = False,
    drop_nulls: bool = True,
) -> Record:
    """`created` and `updated` say which times this very request has made."""
    record = {name: getattr(actor, name) for name in _ACTOR}
    record["token"] = actor.token if actor.token is not None else str(token_default).lower()
    record["create_time"] = (fresh_time if created else stored_time)(actor.create_time)
    changed = fresh_time if created or updated else stored_time
    record["last_update_time"] = changed(actor.last_update_time)
    record["mounts"] = [
        {"host_path": m.host_path, "container_path": m.container_path, "mode": m.mode}
        for m in actor.mounts
    ]
    return camel_keys(record, drop_nulls=drop_nulls) | {
        "_links": {
            "self": server + paths.actor(actor.id),
            "owner": server + paths.profile(actor.owner),
            "executions": server + paths.executions(actor.id),
        }
    }


def alias(alias: Alias, server: str) -> Record:
    return {
        "alias": alias.alias,
        "actorId": alias.actor_id,
        "owner": alias.owner,
        "_links": {
            "self": server + paths.alias(alias.alias),
            "owner": server + paths.profile(alias.owner),
            "actor": server + paths.actor(alias.actor_id),
        },
    }


def config(config: Config) -> Record:
    """A secret is shown as it is stored: sealed."""
    return {
        "name": config.name,
        "value": config.value,
        "isSecret": config.is_secret,
        "actors": config.actors,
    }


def plan(plan: BuildPlan) -> Record:
    return {
        "image": plan.image,
        "digest": plan.digest,
        "cached": plan.cached,
        "dockerfile": plan.dockerfile,
    }


def nonce(shown: Shown, server: str, *, created: bool = False) -> Record:
    """The links of an alias's nonce name the alias."""
    nonce = shown.nonce
    if nonce.alias is None:
        subject, place = nonce.actor_id or "", paths.actor(nonce.actor_id or "")
    else:
        subject, place = nonce.alias, paths.alias(nonce.alias)
    record = {
        "id": shown.id,
        "actor_id": nonce.actor_id,
        "alias": nonce.alias,
        "api_server": server,
        "owner": nonce.owner,
        "level": nonce.level,
        "roles": nonce.roles,
        "max_uses": nonce.max_uses,
        "remaining_uses": nonce.remaining_uses,
        "current_uses": nonce.current_uses,
        "description": nonce.description,
        "create_time": (fresh_time if created else stored_time)(nonce.create_time),
        "last_use_time": stored_time(nonce.last_use_time),
    }
    return camel_keys(record) | {
        "_links": {
            "self": f"{server}{place}/nonces/{shown.id}",
            "owner": server + paths.profile(nonce.owner),
            "actor": server + paths.actor(subject),
        }
    }


def receipt(receipt: Receipt, shown: Any, server: str) -> Record:
    receiver = receipt.receiver
    return {
        "executionId": receipt.execution_id,
        "msg": shown,
        "_links": {
            "self": server + paths.execution(receiver.id, receipt.execution_id),
            "owner": server + paths.profile(receiver.owner),
            "messages": server + paths.messages(receiver.id),
        },
    }


def mailbox(actor: Actor, server: str) -> Record:
    """The links of what is said about an actor's messages."""
    return {
        "self": server + paths.messages(actor.id),
        "owner": server + paths.profile(actor.owner),
    }


def execution(execution: Execution, server: str, *, drop_nulls: bool = True) -> Record:
    record = {
        "id": execution.id,
        "actor_id": execution.actor_id,
        "api_server": server,
        "executor": execution.executor,
        "status": execution.status,
        "message_received_time": stored_time(execution.message_received_time),
        "runtime": execution.runtime,
        "cpu": execution.cpu,
        "io": execution.io,
        "worker_id": execution.worker_id,
        "start_time": execution.start_time and stored_time(execution.start_time),
        "finish_time": execution.finish_time and stored_time(execution.finish_time),
        "exit_code": execution.exit_code,
        "final_state": execution.final_state,
    }
    return camel_keys(record, drop_nulls=drop_nulls) | {
        "_links": {
            "self": server + paths.execution(execution.actor_id, execution.id),
            "owner": server + paths.profile(execution.executor),
            "logs": server + paths.logs(execution.actor_id, execution.id),
        }
    }


def measured_execution(record_of: Execution, server: str) -> Record:
    """The record, and what Abaco's has not: when its message was taken, its memory, its label
    and the execution that it tries again."""
    taken, peak = record_of.taken_time, record_of.peak_memory
    extra = {"takenTime": taken and stored_time(taken), "peakMemory": peak or None}
    extra |= {"label": record_of.label, "retryOf": record_of.retry_of}
    return execution(record_of, server) | {k: v for k, v in extra.items() if v is not None}


def streamed_execution(record_of: Execution, server: str) -> Record:
    """What the event stream tells: also why and how it failed."""
    extra = {"reason": record_of.reason, "exception": record_of.exception}
    return measured_execution(record_of, server) | extra


def listed(execution: Execution) -> Record:
    """One item of the list of executions: HTTP dates, nulls kept."""
    return {
        "id": execution.id,
        "status": execution.status,
        "startTime": list_time(execution.start_time),
        "finishTime": list_time(execution.finish_time),
        "messageReceivedTime": list_time(execution.message_received_time),
    }


def executions(actor: Actor, totals: Totals, server: str) -> Record:
    """The list of executions without its items."""
    return {
        "actorId": actor.id,
        "apiServer": server,
        "owner": actor.owner,
        "executions": [],
        "totalExecutions": totals.executions,
        "totalCpu": totals.cpu,
        "totalIo": totals.io,
        "totalRuntime": totals.runtime,
        "_links": {
            "self": server + paths.executions(actor.id),
            "owner": server + paths.profile(actor.owner),
        },
    }


def items(page: Iterable[Execution], depth: int) -> bytes:
    """A page of the list as JSON between the brackets, indented as the whole answer is."""
    encoded = msgspec.json.encode([listed(one) for one in page], order="sorted")
    lines = msgspec.json.format(encoded, indent=2).split(b"\n")[1:-1]
    return b"\n".join(b" " * depth + line for line in lines)


def log(actor: Actor, execution_id: str, text: str, server: str) -> Record:
    return {
        "logs": text,
        "_links": {
            "self": server + paths.logs(actor.id, execution_id),
            "owner": server + paths.profile(actor.owner),
            "execution": server + paths.execution(actor.id, execution_id),
        },
    }


def worker(worker: Worker) -> Record:
    """The one place where `tenant` shows."""
    started = worker.image is not None and worker.status not in _NOT_STARTED
    record: Record = {
        "id": worker.id,
        "tenant": worker.tenant,
        "status": worker.status,
        "create_time": stored_time(worker.create_time),
        "last_execution_time": stored_time(worker.last_execution_time),
        "last_health_check_time": stored_time(worker.last_health_check_time),
    }
    if started:
        record |= {
            "ch_name": f"worker_{worker.id}",
            "image": worker.image,
            "location": worker.location,
            # A worker has a container while it runs something.
            "cid": worker.cid or "",
            "host_id": worker.host_id,
            "host_ip": worker.host_ip,
        }
    return camel_keys(record)


def build(build: Build, *, with_log: bool = False) -> Record:
    """Ours: nulls are shown."""
    record: Record = {
        "id": build.id,
        "digest": build.digest,
        "image": build.image,
        "status": build.status,
        "error": build.error,
        "cached": build.cached,
        "createTime": stored_time(build.create_time),
        "finishTime": build.finish_time and stored_time(build.finish_time),
    }
    return record | {"log": build.log} if with_log else record


def decision(decision: Decision) -> Record:
    """Ours."""
    return facts(decision)


def delivery(delivery: Delivery) -> Record:
    """Ours: nulls are shown."""
    return {
        "id": delivery.id,
        "eventType": delivery.event_type,
        "url": delivery.url,
        "payload": delivery.payload,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "createTime": stored_time(delivery.create_time),
        "nextTime": delivery.next_time and stored_time(delivery.next_time),
        "lastTime": delivery.last_time and stored_time(delivery.last_time),
        "answer": delivery.answer,
        "error": delivery.error,
    }


def schedule(schedule: Schedule) -> Record:
    """Ours: nulls are shown."""
    body = schedule.body.decode()
    grace = schedule.misfire_grace
    return {
        "id": schedule.id,
        "actorId": schedule.actor_id,
        "owner": schedule.owner,
        "cron": schedule.cron,
        "timeZone": schedule.time_zone,
        "message": json.loads(body) if schedule.content_type is ContentType.JSON else body,
        "coalesce": schedule.coalesce,
        "misfireGrace": None if grace is None else int(grace.total_seconds()),
        "createTime": stored_time(schedule.create_time),
        "nextTime": schedule.next_time and stored_time(schedule.next_time),
        "lastTime": schedule.last_time and stored_time(schedule.last_time),
    }


def client(client: OAuthClient, server: str) -> Record:
    """An OAuth client; its secret is seen once, when it is made."""
    here = f"{server}/clients/v2/{quote(client.name, safe='')}"
    return {
        "name": client.name,
        "description": client.description,
        "consumerKey": client.key,
        "callbackUrl": client.callback_url,
        "tier": client.tier,
        "_links": {
            "self": {"href": here},
            "subscriber": {"href": server + paths.profile(client.owner)},
            "subscriptions": {"href": f"{here}/subscriptions/"},
        },
    }


def profile(profile: Profile) -> Record:
    """With the keys that TACC's profiles have; a notebook server knows the name alone."""
    return {
        "username": profile.username,
        "full_name": profile.username,
        "first_name": "",
        "last_name": "",
        "email": "",
        "phone": "",
        "mobile_phone": "",
        "status": "",
        "uid": None,
    }
