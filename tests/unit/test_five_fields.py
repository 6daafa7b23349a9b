"""Five-field schedules in a time zone, also on the days on which clocks change."""

from datetime import UTC, datetime

import pytest

from abaco_server.cron.five_fields import InvalidSchedule, next_time


def times(cron: str, zone: str, start: str, count: int) -> list[str]:
    found, at = [], datetime.fromisoformat(start + "+00:00")
    for _ in range(count):
        upcoming = next_time(cron, zone, at)
        assert upcoming is not None
        assert upcoming.tzinfo is UTC
        at = upcoming
        found.append(at.strftime("%m-%d %H:%M"))
    return found


def test_utc() -> None:
    assert times("*/15 9 * * mon-fri", "UTC", "2026-11-20T09:40", 3) == [
        "11-20 09:45",
        "11-23 09:00",
        "11-23 09:15",
    ]


def test_a_time_that_the_day_lacks_comes_later_by_the_jump() -> None:
    assert times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00", 3) == [
        "03-28 01:30",
        "03-29 01:30",
        "03-30 00:30",
    ]


def test_a_time_that_the_day_has_twice_comes_once() -> None:
    assert times("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00", 3) == [
        "10-24 00:30",
        "10-25 00:30",
        "10-26 01:30",
    ]


def test_every_hour_is_every_hour_whatever_clocks_show() -> None:
    assert times("0 * * * *", "Europe/Berlin", "2026-10-24T23:30", 4) == [
        "10-25 00:00",
        "10-25 01:00",
        "10-25 02:00",
        "10-25 03:00",
    ]
    assert times("0 * * * *", "Europe/Berlin", "2026-03-28T23:30", 3) == [
        "03-29 00:00",
        "03-29 01:00",
        "03-29 02:00",
    ]


def test_a_gap_is_seen_from_within_the_hour_after_it() -> None:
    # 01:10 UTC is 03:10 in Berlin: 02:30, which the day lacks, is still to come.
    assert times("30 2 * * *", "Europe/Berlin", "2026-03-29T01:10", 1) == ["03-29 01:30"]


def test_a_repeated_hour_is_not_taken_up_in_its_second_coming() -> None:
    assert times("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10", 1) == ["10-26 01:30"]


def test_every_quarter_of_an_hour_through_both_changes() -> None:
    for start, day in (("2026-03-29T00:20", "03-29"), ("2026-10-25T00:20", "10-25")):
        found = times("*/15 * * * *", "Europe/Berlin", start, 8)
        assert found == [f"{day} {0 + m // 60:02d}:{m % 60:02d}" for m in range(30, 150, 15)]


def test_far_beyond_several_changes() -> None:
    assert times("0 * 1 6 *", "Europe/Berlin", "2026-01-10T00:00", 1) == ["05-31 22:00"]
    assert times("0 0 1 6 *", "Europe/Berlin", "2026-07-10T00:00", 1) == ["05-31 22:00"]


def test_a_half_hour_zone() -> None:
    assert times("0 9 * * *", "Asia/Kolkata", "2026-11-21T00:00", 2) == [
        "11-21 03:30",
        "11-22 03:30",
    ]


def test_a_time_that_never_comes() -> None:
    assert next_time("0 0 30 2 *", "UTC", datetime(2026, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "cron",
    ["", "x", "* * * *", "* * * * * *", "61 * * * *", "@daily", "R * * * *", "h(1-5) * * * *"],
)
def test_no_schedule(cron: str) -> None:
    with pytest.raises(InvalidSchedule, match="five fields are needed"):
        next_time(cron, "UTC", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "", "Europe", "a\0b"])
def test_no_time_zone(zone: str) -> None:
    with pytest.raises(InvalidSchedule, match="is no time zone"):
        next_time("* * * * *", zone, datetime(2026, 1, 1, tzinfo=UTC))
