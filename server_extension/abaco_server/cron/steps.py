"""Abaco's clock, whose hands move by whole hours (abaco-api.md, section 12).

`cronNextEx` is text: `2026-11-21 17` as it was written, `2026-1-5 3` once it has moved.
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)
_STEPS = {"hour": HOUR, "day": timedelta(days=1), "week": timedelta(weeks=1)}
_END = datetime(9999, 12, 31, 23, tzinfo=UTC)
"""Where a clock stops whose next hour is beyond what a calendar holds."""


def hour(at: datetime) -> datetime:
    """The hour in which it lies, in UTC."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def read(text: str) -> datetime:
    day, hour_of_day = text.split(" ")
    year, month, day_of_month = (int(part) for part in day.split("-"))
    return datetime(year, month, day_of_month, int(hour_of_day), tzinfo=UTC)


def write(at: datetime) -> str:
    return f"{at.year}-{at.month}-{at.day} {at.hour}"


def advance(at: datetime, schedule: str) -> datetime:
    """One step of `<start> + <number> <unit>`."""
    number, unit = schedule.rsplit(" + ", 1)[1].split(" ")
    try:
        return _add(at, int(number), unit.removesuffix("s"))
    except (OverflowError, ValueError):
        return _END


def _add(at: datetime, number: int, unit: str) -> datetime:
    if unit != "month":
        return at + number * _STEPS[unit]
    years, month = divmod(at.month - 1 + number, 12)
    year = at.year + years
    # The 31st of a month that has none is its last day.
    day = min(at.day, monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)
