"""Credentials of our own: from what a request shows to a `Principal` (abaco-api.md, section 2)."""

import hmac
from datetime import timedelta

from abaco_jupyter.wire import ids
from abaco_jupyter.wire.codes import Level, Role
from abaco_jupyter.wire.errors import NotAuthorized
from abaco_server.model.actor import Actor
from abaco_server.model.nonce import Nonce
from abaco_server.model.principal import Principal
from abaco_server.model.token import Token
from abaco_server.service import access, execution_tokens, grants
from abaco_server.service.desk import Desk
from abaco_server.service.grants import Grants, Vouched
from abaco_server.service.vault import digest
from abaco_server.store import Connection, actors, executions, nonces, tokens

NO_CREDENTIALS = "No JWT or nonce provided."
NO_NONCE = "Nonce does not exist."
TOO_LOW = "Nonce does not have sufficient permissions level."
USED_UP = "No remaining uses left for this nonce."
NO_SUBJECT = "Not authorized."

USE_IS_NEWS = timedelta(minutes=1)
"""How old the noted last use of a token is before the next one is written down."""


class Credentials:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._grants = Grants(desk)

    async def redeem(
        self, nonce_id: str, identifier: str | None, needed: Level, *, api_server: str
    ) -> Principal:
        """Who acts by this nonce. `identifier` is the path's: an actor id or an alias, and the
        nonce must have been made for that very one. An accepted use counts from here on, even
        if the request fails later.
        """
        if identifier is None:
            raise NotAuthorized(NO_SUBJECT)
        nonce = await self._desk.store.read(
            lambda conn: _usable(conn, nonce_id, identifier, needed)
        )
        now = self._desk.clock.now()
        # The statement counts and checks at once: two requests cannot share the last use.
        if not await self._desk.store.write(lambda conn: nonces.use(conn, nonce.digest, now)):
            raise NotAuthorized(USED_UP)
        return Principal(
            username=nonce.owner,
            tenant=nonce.tenant,
            roles=frozenset(nonce.roles),
            api_server=api_server,
        )

    async def bearer(self, token: str, *, api_server: str) -> Principal:
        """Who acts by this token of ours. Unknown, revoked and expired are not told apart."""
        if token.startswith(execution_tokens.PREFIX):
            return await self._execution(token, api_server)
        if token.startswith(grants.ACCESS):
            holder = await self._grants.holder(token, api_server=api_server)
            if holder is None:
                raise NotAuthorized(NO_CREDENTIALS)
            return holder
        return _holder(await self._issued(token), api_server)

    async def password(self, username: str, token: str, *, api_server: str) -> Vouched:
        """A token that was issued, shown as the password of its user."""
        found = await self._issued(token)
        if found.username != username:
            raise NotAuthorized(NO_CREDENTIALS)
        principal = _holder(found, api_server)
        return Vouched(principal=principal, origin=found.id, until=found.expires)

    async def _issued(self, token: str) -> Token:
        now, store, key = self._desk.clock.now(), self._desk.store, digest(token)
        found = await store.read(lambda conn: tokens.get(conn, key))
        if found is None or not hmac.compare_digest(found.digest, key) or not found.is_valid(now):
            raise NotAuthorized(NO_CREDENTIALS)
        before = now - USE_IS_NEWS
        if found.last_use_time is None or found.last_use_time < before:
            await store.write(lambda conn: tokens.used(conn, key, now, before))
        return found

    async def confine(self, principal: Principal, identifier: str | None) -> None:
        """Refuse a principal of one actor that asks about anything else. `identifier` is the
        path's: an actor id, an alias, or None for a path that is about no actor."""
        only = principal.only_actor
        if only is None or identifier == only:
            return
        if identifier is not None:
            tenant = principal.tenant
            found = await self._desk.store.read(
                lambda conn: access.resolve(conn, tenant, identifier)
            )
            if found == only:
                return
        raise NotAuthorized(access.NO_ACCESS)

    async def _execution(self, token: str, api_server: str) -> Principal:
        """The owner of the actor, as a plain user, for as long as the execution runs."""
        desk = self._desk
        execution_id = execution_tokens.execution_of(desk.vault, token)
        if execution_id is None:
            raise NotAuthorized(NO_CREDENTIALS)
        actor = await desk.store.read(lambda conn: _actor_at_work(conn, execution_id))
        if actor is None:
            raise NotAuthorized(NO_CREDENTIALS)
        confined = desk.config.execution_token_scope == execution_tokens.ACTOR
        return Principal(
            username=actor.owner,
            tenant=actor.tenant,
            roles=frozenset({Role.USER}),
            api_server=api_server,
            only_actor=actor.id if confined else None,
        )


def _holder(token: Token, api_server: str) -> Principal:
    return Principal(
        username=token.username,
        tenant=token.tenant,
        roles=frozenset(token.roles),
        api_server=api_server,
    )


def _actor_at_work(conn: Connection, execution_id: str) -> Actor | None:
    """The actor of an execution that runs. One that a worker has and that is not RUNNING yet
    counts: a quick container asks before its start is on record."""
    execution = executions.by_id(conn, execution_id)
    if execution is None or execution.status.ended or execution.worker_id is None:
        return None
    return actors.get(conn, execution.tenant, execution.actor_id)


def _usable(conn: Connection, nonce_id: str, identifier: str, needed: Level) -> Nonce:
    """Refusals are found by reading: whoever guesses costs no write."""
    tenant = nonce_id.rpartition("_")[0]
    access.identified(conn, tenant, identifier)
    nonce = nonces.get(conn, digest(nonce_id))
    if nonce is None or nonce.tenant != tenant or not _is_for(nonce, identifier):
        raise NotAuthorized(NO_NONCE)
    if not nonce.level.includes(needed):
        raise NotAuthorized(TOO_LOW)
    return nonce


def _is_for(nonce: Nonce, identifier: str) -> bool:
    return (nonce.actor_id if ids.is_id(identifier) else nonce.alias) == identifier
