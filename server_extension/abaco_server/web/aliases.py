"""Aliases (abaco-api.md, section 9)."""

from functools import partial

from abaco_server.service.aliases import MALFORMED
from abaco_server.web import views
from abaco_server.web.base import AbacoHandler


class AliasesHandler(AbacoHandler):
    async def get(self) -> None:
        aliases = await self.service.aliases.list(self.principal)
        records = [views.alias(alias, self.api_server) for alias in aliases]
        self.answer(records, "Aliases retrieved successfully.")

    head = get

    async def post(self) -> None:
        given = self.fields(malformed=MALFORMED)
        alias = await self.service.aliases.create(self.principal, given)
        self.answer(views.alias(alias, self.api_server), "Actor alias created successfully.")


class AliasHandler(AbacoHandler):
    async def get(self, name: str) -> None:
        alias = await self.service.aliases.get(self.principal, name)
        self.answer(views.alias(alias, self.api_server), "Alias retrieved successfully.")

    head = get

    async def put(self, name: str) -> None:
        aliases, principal = self.service.aliases, self.principal
        given = await self.fields_after(
            partial(aliases.check, principal, name), malformed=MALFORMED
        )
        alias = await aliases.update(principal, name, given)
        self.answer(views.alias(alias, self.api_server), "Actor alias updated successfully.")

    async def delete(self, name: str) -> None:
        alias = await self.service.aliases.delete(self.principal, name)
        told = {"alias": alias.alias, "actor_id": alias.actor_id, "owner": alias.owner}
        self.answer(None, f"Alias {told} deleted successfully.")
