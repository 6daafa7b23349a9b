"""OAuth as TACC's gateway does it: clients, and what is granted through them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthClient:
    """A program's name and key; its secret is kept as a digest only."""

    key: str
    secret: str
    """SHA-256 of the consumer secret."""
    tenant: str
    owner: str
    name: str
    description: str = ""
    callback_url: str = ""
    tier: str = "Unlimited"
    create_time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """An access token with the refresh token that goes with it, both kept as digests."""

    access: str
    refresh: str
    client_key: str
    origin: str | None = None
    """Id of the bearer token that was the password: the grant ends with it."""
    tenant: str
    username: str
    roles: tuple[str, ...]
    """The user's when the password was shown."""
    create_time: datetime
    expires: datetime
    refresh_expires: datetime
