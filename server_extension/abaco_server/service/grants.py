"""What TACC's gateway gives at `/token`: an access token for a password, a new one for an old.

An access token acts for its user, with the roles that the user had then, for four hours; its
refresh token gets the next pair, once. Thirty days after the password was shown it has to be shown
again. Both are digests in the store.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from abaco_jupyter.wire.errors import NotAuthorized
from abaco_server.model.oauth import Grant, OAuthClient
from abaco_server.model.principal import Principal
from abaco_server.service.desk import Desk
from abaco_server.service.tokens import PREFIX, new_secret
from abaco_server.service.vault import digest
from abaco_server.store import Connection, oauth

ACCESS = f"{PREFIX}a_"
REFRESH = f"{PREFIX}r_"

LIFETIME = timedelta(hours=4)
REFRESH_LIFETIME = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """Somebody whose password was right."""

    principal: Principal
    origin: str | None = None
    """Id of the bearer token that was the password."""
    until: datetime | None = None
    """When that one expires."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Tokens just made: this once they can be seen."""

    access: str
    refresh: str
    lifetime: timedelta

    def __repr__(self) -> str:
        return f"Pair(lifetime={self.lifetime!r})"


class Grants:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def grant(self, client: OAuthClient, vouched: Vouched) -> Pair:
        """Raises NotAuthorized when the client is of another tenant."""
        who, now = vouched.principal, self._desk.clock.now()
        if who.tenant != client.tenant:
            raise NotAuthorized(f"The client is of the tenant {client.tenant}, not {who.tenant}.")
        end = min(vouched.until or now + REFRESH_LIFETIME, now + REFRESH_LIFETIME)
        pair, row = _pair(now, end)
        grant = Grant(
            **row,
            client_key=client.key,
            origin=vouched.origin,
            tenant=who.tenant,
            username=who.username,
            roles=tuple(sorted(who.roles)),
        )
        await self._desk.store.write(lambda conn: oauth.insert_grant(conn, grant))
        return pair

    async def refresh(self, client: OAuthClient, token: str) -> Pair | None:
        """The next pair; from now on the old one lets nobody in. None for a token that is not
        good, or not this client's."""
        now, old = self._desk.clock.now(), digest(token)

        def exchange(conn: Connection) -> Pair | None:
            found = oauth.grant_by_refresh(conn, old)
            if found is None or found.client_key != client.key or now >= found.refresh_expires:
                return None
            # The end stays that of the first pair: who lost a role keeps it no longer than that.
            pair, row = _pair(now, found.refresh_expires)
            if not oauth.remove_grant(conn, old):
                return None
            oauth.insert_grant(conn, replace(found, **row))
            return pair

        return await self._desk.store.write(exchange)

    async def holder(self, token: str, *, api_server: str) -> Principal | None:
        """Whom an access token stands for; None when it is not good."""
        now, key = self._desk.clock.now(), digest(token)
        found = await self._desk.store.read(lambda conn: oauth.grant_by_access(conn, key))
        if found is None or now >= found.expires:
            return None
        return Principal(
            username=found.username,
            tenant=found.tenant,
            roles=frozenset(found.roles),
            api_server=api_server,
        )


def _pair(now: datetime, end: datetime) -> tuple[Pair, dict[str, Any]]:
    """New tokens, and what a row keeps of them."""
    access, refresh = new_secret(ACCESS), new_secret(REFRESH)
    expires = min(now + LIFETIME, end)
    row: dict[str, Any] = {
        "access": digest(access),
        "refresh": digest(refresh),
        "create_time": now,
        "expires": expires,
        "refresh_expires": end,
    }
    return Pair(access=access, refresh=refresh, lifetime=expires - now), row
