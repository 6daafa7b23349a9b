"""Section 12: Abaco's own clock."""

from datetime import UTC, datetime, timedelta

import pytest
from walking import API, FORM, Row, Scene

FORMAT = "The cron is not in the correct format"
NOW = datetime.now(UTC)
FUTURE = "2099-1-31 6"


def start(written: str) -> str:
    return f"The starting date {written} is not in the correct format"


ERRORS = [
    ("no unit", "now + 1", FORMAT),
    ("no blanks", "now+1 hour", FORMAT),
    ("no number", "now + hour", FORMAT),
    ("number 0 (accepted in the reference)", "now + 0 hours", FORMAT),
    ("negative number (accepted in the reference)", "now + -1 hours", FORMAT),
    ("start NOW", "NOW + 1 hour", start("NOW")),
    ("start in words", "tomorrow + 1 day", start("tomorrow")),
    ("with minutes (500)", "2099-01-31 06:30 + 1 day", start("2099-01-31 06:30")),
    ("impossible month (500)", "2099-13-01 06 + 1 day", start("2099-13-01 06")),
    ("impossible hour (500)", "2099-01-01 25 + 1 day", start("2099-01-01 25")),
    ("old", "2020-01-01 06 + 1 day", "The starting datetime is old. The current UTC time is "),
    ("old comes before the unit", "2020-01-01 06 + 1 flimflams", "The starting datetime is old."),
    ("unit (500)", f"{FUTURE} + 1 flimflams", "flimflams is an invalid unit of time"),
    ("unit in upper case", f"{FUTURE} + 1 Hours", "Hours is an invalid unit of time"),
]


@pytest.mark.parametrize(("id", "text", "message"), ERRORS, ids=[row[0] for row in ERRORS])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_errors(scene: Scene, method: str, id: str, text: str, message: str) -> None:
    path = "" if method == "POST" else "/{actor}"
    body = {"image": "x", "cronSchedule": text}
    scene.check(Row(id=id, method=method, path=path, body=body, message=message, starts=True))


@pytest.mark.parametrize(
    "unit", ["hour", "hours", "day", "days", "week", "weeks", "month", "months"]
)
def test_units(scene: Scene, unit: str) -> None:
    made = scene.ada.ok("POST", API, {"image": "x", "cronSchedule": f"{FUTURE} + 2 {unit}"})
    assert made["cronOn"] is True
    assert made["cronNextEx"] == FUTURE


@pytest.mark.parametrize("word", ["now", "Now"])
def test_now(scene: Scene, word: str) -> None:
    actor = scene.actor(cronSchedule=f"{word} + 1 hour")
    shown = scene.ada.ok("GET", f"{API}/{actor}")
    assert shown["cronSchedule"] == f"{word} + 1 hour"
    hours = [NOW + timedelta(hours=step) for step in range(3)]
    assert shown["cronNextEx"] in [f"{at.year}-{at.month}-{at.day} {at.hour}" for at in hours]


def test_a_plus_in_a_form_must_be_escaped(scene: Scene) -> None:
    wrong = scene.ada("POST", API, b"image=x&cronSchedule=now + 1 hour", kind=FORM)
    assert (wrong.status, wrong.message) == (400, FORMAT)
    body = b"image=x&cronSchedule=2099-1-1 6 %2B 1 hour"
    assert scene.ada("POST", API, body, kind=FORM).result["cronOn"] is True


def test_a_put_of_a_schedule_leaves_the_clock_off(scene: Scene) -> None:
    actor = scene.actor(image="x")
    body = {"image": "x", "cronSchedule": f"{FUTURE} + 1 day"}
    assert scene.ada.ok("PUT", f"{API}/{actor}", body)["cronOn"] is False
    assert scene.ada.ok("PUT", f"{API}/{actor}", {**body, "cronOn": True})["cronOn"] is True


def test_it_runs_at_its_hour_as_cron(scene: Scene) -> None:
    """A worker is started for it, which in the reference is left to the autoscaler."""
    actor = scene.actor(cronSchedule="now + 1 week")
    path = f"{API}/{actor}/executions"
    (item,) = scene.until(lambda: scene.ada.ok("GET", path)["executions"])
    run = scene.ended(actor, item["id"])
    assert run.record["executor"] == "cron"
    env = run.seen["env"]
    assert env["MSG"] == "This is your cron execution"
    assert float(env["Time_msg_queued"]) > 0
    assert not {"_abaco_username", "_abaco_api_server"} & set(env)
    week = scene.ada.ok("GET", f"{API}/{actor}")["cronNextEx"]
    day = datetime.strptime(week, "%Y-%m-%d %H").replace(tzinfo=UTC)
    assert timedelta(days=6) < day - NOW <= timedelta(days=7, hours=1)
