import json
import re
import xml.etree.ElementTree as ET
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_server import FakeServer

from abaco_jupyter.client.actor import Actor
from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.show.report import Report, report
from abaco_jupyter.show.report_facts import Bar, Phase, bars, facts
from abaco_jupyter.show.report_picture import MOST_BARS, duration, ticks
from abaco_jupyter.wire.errors import InvalidRequest

ZERO = datetime(2026, 11, 21, 17, 0, tzinfo=UTC)
NOW = ZERO + timedelta(seconds=100)


def at(seconds: float) -> str:
    return (ZERO + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def ran(name: str, *times: float, **fields: Any) -> dict[str, Any]:
    """Received, taken, started, finished: as many of them as it has come to."""
    keys = ("messageReceivedTime", "takenTime", "startTime", "finishTime")
    record = {"id": name, "actorId": "A", "status": "COMPLETE", "exitCode": 0, "cpu": 0}
    return record | dict(zip(keys, map(at, times), strict=False)) | fields


def of(*records: dict[str, Any]) -> list[Bar]:
    return bars(records, {"A": "count"}, NOW)


def test_where_the_time_of_an_execution_went() -> None:
    [bar] = of(ran("a", 0, 1, 3, 7, cpu=2_500_000_000, peakMemory=2**20))
    assert [(part.phase, part.begin, part.end) for part in bar.parts] == [
        (Phase.WAITING, 0, 1),
        (Phase.PREPARING, 1, 3),
        (Phase.RUNNING, 3, 7),
    ]
    assert (bar.actor, bar.ending, bar.cpu, bar.memory) == ("count", "COMPLETE", 2.5, 2**20)


def test_what_it_comes_to() -> None:
    known = facts(of(ran("b", 1, 2, 2, 8, cpu=10**9), ran("a", 0, 1, 2, 10, peakMemory=7)))
    assert (known.executions, known.well, known.failed, known.going) == (2, 2, 0, 0)
    assert (known.elapsed, known.busy, known.speed_up) == (10, 14, 1.4)
    assert (known.running.total, known.running.middle, known.running.most) == (14, 7, 8)
    assert (known.waiting.total, known.preparing.total) == (2, 1)
    assert (known.cpu, known.memory) == (1, 7)


def test_some_that_failed_or_have_not_ended() -> None:
    failed = ran("a", 0, 1, 2, 4, exitCode=3)
    never = {**ran("b", 0, 1, status="ERROR", exitCode=None), "finishTime": at(5)}
    waiting = ran("c", 90, status="SUBMITTED")
    running = ran("d", 91, 92, 93, status="RUNNING")
    shown = of(failed, never, waiting, running)
    assert [bar.ending for bar in shown] == [
        "COMPLETE, exit code 3",
        "ERROR",
        "SUBMITTED",
        "RUNNING",
    ]
    assert [bar.ran for bar in shown] == [2, 0, 0, 7]
    assert shown[0].parts[-1].phase is Phase.FAILED
    assert shown[1].end == 5
    assert shown[2].waited == 10
    known = facts(shown)
    assert (known.well, known.failed, known.going) == (0, 2, 2)


def test_a_clock_that_is_behind_turns_no_bar_around() -> None:
    [bar] = of(ran("a", 5, 4.999, 4.998, 6))
    assert bar.waited == bar.prepared == 0
    assert bar.ran == 1


def test_none_at_all() -> None:
    empty = Report([], {}, about="count")
    assert empty.svg == ""
    assert repr(empty) == "count: no executions."
    assert empty._repr_mimebundle_()["text/html"] == "<i>count: no executions.</i>"
    assert empty.facts.speed_up is None
    assert empty.as_dict()["executions"] == []


def test_two_thousand_share_bars() -> None:
    many = [ran(f"e{n}", n / 10, n / 10 + 1, n / 10 + 2, n / 10 + 4) for n in range(2000)]
    picture = Report(many, {"A": "count"}, about="count").svg
    titles = [each.text or "" for each in ET.fromstring(picture).iter(f"{_SVG}title")]
    assert 100 <= len(titles) <= MOST_BARS
    assert titles[0] == "14 executions, waiting 1.00 s, preparing 1.00 s, running 2.00 s"
    assert "the mean of 14 executions" in picture
    assert len(picture) < 60_000


_SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_is_svg_with_a_bar_and_a_label_each() -> None:
    shown = Report([ran("a", 0, 1, 2, 4), ran("b", 0, 1, 2, 5, exitCode=1)], {"A": "<x>"}, about="")
    picture = ET.fromstring(shown.svg)
    titles = [each.text for each in picture.iter(f"{_SVG}title")]
    assert titles[0] == "<x> a: COMPLETE, waiting 1.00 s, preparing 1.00 s, running 2.00 s"
    paths = [each.get("d", "") for each in picture.iter(f"{_SVG}path")]
    assert [len(re.findall("M", path)) for path in paths] == [2, 2, 1, 1]
    assert "1 failed" in picture.get("aria-label", "")


@pytest.mark.parametrize("last", [0.004, 0.9, 1, 3.3, 59, 100, 7777, 1e6])
def test_the_axis_has_a_few_round_marks(last: float) -> None:
    marks = ticks(last)
    assert marks[0] == 0
    assert 3 <= len(marks) <= 7
    assert marks[-1] <= last


def test_durations_have_the_digits_that_matter() -> None:
    shown = [duration(each) for each in (0.0123, 2.345, 45.67, 600, 9000)]
    assert shown == ["12 ms", "2.35 s", "45.7 s", "10.0 min", "2.5 h"]


def test_plain_text_has_no_times(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Report([ran("a", 0, 1, 2, 4)], {"A": "count"}, about="count")
    assert "The slowest:" in repr(shown)
    monkeypatch.setenv("ABACO_PLAIN", "1")
    assert shown._repr_mimebundle_() == {
        "text/plain": "count: 1 execution, 1 ended well, 0 failed."
    }


def test_saved_by_the_name_of_the_file(tmp_path: Path) -> None:
    shown = Report([ran("a", 0, 1, 2, 4)], {"A": "count"}, about="count")
    saved = json.loads(shown.save(tmp_path / "r.json").read_text())
    assert saved["executions"][0]["running"] == 2
    assert saved["facts"]["speed_up"] == 0.5
    assert shown.save(tmp_path / "r.svg").read_text().startswith("<svg")
    assert "<table" in shown.save(tmp_path / "r.html").read_text()
    with pytest.raises(ValueError, match=r"not as '\.png'"):
        shown.save(tmp_path / "r.png")


def _end(server: FakeServer) -> None:
    for number, record in enumerate(server.executions.values()):
        record |= ran(record["id"], number, number, number, number + 1, actorId=record["actorId"])


def test_of_an_actor_and_of_a_set(server: FakeServer, abaco: Abaco) -> None:
    server.add_actor("count")
    actor = abaco.actor("count")
    sent = [actor.submit("x") for _ in range(4)]
    _end(server)
    assert actor.report().facts.executions == 4
    assert actor.report(newest=3).facts.elapsed == 3
    some = report(sent[:2])
    assert [bar.id for bar in some.bars] == [each.id for each in sent[:2]]
    assert some.about == "count"
    assert report(sent[0]).facts.executions == 1
    assert report([]).facts.executions == 0


class Elsewhere(Executor):
    """As `AbacoExecutor`: its calls went to these actors."""

    def __init__(self, *actors: Actor) -> None:
        self.actors = list(actors)


def test_of_an_executor_with_two_actors_and_with_none(server: FakeServer, abaco: Abaco) -> None:
    made = [Actor(abaco.transport, server.add_actor(name)) for name in ("one", "two")]
    for actor in (*made, made[0]):
        actor.submit("x")
    _end(server)
    shown = report(Elsewhere(*made))
    assert sorted(bar.actor for bar in shown.bars) == ["one", "one", "two"]
    assert shown.about == "one, two"
    assert repr(report(Elsewhere())) == "Nothing: no executions."


def test_what_it_cannot_be_made_of(server: FakeServer, abaco: Abaco) -> None:
    server.add_actor("count")
    for wrong in (3, "count", {"a": 1}, [1], ThreadPoolExecutor()):
        with pytest.raises(TypeError):
            report(wrong)
    with pytest.raises(InvalidRequest, match="not of 0"):
        abaco.actor("count").report(0)
