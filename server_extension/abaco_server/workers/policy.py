"""The numbers by which the machine decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from abaco_jupyter.wire.limits import MAX_START_ATTEMPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    capacity: int = 32
    """Executions of this service that run at the same time."""
    queue_capacity: Mapping[str, int] = field(default_factory=dict)
    """The same for the actors of one queue; a queue that is not named has no limit of its own."""
    max_starting: int = 12
    """Workers of one queue that may be on their way at the same time."""
    idle: timedelta = timedelta(seconds=60)
    """A worker that had nothing to do for this long leaves."""
    sync_idle: timedelta = timedelta(seconds=600)
    """The same for the one worker that the hint `sync` keeps."""
    worker_ttl: timedelta | None = timedelta(hours=24)
    """The same for every worker, those of stateful actors too; None: they stay."""
    longest_start: timedelta = timedelta(minutes=60)
    """A worker that is not ready after this time never will be. A large image takes long, and a
    pull that is stuck ends by itself: this is for what nobody foresaw."""
    largest_group: int = 256
    """Messages that one worker may take at once."""
    group_lasts: timedelta = timedelta(milliseconds=300)
    """As many as this is likely to be enough for: who stands behind a slow one waits for it."""
    start_retry: timedelta = timedelta(seconds=5)
    max_start_attempts: int = MAX_START_ATTEMPTS
    first_backoff: timedelta = timedelta(seconds=1)
    longest_backoff: timedelta = timedelta(seconds=60)

    def backoff(self, failures: int) -> timedelta:
        """Doubles with each internal failure in a row: 1, 2, 4 ... seconds, up to the longest."""
        factor: int = 2 ** min(failures - 1, 16)
        return min(self.first_backoff * factor, self.longest_backoff)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolConfig:
    max_workers: int
    """Of an actor that sets no maxWorkers."""
    lease: timedelta = timedelta(seconds=60)
    grace: timedelta = timedelta(seconds=10)
    """Between TERM and KILL of a halted execution (section 8)."""
    autoscaler: timedelta = timedelta(seconds=5)
    """Period in which the autoscaler looks for what no event has told."""
    health_check: timedelta = timedelta(seconds=30)
    policy: Policy = field(default_factory=Policy)
