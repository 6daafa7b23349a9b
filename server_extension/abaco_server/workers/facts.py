"""What the machine has to know of an actor, read off its record."""

from abaco_server.model.actor import Actor
from abaco_server.model.task import Isolation
from abaco_server.workers.context import isolation_hint
from abaco_server.workers.events import LaneFacts

SYNC = "sync"
"""The hint that keeps an idle worker for longer (section 15)."""


def facts(actor: Actor, *, max_workers: int) -> LaneFacts:
    """`max_workers`: of an actor that sets none."""
    return LaneFacts(
        actor_id=actor.id,
        image=actor.image,
        exclusive=not actor.stateless,
        max_workers=actor.max_workers or max_workers,
        queue=actor.queue,
        sync=SYNC in actor.hints,
        shares=isolation_hint(actor.hints) is not Isolation.CONTAINER,
    )
