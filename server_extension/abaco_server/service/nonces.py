"""Nonces of actors and of aliases (abaco-api.md, sections 2 and 9).

The id of a nonce is the credential. The store finds it by its SHA-256 and keeps it sealed, so a
copy of the database lets nobody in. Lists show ids, as Abaco's do, with one difference: the
reference gives every reader every id, and with it the owner's rights. Here a nonce that can do
more than its viewer is shown with most of its id blotted out: one of a higher level, and one of
UPDATE that acts with roles which the viewer, be it the same user by a token of less, has not.
"""

from collections.abc import Callable
from dataclasses import dataclass

from abaco_jupyter.wire.codes import Level, Role
from abaco_jupyter.wire.errors import InvalidRequest, NonceNotFound, NotAuthorized
from abaco_server.model.nonce import UNLIMITED, Nonce
from abaco_server.model.principal import Principal
from abaco_server.service import access, fields
from abaco_server.service.desk import Desk
from abaco_server.service.fields import Fields
from abaco_server.service.vault import digest
from abaco_server.store import Connection
from abaco_server.store import nonces as rows

INVALID = "Invalid nonce description: "
MALFORMED = f"{INVALID}{fields.UNREADABLE}"
NOT_FOUND = "Nonce not found."
NO_UPDATE = (
    "Not authorized -- an execution makes nonces of the levels READ and EXECUTE only: one of "
    "UPDATE would reach further than the execution's own token."
)
MAX_USES_RANGE = (
    "The max uses parameter must be a positive integer or -1 (to denote unlimited uses)."
)
MAX_USES_TYPE = "The max uses parameter must be an integer."
MAX_USES_HELP = "Maximum number of times this nonce can be redeemed. Default is unlimited."

_SHOWN = 4
"""Characters of the id's own part that everybody sees: enough to tell nonces apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a nonce is for, and the rights of who asks about it."""

    tenant: str
    actor_id: str
    alias: str | None = None

    def owns(self, nonce: Nonce) -> bool:
        if self.alias is None:
            return nonce.actor_id == self.actor_id
        return (nonce.tenant, nonce.alias) == (self.tenant, self.alias)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A nonce with as much of its id as its viewer may see."""

    id: str
    nonce: Nonce


Find = Callable[[Connection, Principal, str, Level], Subject]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How nonces of actors and those of aliases differ."""

    find: Find
    levels: tuple[str, ...]


def _actor(conn: Connection, principal: Principal, identifier: str, needed: Level) -> Subject:
    actor = access.actor_for(conn, principal, identifier, needed)
    return Subject(tenant=actor.tenant, actor_id=actor.id)


def _alias(conn: Connection, principal: Principal, name: str, needed: Level) -> Subject:
    alias = access.alias_and_actor_for(conn, principal, name, needed)
    return Subject(tenant=alias.tenant, actor_id=alias.actor_id, alias=alias.alias)


OF_ACTORS = Kind(find=_actor, levels=tuple(level.value for level in Level))
OF_ALIASES = Kind(
    find=_alias, levels=tuple(level.value for level in Level if level is not Level.UPDATE)
)


