"""Schedules of five fields in a time zone: `30 2 * * mon-fri`, `Europe/Berlin`.

When clocks go forward, a time that the day lacks comes later by as much as they jump. When they
go back, a time that the day has twice comes once. Where the field of hours has a `*`, all hours
are meant: then it comes as often as clocks show it.

croniter is asked about times without a zone only; its releases do not agree on the others.
"""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter

_RANDOM = frozenset({"r", "h"})
"""Words of croniter's that mean another time at each look."""

_LONGEST_JUMP = timedelta(hours=3)
_SECOND = timedelta(seconds=1)


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
    zone = _zone(time_zone)
    try:
        if "*" in fields[1]:
            return _as_often_as_shown(cron, zone, after)
        return _once_a_day(cron, zone, after)
    except (ValueError, OverflowError):
        return None


def _once_a_day(cron: str, zone: tzinfo, after: datetime) -> datetime:
    """What clocks show, each time at its first coming."""
    shown = after.astimezone(zone).replace(tzinfo=None)
    # A time of a gap comes when clocks show a later one already.
    times = croniter(cron, shown - _LONGEST_JUMP)
    while True:
        found: datetime = times.get_next(datetime)
        at = found.replace(tzinfo=zone).astimezone(UTC)
        if at > after:
            return at


def _as_often_as_shown(cron: str, zone: tzinfo, after: datetime) -> datetime:
    """From one change of clocks to the next, with the same offset all the way."""
    start, offset = after.astimezone(UTC), _offset(zone, after)
    while True:
        found: datetime = croniter(cron, (start + offset).replace(tzinfo=None)).get_next(datetime)
        at = found.replace(tzinfo=UTC) - offset
        if _offset(zone, at) == offset:
            return at
        change = _change(zone, start, at, offset)
        start, offset = change - _SECOND, _offset(zone, change)


def _change(zone: tzinfo, before: datetime, after: datetime, offset: timedelta) -> datetime:
    """The moment, to a second, at which clocks leave `offset`."""
    while after - before > _SECOND:
        middle = before + (after - before) / 2
        if _offset(zone, middle) == offset:
            before = middle
        else:
            after = middle
    return after


def _offset(zone: tzinfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


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
