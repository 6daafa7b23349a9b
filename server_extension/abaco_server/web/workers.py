"""Workers (abaco-api.md, section 9)."""

from abaco_server.model.search import Kind
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


class WorkerHandler(AbacoHandler):
    async def get(self, actor_id: str, worker_id: str) -> None:
        worker = await self.service.workers.get(self.principal, actor_id, worker_id)
        self.answer(views.worker(worker), "Worker retrieved successfully.")

    head = get
