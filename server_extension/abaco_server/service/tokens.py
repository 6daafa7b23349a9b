"""Bearer tokens of our own, which admins make, list and revoke (abaco-api.md, section 2).

The reference's users get theirs from the gateway in front of it, whose signed JWT
(`X-JWT-Assertion-<TENANT>`) it believes. We have no gateway and hence no key to check one by:
that header means nothing here. Instead `Authorization: Bearer abaco_...` names a row of the
store, which says tenant, user and roles.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from abaco_jupyter.wire.codes import Role
from abaco_jupyter.wire.errors import InvalidRequest, NotAuthorized, TokenNotFound
from abaco_server.model.principal import Principal
from abaco_server.model.token import Token
from abaco_server.service.desk import Desk
from abaco_server.service.vault import digest
from abaco_server.store import Connection, oauth
from abaco_server.store import tokens as rows

PREFIX = "abaco_"
"""How every bearer token of ours begins."""

NO_ADMIN = "Abaco Admin role required."

_NAME = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")
_PERIOD = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A token just made: this once it can be seen."""

    secret: str
    token: Token

    def __repr__(self) -> str:
        return f"Made(token={self.token!r})"


class Tokens:
    """Tokens of the asking admin's tenant."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def create(
        self,
        principal: Principal,
        *,
        username: str,
        roles: Iterable[Role],
        expires: datetime | None = None,
        label: str = "",
    ) -> Made:
        """Raises InvalidRequest for a user that cannot be one, or a time that has passed."""
        _check_admin(principal)
        now = self._desk.clock.now()
        if _NAME.fullmatch(username) is None:
            raise InvalidRequest(
                f"The user {username!r} cannot be one: a name has 1 to 200 characters and no space."
            )
        if expires is not None and expires <= now:
            raise InvalidRequest(f"The token would have expired at {expires}; it is {now} now.")
        secret = new_secret()
        token = Token(
            id=self._desk.new_id(),
            digest=digest(secret),
            tenant=principal.tenant,
            username=username,
            roles=tuple(sorted(set(roles))),
            label=label,
            create_time=now,
            expires=expires,
        )
        await self._desk.store.write(lambda conn: rows.insert(conn, token))
        return Made(secret=secret, token=token)

    async def list(self, principal: Principal) -> list[Token]:
        """Oldest first, expired ones until they are tidied away."""
        _check_admin(principal)
        return await self._desk.store.read(lambda conn: rows.of_tenant(conn, principal.tenant))

    async def revoke(self, principal: Principal, token_id: str) -> None:
        """From this moment nobody is let in by it, or by what was granted to it as a password.
        Raises TokenNotFound."""
        _check_admin(principal)
        tenant = principal.tenant

        def remove(conn: Connection) -> bool:
            found = rows.remove(conn, tenant, token_id)
            if found:
                oauth.remove_grants_of(conn, token_id)
            return found

        if not await self._desk.store.write(remove):
            raise TokenNotFound(f"No token {token_id!r} in the tenant {tenant}.")


def new_secret(prefix: str = PREFIX) -> str:
    """160 random bits. Hexadecimal, so that no token is taken for one of another kind."""
    return prefix + secrets.token_hex(20)


def expiry(text: str, now: datetime) -> datetime | None:
    """`90d`, `12h`, or an ISO date or time (UTC unless it says otherwise); empty for never."""
    if not text:
        return None
    period = _PERIOD.fullmatch(text)
    try:
        if period is not None:
            return now + timedelta(**{_UNITS[period[2]]: int(period[1])})
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"{text!r} is no time to expire at: give a period such as 90d, 12h or 30m, "
            "or a date such as 2030-01-31."
        ) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _check_admin(principal: Principal) -> None:
    if not principal.is_admin:
        raise NotAuthorized(NO_ADMIN)
