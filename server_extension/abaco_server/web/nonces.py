"""Nonces of actors and aliases (abaco-api.md, section 9)."""

from functools import partial

from abaco_server.service.nonces import MALFORMED, Nonces
from abaco_server.web import views
from abaco_server.web.base import AbacoHandler


class _OfActor(AbacoHandler):
    word = "Actor"

    @property
    def nonces(self) -> Nonces:
        return self.service.nonces


class _OfAlias(AbacoHandler):
    word = "Alias"

    @property
    def nonces(self) -> Nonces:
        return self.service.alias_nonces


class ActorNoncesHandler(_OfActor):
    async def get(self, name: str) -> None:
        found = await self.nonces.list(self.principal, name)
        records = [views.nonce(one, self.api_server) for one in found]
        self.answer(records, f"{self.word} nonces retrieved successfully.")

    head = get

    async def post(self, name: str) -> None:
        nonces, principal = self.nonces, self.principal
        check = partial(nonces.check, principal, name)
        given = await self.fields_after(check, malformed=MALFORMED)
        made = await nonces.create(principal, name, given)
        record = views.nonce(made, self.api_server, created=True)
        self.answer(record, f"{self.word} nonce created successfully.")


class ActorNonceHandler(_OfActor):
    async def get(self, name: str, nonce_id: str) -> None:
        found = await self.nonces.get(self.principal, name, nonce_id)
        record = views.nonce(found, self.api_server)
        self.answer(record, f"{self.word} nonce retrieved successfully.")

    head = get

    async def delete(self, name: str, nonce_id: str) -> None:
        await self.nonces.delete(self.principal, name, nonce_id)
        self.answer(None, f"{self.word} nonce deleted successfully.")


class AliasNoncesHandler(_OfAlias, ActorNoncesHandler):
    """The same, of an alias."""


class AliasNonceHandler(_OfAlias, ActorNonceHandler):
    """The same, of an alias."""
