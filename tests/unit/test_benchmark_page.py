"""The table of `make bench`: what counts as met, and that the page says what was measured."""

from dataclasses import replace

import pytest

from benchmarks import page
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
    calls = {"two_workers": plan, "eight_workers": {"abaco": {}}, "payloads": {"abaco": {}}}
    found = {"machine": {"commit": "abc"}, "results": {"calls": calls, "lab": {"failed": "no Lab"}}}
    text = page.table(found)
    assert "| P3 | one warm call, p50 | 1 ms | ray |" in text
    assert "ray is not installed" in text
    assert "- `lab` failed: no Lab" in text
