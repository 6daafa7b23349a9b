"""The decisions of late, kept in memory: a restart forgets them."""

import logging
from collections import OrderedDict, deque
from collections.abc import Callable

from abaco_server.model.decision import Decision

log = logging.getLogger(__name__)

KEPT = 100
"""Of one actor."""

ACTORS = 1000
"""Of so many actors: those of which something was decided last."""


class Decisions:
    """`tell` hears of each decision as it is made, on the event loop."""

    def __init__(self, tell: Callable[[Decision], None]) -> None:
        self._tell = tell
        self._kept: OrderedDict[str, deque[Decision]] = OrderedDict()

    def note(self, decision: Decision) -> None:
        actor_id = decision.actor_id
        log.debug(
            "actor %s: %s by %s; %d workers, %d messages wait",
            actor_id,
            decision.action,
            decision.rule,
            decision.workers,
            decision.waiting,
            extra={"actor_id": actor_id, "worker_ids": decision.worker_ids},
        )
        self._kept.setdefault(actor_id, deque(maxlen=KEPT)).append(decision)
        self._kept.move_to_end(actor_id)
        if len(self._kept) > ACTORS:
            self._kept.popitem(last=False)
        self._tell(decision)

    def of(self, actor_id: str) -> list[Decision]:
        """Newest first."""
        return [*reversed(self._kept.get(actor_id, ()))]
