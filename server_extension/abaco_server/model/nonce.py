"""A nonce: a credential for one actor or one alias (abaco-api.md, sections 2 and 9)."""

from dataclasses import dataclass
from datetime import datetime

from abaco_jupyter.wire.codes import Level

UNLIMITED = -1
"""`max_uses` and `remaining_uses` of a nonce that is never used up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonce:
    digest: str
    """SHA-256 of the id, by which it is found. The id itself is the credential: it is kept only
    in `sealed`, for which one needs a key that is not in the database."""
    sealed: str
    tenant: str
    actor_id: str | None = None
    alias: str | None = None
    """Either this or `actor_id`."""
    owner: str
    roles: tuple[str, ...]
    """The owner's when the nonce was made."""
    level: Level
    max_uses: int = UNLIMITED
    remaining_uses: int = UNLIMITED
    current_uses: int = 0
    description: str = ""
    create_time: datetime
    last_use_time: datetime | None = None
