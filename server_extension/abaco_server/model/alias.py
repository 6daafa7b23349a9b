"""An alias: a name for an actor, unique in its tenant (abaco-api.md, section 9)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    tenant: str
    alias: str
    actor_id: str
    """Whom it means. The actor may be gone: an alias outlives it."""
    owner: str
