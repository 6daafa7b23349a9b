"""How long a container stays."""

from dataclasses import dataclass
from datetime import timedelta

from abaco_jupyter.wire.limits import MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class ReusePolicy:
    idle: timedelta = timedelta(seconds=60)
    """One that ran nothing for this long is removed."""
    executions: int = 100_000
    """After as many another one takes its place, which bounds what executions leave in it."""
    memory: int = 512 * MIB
    """Bytes by which its interpreter may grow over its start before it is removed."""
    total: int = 16
    """Idle ones of all actors together."""
    ahead: bool = True
    """Whether one is started before the first message."""
