"""What is told of an event (abaco-api.md, section 15)."""

from typing import Any

from abaco_jupyter.wire.codes import ContentType
from abaco_jupyter.wire.envelope import stored_time
from abaco_server.model.event import Event

AUTHOR = "Abaco Event"
"""Who sends a linked actor its messages."""


def event_object(event: Event, *, link: str, webhook: str) -> dict[str, Any]:
    """`link` is the internal id of the actor that is told as well, `webhook` the URL; or ""."""
    at = stored_time(event.time)
    return {
        "tenant_id": event.tenant,
        "actor_id": event.actor_id,
        "actor_dbid": f"{event.tenant}_{event.actor_id}",
        "event_type": event.type.value,
        "event_time_utc": at,
        "event_time_display": at,
        "_abaco_link": link,
        "_abaco_webhook": webhook,
        **event.facts,
    }


def posted_object(told: dict[str, Any], api_server: str) -> dict[str, Any]:
    """What a webhook gets: the event, and what a container would find in its environment."""
    return {
        **told,
        "_abaco_Content_Type": ContentType.JSON.value,
        "_abaco_username": AUTHOR,
        "_abaco_api_server": api_server,
    }
