"""Abaco's own schedules: `2026-11-21 17 + 2 hours` (abaco-api.md, section 12)."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from abaco_jupyter.wire.errors import InvalidRequest

UNITS = ("hour", "day", "week", "month")

_WHOLE = re.compile(r"(?P<start>.+?) \+ (?P<number>\d{1,6}) (?P<unit>\S+)", re.ASCII)
_START = re.compile(r"\d{4}-\d{1,2}-\d{1,2} \d{1,2}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    start: datetime
    next_text: str
    """`cronNextEx` until the first run: the start as it was written."""
    number: int
    unit: str
    """One of `UNITS`."""


def parse(text: str, now: datetime) -> Schedule:
    """Raises InvalidRequest. The order of checks is the reference's: format, start, age, unit."""
    found = _WHOLE.fullmatch(text)
    if found is None or int(found["number"]) == 0:
        raise InvalidRequest("The cron is not in the correct format")
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    written = found["start"]
    if written in ("now", "Now"):
        written = f"{hour.year}-{hour.month}-{hour.day} {hour.hour}"
    start = _start(written)
    if start < hour:
        raise InvalidRequest(
            f"The starting datetime is old. The current UTC time is {hour:%Y-%m-%d %H:%M:%S}"
        )
    unit = found["unit"].removesuffix("s")
    if unit not in UNITS or found["unit"].endswith("ss"):
        raise InvalidRequest(f"{found['unit']} is an invalid unit of time")
    return Schedule(start=start, next_text=written, number=int(found["number"]), unit=unit)


def _start(written: str) -> datetime:
    if _START.fullmatch(written) is None:
        raise InvalidRequest(f"The starting date {written} is not in the correct format")
    day, hour = written.split(" ")
    year, month, day_of_month = (int(part) for part in day.split("-"))
    try:
        return datetime(year, month, day_of_month, int(hour), tzinfo=UTC)
    except ValueError as impossible:
        raise InvalidRequest(
            f"The starting date {written} is not in the correct format: {impossible}"
        ) from None
