"""Schedules of five fields in a time zone: `30 2 * * mon-fri`, `Europe/Berlin`.

When clocks go forward, a time that the day lacks comes at the end of the gap. When they go back,
a time that the day has twice comes once, unless every hour is meant (`*`).
"""

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter

_RANDOM = frozenset({"r", "h"})
"""Words of croniter's that mean another time at each look."""


class InvalidSchedule(ValueError):
    """The text is for the person who wrote the schedule."""


def next_time(cron: str, time_zone: str, after: datetime) -> datetime | None:
    """The first time after `after`, in UTC; None when it never comes. Raises InvalidSchedule."""
    fields = cron.split()
    words = {word.lower() for field in fields for word in re.split(r"[^A-Za-z]+", field)}
    if len(fields) != 5 or words & _RANDOM or not croniter.is_valid(cron):
        raise InvalidSchedule(
            f"{cron!r} is no schedule: five fields are needed, minute, hour, day of month, month"
            " and day of week, such as '30 2 * * mon-fri'"
        )
    times = croniter(cron, after.astimezone(_zone(time_zone)))
    every_hour = "*" in fields[1]
    try:
        while True:
            found: datetime = times.get_next(datetime)
            if every_hour or not _is_repeated(found):
                return found.astimezone(UTC)
    except ValueError:
        return None


def _is_repeated(at: datetime) -> bool:
    """Whether clocks have gone back and this is the second time that they show it."""
    return at.utcoffset() != at.replace(fold=0).utcoffset()


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # Also where the system has no time zone database.
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidSchedule(
            f"{name!r} is no time zone: a name of the IANA database is needed, such as"
            " 'Europe/Berlin' or 'UTC'"
        ) from None
