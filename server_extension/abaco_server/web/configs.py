"""Configs (abaco-api.md, section 9)."""

from functools import partial

from abaco_jupyter.wire.errors import ActorNotFound
from abaco_server.service.configs import MALFORMED, MALFORMED_UPDATE
from abaco_server.web import views
from abaco_server.web.base import AbacoHandler


class NoNonces(AbacoHandler):
    """A nonce is of an actor or an alias: what it opens is never a config, not even one that
    has the alias's name. The reference looks for an actor called `configs`."""

    @property
    def nonce_subject(self) -> str | None:
        raise ActorNotFound("Actor with identifier 'configs' not found")


class ConfigsHandler(NoNonces):
    async def get(self) -> None:
        found = await self.service.configs.list(self.principal)
        records = [views.config(one) for one in found]
        self.answer(records, "Actor Configs retrieved successfully.")

    head = get

    async def post(self) -> None:
        given = self.fields(malformed=MALFORMED)
        config = await self.service.configs.create(self.principal, given)
        self.answer(views.config(config), "Actor config created successfully.")


class ConfigHandler(NoNonces):
    async def get(self, name: str) -> None:
        config = await self.service.configs.get(self.principal, name)
        self.answer(views.config(config), "Config retrieved successfully.")

    head = get

    async def put(self, name: str) -> None:
        configs, principal = self.service.configs, self.principal
        check = partial(configs.check, principal, name)
        given = await self.fields_after(check, malformed=MALFORMED_UPDATE)
        config = await configs.update(principal, name, given)
        self.answer(views.config(config), "Actor config updated successfully.")

    async def delete(self, name: str) -> None:
        await self.service.configs.delete(self.principal, name)
        self.answer(None, f"Actor config {name} deleted successfully.")
