"""Workers (abaco-api.md, section 9)."""

from abaco_server.web import views
from abaco_server.web.base import AbacoHandler


class WorkersHandler(AbacoHandler):
    async def get(self, actor_id: str) -> None:
        workers = await self.service.workers.list(self.principal, actor_id)
        self.answer([views.worker(w) for w in workers], "Workers retrieved successfully.")

    head = get


class WorkerHandler(AbacoHandler):
    async def get(self, actor_id: str, worker_id: str) -> None:
        worker = await self.service.workers.get(self.principal, actor_id, worker_id)
        self.answer(views.worker(worker), "Worker retrieved successfully.")

    head = get
