"""A bearer token of ours: it acts for one user of one tenant (abaco-api.md, section 2)."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    id: str
    """Names the token in lists; it is no credential."""
    digest: str
    """SHA-256 of the token, by which it is found. The token itself is kept nowhere."""
    tenant: str
    username: str
    roles: tuple[str, ...]
    label: str = ""
    create_time: datetime
    expires: datetime | None = None
    """None: never."""
    last_use_time: datetime | None = None
    """To the minute: see `service.credentials`."""

    def is_valid(self, now: datetime) -> bool:
        return self.expires is None or now < self.expires
