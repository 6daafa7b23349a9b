"""Search (abaco-api.md, section 13)."""

from typing import Any

from abaco_jupyter.wire import paths
from abaco_jupyter.wire.envelope import stored_time
from abaco_jupyter.wire.errors import NotFound
from abaco_server.model.actor import Actor
from abaco_server.model.execution import Execution
from abaco_server.model.search import Found, Query, Record
from abaco_server.model.worker import Worker
from abaco_server.web import views
from abaco_server.web.base import AbacoHandler

NO_SEARCH_BY_NONCE = (
    "'x-nonce' query parameter on the '/actors/search/{database}' endpoint does not resolve."
)


class FoundAnswer(AbacoHandler):
    """A list that becomes a search when there are query parameters."""

    def answer_found(self, query: Query, found: Found, message: str) -> None:
        default = self.service.desk.config.token_default
        records = [record(one, self.api_server, default) for one in found.records]
        metadata = {
            "totalCount": found.total,
            "countReturned": len(records),
            "recordLimit": query.limit,
            "recordsSkipped": query.skip,
        }
        self.answer({"_metadata": metadata, "search": records}, message)


class SearchHandler(FoundAnswer):
    @property
    def nonce_subject(self) -> str | None:
        raise NotFound(NO_SEARCH_BY_NONCE)

    async def get(self, kind: str) -> None:
        page = await self.service.search.everything(self.principal, kind, self.search())
        self.answer_found(*page, "Search completed successfully.")

    head = get


def record(found: Record, server: str, token_default: bool) -> dict[str, Any]:
    """As stored, so with nulls; without what Abaco leaves out of the records of a search."""
    if isinstance(found, Actor):
        return views.actor(found, server, token_default=token_default, drop_nulls=False)
    if isinstance(found, Execution):
        shown = views.execution(found, server, drop_nulls=False)
        del shown["apiServer"]
        return shown
    if isinstance(found, Worker):
        return _worker(found)
    return {
        "logs": found.text,
        "_links": {
            "self": server + paths.logs(found.actor_id, found.execution_id),
            "owner": server + paths.profile(found.owner),
            "execution": server + paths.execution(found.actor_id, found.execution_id),
        },
    }


def _worker(worker: Worker) -> dict[str, Any]:
    shown = views.worker(worker)
    unknown = dict.fromkeys(("chName", "image", "location", "cid", "hostId", "hostIp"))
    shown = unknown | shown | {"actorId": worker.actor_id}
    del shown["tenant"]
    checked = worker.last_health_check_time
    shown["lastHealthCheckTime"] = checked and stored_time(checked)
    if worker.last_execution_time is None:
        shown["lastExecutionTime"] = 0
    return shown
