"""The table of `make bench`: what counts as met, and that the page says what was measured."""

from dataclasses import replace

import pytest

from benchmarks import calls, page
from benchmarks.rows import Row

TIME = Row(
    number="P3", figure="a call", unit="ms", ours=2.0, against="dask", peer=14.0, wanted=7
)  # fmt: skip


def test_less_time_is_better() -> None:
    assert (TIME.times, TIME.met) == (7.0, True)
    assert replace(TIME, ours=2.1).met is False


def test_more_calls_are_better() -> None:
    rate = replace(TIME, ours=100.0, peer=50.0, wanted=2, more_is_better=True)
    assert (rate.times, rate.met) == (2.0, True)
    assert replace(rate, ours=99.0).met is False


def test_what_costs_nothing_is_within_its_limit() -> None:
    free = replace(TIME, ours=-0.1, peer=0.3, wanted=1)
    assert (free.times, free.met) == (None, True)


@pytest.mark.parametrize("absent", [{"peer": None}, {"ours": None}, {"wanted": None}])
def test_without_figure_or_target_there_is_no_verdict(absent: dict[str, None]) -> None:
    assert replace(TIME, **absent).met is None


def test_a_peer_that_is_missing_is_named_with_the_reason() -> None:
    plan = {"abaco": {"warm_call_ms": 1.0}, "ray": {"missing": "ray is not installed"}}
    plans = {"two_workers": plan, "eight_workers": {"abaco": {}}, "payloads": {"abaco": {}}}
    measured = plans | {"ask": {"abaco, isolation none": {"warm_call_ms": 1.0}, "thespian": {}}}
    found = {
        "machine": {"commit": "abc"},
        "results": {"calls": measured, "lab": {"failed": "no Lab"}},
    }
    text = page.table(found)
    assert "| P3 | one warm call, p50 | 1 ms | ray |" in text
    assert "**P13** (not measured)" in text
    assert "ray is not installed" in text
    assert "- `lab` failed: no Lab" in text


def test_where_the_time_goes_stands_under_the_table_with_the_verdict() -> None:
    idle = {
        "bare": {"rss_mb": 100.0, "cpu_percent": 0.1},
        "no_actors": {"rss_mb": 120.0, "cpu_percent": 0.2},
        "actors_1000": {"rss_mb": 140.0, "cpu_percent": 0.2},
        "over_bare": {"rss_mb": 40.0, "cpu_percent": 0.1},
        "imports_mb": {"sqlalchemy": 14.0},
    }
    text = page.table({"machine": {}, "results": {"idle": idle}})
    assert "**P10** (1 of 2 met): The bare server has 100.0 MB" in text


def test_a_round_that_failed_hides_no_figure_of_another() -> None:
    found = calls._medians([{"warm_call_ms": 1.0}, {"missing": "no"}, {"warm_call_ms": 3.0}])
    assert found == {"warm_call_ms": 2.0, "missing": "no", "failed_rounds": 1}
