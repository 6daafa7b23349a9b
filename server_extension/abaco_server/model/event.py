"""What the outbox holds: an event that has happened and has not been told yet (section 15)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from abaco_jupyter.wire.codes import EventType, ExecutionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    type: EventType
    actor_id: str
    tenant: str
    time: datetime
    facts: dict[str, Any]
    """`status_message` for ACTOR_*; `execution_id status exit_code` for EXECUTION_COMPLETE."""
    seq: int = 0
    """Position in the outbox; 0 until stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Where an actor's events go."""

    owner: str
    api_server: str
    link: str
    """An actor id or an alias, as it was written; "" for none."""
    webhook: str


def execution_complete(
    *,
    actor_id: str,
    tenant: str,
    execution_id: str,
    exit_code: int | str,
    at: datetime,
) -> Event:
    """User code ran and ended, however it ended."""
    return Event(
        type=EventType.EXECUTION_COMPLETE,
        actor_id=actor_id,
        tenant=tenant,
        time=at,
        facts={
            "execution_id": execution_id,
            "status": ExecutionStatus.COMPLETE.value,
            "exit_code": exit_code,
        },
    )
