"""OAuth clients: the first step of TACC's guide "Getting Started".

In TACC's cloud they are the gateway's; this is as much of it as its clients see. A client has a
consumer key and a consumer secret, with which `service.grants` gives tokens.
"""

import hmac
import secrets
from dataclasses import dataclass

from abaco_jupyter.wire.errors import ClientNotFound, InvalidRequest
from abaco_server.model.oauth import OAuthClient
from abaco_server.model.principal import Principal
from abaco_server.service import fields
from abaco_server.service.desk import Desk
from abaco_server.service.fields import Fields
from abaco_server.service.vault import digest
from abaco_server.store import Connection, oauth

INVALID = "Invalid client description: "
MALFORMED = f"{INVALID}{fields.UNREADABLE}"
MAX_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A client just made: this once its secret can be seen."""

    client: OAuthClient
    secret: str

    def __repr__(self) -> str:
        return f"Created(client={self.client!r})"


class Clients:
    """Everybody has clients of their own."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(self, principal: Principal, given: Fields) -> Created:
        secret = secrets.token_urlsafe(21)
        client = OAuthClient(
            key=secrets.token_urlsafe(21),
            secret=digest(secret),
            tenant=principal.tenant,
            owner=principal.username,
            name=_name(given),
            description=_text(given, "description"),
            callback_url=_text(given, "callbackUrl"),
            tier=_text(given, "tier") or "Unlimited",
            create_time=self._desk.clock.now(),
        )
        if not await self._desk.store.write(lambda conn: oauth.insert_client(conn, client)):
            raise InvalidRequest(
                f"{INVALID}there is a client {client.name!r} already; delete it first, "
                "or choose another name."
            )
        return Created(client=client, secret=secret)

    async def list(self, principal: Principal) -> list[OAuthClient]:
        """Oldest first."""
        tenant, owner = principal.tenant, principal.username
        return await self._desk.store.read(lambda conn: oauth.clients_of(conn, tenant, owner))

    async def get(self, principal: Principal, name: str) -> OAuthClient:
        return await self._desk.store.read(lambda conn: _find(conn, principal, name))

    async def delete(self, principal: Principal, name: str) -> None:
        """What was granted through it lets nobody in any more."""

        def remove(conn: Connection) -> None:
            oauth.remove_client(conn, _find(conn, principal, name).key)

        await self._desk.store.write(remove)

    async def identify(self, key: str, secret: str) -> OAuthClient | None:
        """The client whose key and secret these are."""
        found = None
        if "\0" not in key:
            found = await self._desk.store.read(lambda conn: oauth.client_by_key(conn, key))
        same = hmac.compare_digest(found.secret if found else digest(""), digest(secret))
        return found if same and found is not None else None


def _find(conn: Connection, principal: Principal, name: str) -> OAuthClient:
    found = None
    if "\0" not in name:
        found = oauth.client_by_name(conn, principal.tenant, principal.username, name)
    if found is None:
        raise ClientNotFound(f"No client found: {name}.")
    return found


def _name(given: Fields) -> str:
    """`clientName`, as the guide has it; agavepy's own description calls it `name`."""
    name = _text(given, "clientName") or _text(given, "name")
    if not name:
        raise InvalidRequest(f"{INVALID}clientName is missing.")
    if len(name) > MAX_NAME or "/" in name or not name.isprintable():
        raise InvalidRequest(
            f"{INVALID}the clientName {name[:MAX_NAME]!r} cannot be one: it has at most "
            f"{MAX_NAME} characters, all of them printable, and no slash."
        )
    return name


def _text(given: Fields, field: str) -> str:
    value = given.get(field)
    return "" if value is None else fields.text(value).strip()
