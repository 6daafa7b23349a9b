"""The numbers by which the machine decides."""

from dataclasses import dataclass
from datetime import timedelta

from abaco_jupyter.wire.limits import MAX_START_ATTEMPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    capacity: int = 32
    """Executions of this service that run at the same time."""
    idle: timedelta = timedelta(seconds=60)
    """A worker that had nothing to do for this long leaves."""
    start_retry: timedelta = timedelta(seconds=5)
    max_start_attempts: int = MAX_START_ATTEMPTS
    first_backoff: timedelta = timedelta(seconds=1)
    longest_backoff: timedelta = timedelta(seconds=60)

    def backoff(self, failures: int) -> timedelta:
        """Doubles with each internal failure in a row: 1, 2, 4 ... seconds, up to the longest."""
        factor: int = 2 ** min(failures - 1, 16)
        return min(self.first_backoff * factor, self.longest_backoff)
