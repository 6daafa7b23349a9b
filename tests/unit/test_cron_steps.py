"""The hands of an actor's clock (section 12)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from abaco_server.cron import steps


@pytest.mark.parametrize(
    ("at", "schedule", "after"),
    [
        ("2026-11-21 17", "now + 1 hour", "2026-11-21 18"),
        ("2026-11-21 23", "now + 2 hours", "2026-11-22 1"),
        ("2026-12-31 3", "2026-12-31 03 + 1 day", "2027-1-1 3"),
        ("2026-11-21 17", "now + 2 weeks", "2026-12-5 17"),
        ("2026-12-5 3", "now + 1 month", "2027-1-5 3"),
        ("2026-01-05 03", "2026-01-05 03 + 12 months", "2027-1-5 3"),
        ("2027-1-31 3", "now + 1 month", "2027-2-28 3"),
        ("2028-1-31 3", "now + 1 month", "2028-2-29 3"),
        ("2027-2-28 3", "now + 1 month", "2027-3-28 3"),
        ("2026-11-21 17", "now + 14 months", "2028-1-21 17"),
        ("2026-11-21 17", "now + 999999 months", "9999-12-31 23"),
        ("2026-11-21 17", "now + 999999 weeks", "9999-12-31 23"),
        ("9999-12-31 23", "now + 1 hour", "9999-12-31 23"),
    ],
)
def test_steps(at: str, schedule: str, after: str) -> None:
    assert steps.write(steps.advance(steps.read(at), schedule)) == after


def test_the_hour_is_that_of_utc() -> None:
    at = datetime(2026, 11, 21, 19, 30, tzinfo=timezone(timedelta(hours=2, minutes=15)))
    assert steps.hour(at) == datetime(2026, 11, 21, 17, tzinfo=UTC)