class Nonces:
    def __init__(self, desk: Desk, kind: Kind) -> None:
        self._desk = desk
        self._kind = kind

    async def list(self, principal: Principal, name: str) -> list[Shown]:
        def read(conn: Connection) -> list[Shown]:
            subject = self._kind.find(conn, principal, name, Level.READ)
            if subject.alias is None:
                found = rows.of_actor(conn, subject.actor_id)
            else:
                found = rows.of_alias(conn, subject.tenant, subject.alias)
            return [self._show(conn, principal, subject, nonce) for nonce in found]

        return await self._desk.store.read(read)

    async def check(self, principal: Principal, name: str) -> None:
        """Whether one may be made at all: a refusal comes before a bad body's error."""
        await self._desk.store.read(
            lambda conn: self._kind.find(conn, principal, name, Level.UPDATE)
        )

    async def create(self, principal: Principal, name: str, given: Fields) -> Shown:
        """It will act for `principal`, with the roles that `principal` has now."""
        desk = self._desk
        nonce_id = f"{principal.tenant}_{desk.new_id()}"
        sealed, now = desk.vault.seal(nonce_id), desk.clock.now()

        def insert(conn: Connection) -> Nonce:
            subject = self._kind.find(conn, principal, name, Level.UPDATE)
            level, max_uses, description = self._parse(given)
            if principal.only_actor is not None and level is Level.UPDATE:
                raise NotAuthorized(NO_UPDATE)
            nonce = Nonce(
                digest=digest(nonce_id),
                sealed=sealed,
                tenant=subject.tenant,
                actor_id=subject.actor_id if subject.alias is None else None,
                alias=subject.alias,
                owner=principal.username,
                roles=tuple(sorted(principal.roles)),
                level=level,
                max_uses=max_uses,
                remaining_uses=max_uses,
                description=description,
                create_time=now,
            )
            rows.insert(conn, nonce)
            return nonce

        return Shown(id=nonce_id, nonce=await desk.store.write(insert))

    async def get(self, principal: Principal, name: str, nonce_id: str) -> Shown:
        """Who knows the whole id sees it."""

        def read(conn: Connection) -> Shown:
            subject = self._kind.find(conn, principal, name, Level.READ)
            return Shown(id=nonce_id, nonce=_one(conn, subject, nonce_id))

        return await self._desk.store.read(read)

    async def delete(self, principal: Principal, name: str, nonce_id: str) -> None:
        def remove(conn: Connection) -> None:
            subject = self._kind.find(conn, principal, name, Level.UPDATE)
            rows.remove(conn, _one(conn, subject, nonce_id).digest)

        await self._desk.store.write(remove)

    def _parse(self, given: Fields) -> tuple[Level, int, str]:
        """The reference checks types first, then the level, then the number of uses."""
        level = given.get("level", Level.EXECUTE.value)
        max_uses = given.get("maxUses", UNLIMITED)
        try:
            uses = None if max_uses is None else fields.integer(max_uses)
        except (ValueError, TypeError):
            raise InvalidRequest(f"{INVALID}{ {'maxUses': MAX_USES_HELP} }") from None
        if level is None or fields.text(level) not in self._kind.levels:
            raise InvalidRequest(
                "Invalid nonce description. The level attribute must be one of: "
                f"{self._kind.levels}"
            )
        if uses is None:
            raise InvalidRequest(MAX_USES_TYPE)
        if uses == 0 or uses < UNLIMITED:
            raise InvalidRequest(MAX_USES_RANGE)
        description = given.get("description")
        return Level(fields.text(level)), uses, fields.text(description or "")

    def _show(
        self, conn: Connection, principal: Principal, subject: Subject, nonce: Nonce
    ) -> Shown:
        nonce_id = self._desk.vault.unseal(nonce.sealed)
        if nonce_id is None:
            # Sealed with another key: it still works for whoever has its id.
            return Shown(id=f"{nonce.tenant}_{'*' * 13}", nonce=nonce)
        if _is_as_strong(principal, nonce) and (
            nonce.owner == principal.username
            or access.allows(conn, principal, subject.actor_id, nonce.level)
        ):
            return Shown(id=nonce_id, nonce=nonce)
        seen = len(nonce.tenant) + 1 + _SHOWN
        return Shown(id=nonce_id[:seen] + "*" * len(nonce_id[seen:]), nonce=nonce)


def _is_as_strong(principal: Principal, nonce: Nonce) -> bool:
    """Whether the nonce's roles give its viewer nothing. Below UPDATE no role does."""
    if nonce.level is not Level.UPDATE or principal.is_admin:
        return True
    powers = {Role.ADMIN.value, Role.PRIVILEGED.value} & set(nonce.roles)
    return principal.only_actor is None and powers <= principal.roles


def _one(conn: Connection, subject: Subject, nonce_id: str) -> Nonce:
    nonce = rows.get(conn, digest(nonce_id))
    if nonce is None or not subject.owns(nonce):
        raise NonceNotFound(NOT_FOUND)
    return nonce
