"""Who else may use an actor, an alias or a config, and by which nonces and names."""

from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote

from abaco_jupyter.client.errors import absent
from abaco_jupyter.client.transport import Transport
from abaco_jupyter.wire import paths
from abaco_jupyter.wire.codes import Level
from abaco_jupyter.wire.errors import (
    ActorDoesNotExist,
    ActorNotFound,
    AliasNotFound,
    NonceNotFound,
)

Record = dict[str, Any]


class Permissions:
    """Of one actor, alias or config, whose path is `place`."""

    def __init__(self, transport: Transport, place: str) -> None:
        self._transport = transport
        self._path = paths.permissions(place)

    def all(self) -> dict[str, str]:
        """User names and their levels."""
        entries: dict[str, str] = self._transport.call("GET", self._path)
        return entries

    def set(self, user: str, level: str) -> dict[str, str]:
        """Give `user` this level, instead of what they had; the entries after that.

        The user `ABACO_WORLD` means everybody.
        """
        entry = {"user": user, "level": str(level)}
        entries: dict[str, str] = self._transport.call("POST", self._path, json=entry)
        return entries


class Nonces:
    """Of one actor or alias, whose path is `place`."""

    def __init__(self, transport: Transport, place: str) -> None:
        self._transport = transport
        self._path = paths.nonces(place)

    def all(self) -> list[Record]:
        found: list[Record] = self._transport.call("GET", self._path)
        return found

    def create(
        self, *, level: str = Level.EXECUTE, max_uses: int = -1, description: str = ""
    ) -> Record:
        """`max_uses` of -1: as often as one likes. The answer's `id` is the nonce."""
        wish = {"level": str(level), "maxUses": max_uses, "description": description}
        made: Record = self._transport.call("POST", self._path, json=wish)
        return made

    def get(self, nonce_id: str) -> Record:
        with _no_nonce(nonce_id):
            found: Record = self._transport.call("GET", self._one(nonce_id))
        return found

    def delete(self, nonce_id: str) -> None:
        with _no_nonce(nonce_id):
            self._transport.call("DELETE", self._one(nonce_id))

    def _one(self, nonce_id: str) -> str:
        return f"{self._path}/{quote(nonce_id, safe='')}"


class Aliases:
    """Names for actors. One alias is one name in its tenant."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def all(self) -> list[Record]:
        """All of the tenant's."""
        found: list[Record] = self._transport.call("GET", paths.ALIASES)
        return found

    def create(self, alias: str, actor_id: str) -> Record:
        wish = {"alias": alias, "actorId": actor_id}
        with _no_actor(actor_id):
            made: Record = self._transport.call("POST", paths.ALIASES, json=wish)
        return made

    def get(self, alias: str) -> Record:
        with _no_alias(alias):
            found: Record = self._transport.call("GET", _alias(alias))
        return found

    def point(self, alias: str, actor_id: str) -> Record:
        """Let the alias name another actor from now on."""
        wish = {"actorId": actor_id}
        with _no_alias(alias), _no_actor(actor_id):
            changed: Record = self._transport.call("PUT", _alias(alias), json=wish)
        return changed

    def delete(self, alias: str) -> None:
        """Its permissions and nonces go with it; the actor stays."""
        with _no_alias(alias):
            self._transport.call("DELETE", _alias(alias))

    def permissions(self, alias: str) -> Permissions:
        return Permissions(self._transport, _alias(alias))

    def nonces(self, alias: str) -> Nonces:
        return Nonces(self._transport, _alias(alias))


def _no_nonce(nonce_id: str) -> AbstractContextManager[None]:
    return absent(
        f"There is no nonce {nonce_id!r} here: it was deleted, or is another actor's. "
        "`abaco nonces list ACTOR` lists an actor's.",
        NonceNotFound,
    )


def _no_alias(alias: str) -> AbstractContextManager[None]:
    return absent(
        f"There is no alias {alias!r}. `abaco aliases list` lists those there are.", AliasNotFound
    )


def _no_actor(actor_id: str) -> AbstractContextManager[None]:
    return absent(
        f"No actor has the id {actor_id!r}. `abaco list` lists those you may see.",
        ActorNotFound,
        ActorDoesNotExist,
    )


def _alias(name: str) -> str:
    return paths.alias(quote(name, safe=""))
