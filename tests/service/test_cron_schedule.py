"""Abaco's schedule grammar and its errors (section 12)."""

from datetime import UTC, datetime

import pytest

from abaco_jupyter.wire.errors import InvalidRequest
from abaco_server.service import cron_schedule

NOW = datetime(2026, 11, 21, 17, 18, 35, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "next_text", "number", "unit"),
    [
        ("now + 1 hour", "2026-11-21 17", 1, "hour"),
        ("Now + 2 hours", "2026-11-21 17", 2, "hour"),
        ("2026-11-21 17 + 1 day", "2026-11-21 17", 1, "day"),
        ("2027-1-5 3 + 3 weeks", "2027-1-5 3", 3, "week"),
        ("2027-01-05 03 + 12 months", "2027-01-05 03", 12, "month"),
    ],
)
def test_schedules(text: str, next_text: str, number: int, unit: str) -> None:
    schedule = cron_schedule.parse(text, NOW)
    assert (schedule.next_text, schedule.number, schedule.unit) == (next_text, number, unit)
    assert schedule.start >= NOW.replace(minute=0, second=0)


FORMAT = "The cron is not in the correct format"
OLD = "The starting datetime is old. The current UTC time is 2026-11-21 17:00:00"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", FORMAT),
        ("now", FORMAT),
        ("now +1 hour", FORMAT),
        ("now + one hour", FORMAT),
        ("now + 0 hours", FORMAT),
        ("now + -1 hours", FORMAT),
        ("now + 1", FORMAT),
        ("NOW + 1 hour", "The starting date NOW is not in the correct format"),
        ("2026-11-21 + 1 hour", "The starting date 2026-11-21 is not in the correct format"),
        (
            "2026-11-21 17:30 + 1 hour",
            "The starting date 2026-11-21 17:30 is not in the correct format",
        ),
        (
            "2026-13-21 17 + 1 hour",
            "The starting date 2026-13-21 17 is not in the correct format: month must be in 1..12",
        ),
        ("2026-11-21 16 + 1 hour", OLD),
        ("2000-1-1 1 + 1 flimflams", OLD),
        ("now + 1 flimflams", "flimflams is an invalid unit of time"),
        ("now + 1 Hour", "Hour is an invalid unit of time"),
        ("now + 1 hourss", "hourss is an invalid unit of time"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        cron_schedule.parse(text, NOW)
    assert str(refused.value) == message
