"""Workers (abaco-api.md, section 9)."""

from functools import partial

from abaco_server.model.search import Kind
from abaco_server.service.workers import MALFORMED
from abaco_server.web import views
from abaco_server.web.base import AbacoHandler
from abaco_server.web.search import FoundAnswer


class WorkersHandler(FoundAnswer):
    async def get(self, actor_id: str) -> None:
        given = self.search()
        if given:
            page = await self.service.search.of_actor(self.principal, Kind.WORKERS, actor_id, given)
            self.answer_found(*page, "Workers search completed successfully.")
            return
        workers = await self.service.workers.list(self.principal, actor_id)
        self.answer([views.worker(w) for w in workers], "Workers retrieved successfully.")

    head = get

    async def post(self, actor_id: str) -> None:
        workers, principal = self.service.workers, self.principal
        check = partial(workers.check, principal, actor_id)
        given = await self.fields_after(check, malformed=MALFORMED)
        ensured = await workers.ensure(principal, actor_id, given)
        new = ensured.asked - ensured.before
        if new > 0:
            self.answer(
                None,
                f"Scheduled {new} new worker(s) to start. "
                f"Previously, there were {ensured.before} workers.",
            )
        else:
            self.answer(None, f"Actor {actor_id} already had {ensured.asked} worker(s).")


class WorkerHandler(AbacoHandler):
    async def get(self, actor_id: str, worker_id: str) -> None:
        worker = await self.service.workers.get(self.principal, actor_id, worker_id)
        self.answer(views.worker(worker), "Worker retrieved successfully.")

    head = get

    async def delete(self, actor_id: str, worker_id: str) -> None:
        await self.service.workers.remove(self.principal, actor_id, worker_id)
        self.answer(None, "Worker scheduled to be stopped.")


class DecisionsHandler(AbacoHandler):
    """Ours: why an actor has as many workers as it has."""

    async def get(self, actor_id: str) -> None:
        decisions = await self.service.decisions.newest(self.principal, actor_id)
        records = [views.decision(decision) for decision in decisions]
        self.answer({"decisions": records}, "Decisions retrieved successfully.")

    head = get
