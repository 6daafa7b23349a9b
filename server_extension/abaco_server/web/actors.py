"""Actors and their state (abaco-api.md, sections 6 and 9)."""

from abaco_server.model.actor import Actor
from abaco_server.model.search import Kind
from abaco_server.service import fields
from abaco_server.web import bodies, views
from abaco_server.web.base import AbacoHandler
from abaco_server.web.search import FoundAnswer

CLEAN = "Actor deleted successfully."
CLEANING = (
    "Actor deleted successfully, though Abaco is still cleaning up some of the actor's resources."
)


class _ActorAnswer(AbacoHandler):
    def answer_actor(
        self, actor: Actor, message: str, *, created: bool = False, updated: bool = False
    ) -> None:
        record = views.actor(
            actor,
            self.api_server,
            token_default=self.service.desk.config.token_default,
            created=created,
            updated=updated,
        )
        self.answer(record, message)


class ActorsHandler(_ActorAnswer, FoundAnswer):
    async def get(self) -> None:
        given = self.search()
        if given:
            page = await self.service.search.everything(self.principal, Kind.ACTORS, given)
            self.answer_found(*page, "Actors search completed successfully.")
            return
        default = self.service.desk.config.token_default
        actors = await self.service.actors.list(self.principal)
        records = [views.actor(a, self.api_server, token_default=default) for a in actors]
        self.answer(records, "Actors retrieved successfully.")

    head = get

    async def post(self) -> None:
        given = self.fields(malformed=fields.MALFORMED)
        actor = await self.service.actors.create(self.principal, given)
        self.answer_actor(actor, "Actor created successfully.", created=True)


class ActorHandler(_ActorAnswer):
    async def get(self, actor_id: str) -> None:
        actor = await self.service.actors.get(self.principal, actor_id)
        self.answer_actor(actor, "Actor retrieved successfully.")

    head = get

    async def put(self, actor_id: str) -> None:
        given = self.fields(malformed=fields.MALFORMED)
        actor = await self.service.actors.update(self.principal, actor_id, given)
        self.answer_actor(actor, "Actor updated successfully.", updated=True)

    async def delete(self, actor_id: str) -> None:
        clean = await self.service.actors.delete(self.principal, actor_id)
        self.answer(None, CLEAN if clean else CLEANING)


class StateHandler(_ActorAnswer):
    async def get(self, actor_id: str) -> None:
        state = await self.service.states.get(self.principal, actor_id)
        self.answer({"state": state}, "Actor state retrieved successfully.")

    head = get

    async def post(self, actor_id: str) -> None:
        actor = await self.service.states.set(self.principal, actor_id, self._state())
        self.answer_actor(actor, "State updated successfully.")

    def _state(self) -> object:
        """None for what is not JSON: the service refuses it in its turn, after the actor."""
        if not bodies.is_json(self.request.headers.get("Content-Type", "")):
            return None
        try:
            return bodies.load(self.body())
        except bodies.NotJson:
            return None
