"""How many containers should wait for one actor. No I/O."""

import math
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmPolicy:
    total: int = 8
    """Containers that wait for all actors together; 0 switches them off."""
    per_actor: int = 4
    """The most that wait for an actor without the hint `warm:N`."""
    idle: timedelta = timedelta(seconds=60)
    """An actor that had no message for this long has none waiting."""
    ahead: timedelta = timedelta(seconds=1)
    """How long it takes to have another one: messages of this long find theirs."""
    window: timedelta = timedelta(seconds=10)
    """Messages of the past that speak for the future."""
    uses: int = 1000
    """Executions of a container that serves many: what leaks in it, leaks no longer."""
    reuse_idle: timedelta = timedelta(seconds=60)
    """As `idle`, of actors whose containers serve many."""


@dataclass(slots=True)
class Demand:
    """Of one actor. Times are seconds of the event loop's clock."""

    policy: WarmPolicy
    asked: int | None = None
    """The hint `warm:N`."""
    lasts: bool = False
    """Its containers serve many executions."""
    last: float = 0.0
    _taken: deque[float] = field(default_factory=deque)

    is_used: bool = False
    """It had a message."""
    most_at_once: int = 1
    """Executions that ran, or would have, side by side: what containers that serve many need."""

    def note(self, now: float, *, message: bool = True) -> None:
        self.last = now
        if message:
            self.is_used = True
            self._taken.append(now)
            self._forget(now)

    @property
    def idle(self) -> float:
        """Seconds without a message after which none waits."""
        policy = self.policy
        return (policy.reuse_idle if self.lasts else policy.idle).total_seconds()

    def wanted(self, now: float) -> int:
        """Waiting, and of those that last also at work."""
        if now - self.last >= self.idle:
            return 0
        if self.lasts:
            asked = 1 if self.asked is None else self.asked
            return min(asked and max(asked, self.most_at_once), self.policy.total)
        if self.asked is not None:
            return min(self.asked, self.policy.total)
        self._forget(now)
        rate = len(self._taken) / self.policy.window.total_seconds()
        need = 1 + math.floor(rate * self.policy.ahead.total_seconds())
        return min(need, self.policy.per_actor, self.policy.total)

    def _forget(self, now: float) -> None:
        while self._taken and now - self._taken[0] > self.policy.window.total_seconds():
            self._taken.popleft()
