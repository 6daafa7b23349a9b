"""Utilization and what admins see of all actors (abaco-api.md, section 14)."""

from collections import Counter
from typing import Any

from abaco_jupyter.wire.codes import WorkerStatus
from abaco_jupyter.wire.envelope import list_time
from abaco_jupyter.wire.errors import ActorNotFound
from abaco_server.model.execution import Totals
from abaco_server.model.usage import Accounts, ActorUse, WorkerUse
from abaco_server.model.worker import Worker
from abaco_server.web import views
from abaco_server.web.base import AbacoHandler


class _NoSubject(AbacoHandler):
    """The reference takes the word in the path for the name of an actor."""

    word: str

    @property
    def nonce_subject(self) -> str | None:
        raise ActorNotFound(f"Actor with identifier '{self.word}' not found")


class UtilizationHandler(_NoSubject):
    word = "utilization"

    async def get(self) -> None:
        found = await self.service.administration.utilization()
        record = {
            "currentActors": found.current_actors,
            "totalActors": found.total_actors,
            "workers": found.workers,
            "commandQueue": found.command_queue,
        }
        self.answer(record, "Abaco utilization returned successfully.")

    head = get


class AdminActorsHandler(_NoSubject):
    word = "admin"

    async def get(self) -> None:
        found = await self.service.administration.actors(self.principal)
        default = self.service.desk.config.token_default
        records = [_actor(use, default) for use in found]
        self.answer(records, "Actors retrieved successfully.")

    head = get


class AdminWorkersHandler(_NoSubject):
    word = "admin"

    async def get(self) -> None:
        found = await self.service.administration.workers(self.principal)
        self.answer(_workers(found), "Workers retrieved successfully.")

    head = get


class AdminExecutionsHandler(_NoSubject):
    word = "admin"

    async def get(self) -> None:
        found = await self.service.administration.executions(self.principal)
        self.answer(_executions(found), "Executions retrieved successfully.")

    head = get


def _actor(use: ActorUse, token_default: bool) -> dict[str, Any]:
    """As stored, so with nulls and without links."""
    actor = use.actor
    record = views.actor(actor, "", token_default=token_default, drop_nulls=False)
    del record["_links"]
    return record | {
        "createTime": list_time(actor.create_time),
        "dbId": actor.dbid,
        "apiServer": actor.api_server,
        "tenant": actor.tenant,
        "workers": [_worker(worker) for worker in use.workers],
        "messages": use.messages,
        "executions": use.totals.executions,
        "runtime": use.totals.runtime,
    }


def _worker(worker: Worker) -> dict[str, Any]:
    dbid = f"{worker.tenant}_{worker.actor_id}"
    return views.worker(worker) | {"actorId": worker.actor_id, "actorDbid": dbid}


def _workers(use: WorkerUse) -> dict[str, Any]:
    by_status = Counter(worker.status for worker in use.workers)
    summary = {
        "totalWorkers": len(use.workers),
        "readyWorkers": by_status[WorkerStatus.READY],
        "requestedWorkers": by_status[WorkerStatus.REQUESTED],
        "errorWorkers": by_status[WorkerStatus.ERROR],
        "busyWorkers": by_status[WorkerStatus.BUSY],
        "actorsNoWorkers": use.actors_without,
    }
    return {"summary": summary, "workers": [_worker(worker) for worker in use.workers]}


def _executions(found: Accounts) -> dict[str, Any]:
    existing = [account.totals for account in found.existing]
    summary = {
        "totalActorsAll": found.actors,
        "totalActorsAllWithExecutions": found.actors_with_executions,
        "totalActorsExisting": len(existing),
        "totalActorsExistingWithExecutions": sum(1 for one in existing if one.executions),
        "totalExecutionsAll": found.all.executions,
        "totalExecutionsExisting": sum(one.executions for one in existing),
    }
    for word in ("Runtime", "Cpu", "Io"):
        name = word.lower()
        summary[f"totalExecution{word}All"] = getattr(found.all, name)
        summary[f"totalExecution{word}Existing"] = sum(getattr(one, name) for one in existing)
    actors = [
        {"actorId": one.actor_id, "owner": one.owner, "image": one.image} | _account(one.totals)
        for one in found.existing
    ]
    return {"summary": summary, "actors": actors}


def _account(totals: Totals) -> dict[str, int]:
    return {
        "totalExecutions": totals.executions,
        "totalExecutionCpu": totals.cpu,
        "totalExecutionIo": totals.io,
        "totalExecutionRuntime": totals.runtime,
    }
