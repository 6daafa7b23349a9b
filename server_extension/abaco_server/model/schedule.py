"""A schedule of ours: a message that is sent again and again (Abaco's own is `cronSchedule`)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from abaco_jupyter.wire.codes import ContentType


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    id: str
    actor_id: str
    tenant: str
    api_server: str
    owner: str
    """Who made it."""
    cron: str
    """Five fields: minute, hour, day of month, month, day of week."""
    time_zone: str
    """A name of the IANA database, such as `Europe/Berlin`."""
    content_type: ContentType
    body: bytes
    coalesce: bool
    """Several runs that were missed become one."""
    misfire_grace: timedelta | None
    """A run that is later than this is left out; None: never."""
    create_time: datetime
    next_time: datetime | None
    """None: it will never come again."""
    last_time: datetime | None = None
    """When it last sent."""
