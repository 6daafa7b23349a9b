"""An event on its way to a webhook, and how far it has come."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from abaco_jupyter.wire.codes import DeliveryStatus, EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    id: str
    """Sent along, so that a receiver knows what it has had already."""
    actor_id: str
    tenant: str
    event_type: EventType
    url: str
    payload: dict[str, Any]
    create_time: datetime
    status: DeliveryStatus = DeliveryStatus.WAITING
    attempts: int = 0
    next_time: datetime | None = None
    """When to try; None once it has ended."""
    last_time: datetime | None = None
    answer: int | None = None
    """HTTP status of the last answer."""
    error: str | None = None
    """Why the last attempt brought no answer that counts, for a person."""
