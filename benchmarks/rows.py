"""The lines of `docs/benchmarks.md`: which figure is held against which, and the targets.

A target is a number of times: how many times better than its peer a figure must be. A limit is a
peer as well: at a limit of 50 ms, 25 ms is two times better.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.peers import OURS, OURS_INSIDE

Results = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    number: str
    figure: str
    unit: str
    ours: float | None
    against: str
    peer: float | None
    wanted: float | None = None
    """Times; None: no target."""
    more_is_better: bool = False
    missing: str = ""
    """Why a figure is not there."""

    @property
    def times(self) -> float | None:
        if not self.ours or not self.peer or self.ours < 0:
            return None
        return self.ours / self.peer if self.more_is_better else self.peer / self.ours

    @property
    def met(self) -> bool | None:
        """None: there is no target, or a figure is missing."""
        if self.wanted is None or self.ours is None or self.peer is None:
            return None
        if self.ours <= 0:
            return not self.more_is_better
        return self.times is not None and self.times >= self.wanted


def rows(results: Results) -> list[Row]:
    """Of all benchmarks that ran, by the targets' numbers; one that failed has no rows."""
    found = [
        row
        for name, lines in _LINES
        if name in results and "failed" not in results[name]
        for row in lines(results[name])
    ]
    return sorted(found, key=lambda row: int(row.number.removeprefix("P") or 99))


def _fresh(found: Results) -> Iterator[Row]:
    for kind, facts in found["p1"].items():
        p50 = facts["p50_ms"]
        for way, wanted in (("service", facts["target"]), ("runner", None)):
            yield Row(
                number="P1",
                figure=f"fresh container, `{kind}`, message to end ({way})",
                unit="ms",
                ours=p50[way],
                against="docker run",
                peer=p50["docker_run"],
                wanted=wanted,
            )
    best = {way: max(by.values()) for way, by in found["p2"]["per_second"].items()}
    yield Row(
        number="P2",
        figure="fresh containers, sustained",
        unit="per s",
        ours=best["fresh"],
        against="docker run",
        peer=best["docker_run"],
        wanted=2,
        more_is_better=True,
    )


_CALLS = (
    # number, figure, unit, plan, name of the figure, of ours, more is better, targets by peer
    ("P3", "one warm call, p50", "ms", "two_workers", "warm_call_ms", None, False,
     {"dask": 7, "ray": 1}),
    ("P4", "map of 200, as first written", "calls/s", "two_workers", "map_200_per_s", None, True,
     {}),
    ("P4", "map of 2000, as first written", "calls/s", "two_workers", "map_2000_per_s", None, True,
     {"dask": 60, "ray": 20, "process pool": 4}),
    ("P4", "map of 2000, 64 to a task", "calls/s", "two_workers", "chunked_2000_per_s",
     "map_2000_per_s", True, {"dask": 3, "ray": 0.9, "joblib": 0.6}),
    ("P5", "50 ms sleeps, 8 workers", "per s", "eight_workers", "naps_per_s", None, True, {}),
    ("P6", "first result from nothing", "s", "two_workers", "first_result_s", None, False,
     {"dask": 2}),
    ("", "memory a worker after the maps", "MB", "two_workers", "memory_a_worker_mb", None, False,
     {}),
    ("P9", "1 kB there and back", "ms", "payloads", "payload_1000_ms", None, False, {}),
    ("P9", "1 MB there and back", "ms", "payloads", "payload_1000000_ms", None, False, {}),
    ("P9", "50 MB there and back", "ms", "payloads", "payload_50000000_ms", None, False,
     {"dask": 1}),
)  # fmt: skip


def _calls(found: Results) -> Iterator[Row]:
    for number, figure, unit, plan, name, own_name, more, targets in _CALLS:
        mine = found[plan][OURS]
        # Ours by default beside the peer in chunks, when ours is the better of the two.
        ours = max(filter(None, (mine.get(name), mine.get(own_name or name))), default=None)
        for peer, figures in found[plan].items():
            if peer != OURS and (name in figures or "missing" in figures):
                yield Row(
                    number=number,
                    figure=figure,
                    unit=unit,
                    ours=ours,
                    against=peer,
                    peer=figures.get(name),
                    wanted=targets.get(peer),
                    more_is_better=more,
                    missing=_missing(name, mine, figures),
                )
    two, eight = found["two_workers"][OURS], found["eight_workers"][OURS]
    limit = {"against": "the target"}
    yield Row(
        number="P3", figure="one warm call, p50", unit="ms", ours=two.get("warm_call_ms"),
        peer=1.5, wanted=1, **limit,
    )  # fmt: skip
    yield Row(
        number="P4", figure="map of 2000, as first written", unit="calls/s",
        ours=two.get("map_2000_per_s"), peer=30_000, wanted=1, more_is_better=True, **limit,
    )  # fmt: skip
    yield Row(
        number="P5", figure="50 ms sleeps, 8 workers", unit="per s", ours=eight.get("naps_per_s"),
        against="the ideal", peer=160, wanted=0.95, more_is_better=True,
    )  # fmt: skip


def _missing(name: str, *sides: Results) -> str:
    return next((one["missing"] for one in sides if name not in one and "missing" in one), "")


def _ask(found: Results) -> Iterator[Row]:
    mine, peer = found["ask"][OURS_INSIDE], found["ask"]["thespian"]
    yield Row(
        number="P13", figure="ask of a warm actor, p50 (ours with its record)", unit="ms",
        ours=mine.get("warm_call_ms"), against="Thespian, TCP base", peer=peer.get("warm_call_ms"),
        wanted=1, missing=_missing("warm_call_ms", mine, peer),
    )  # fmt: skip


def _accept(found: Results) -> Iterator[Row]:
    for connections in (1, 32):
        rounds = found[f"connections_{connections}"]["rounds"]
        middle = sorted(rounds, key=lambda one: one["ratio"])[len(rounds) // 2]
        yield Row(
            number="P7",
            figure=f"messages accepted on disk, {connections} connections",
            unit="per s",
            ours=middle["ours"]["per_second"],
            against="a bare handler",
            peer=middle["bare"]["per_second"],
            wanted=0.7,
            more_is_better=True,
        )


def _lists(found: Results) -> Iterator[Row]:
    yield Row(
        number="P8",
        figure="newest 100 executions, actor with 1 M of them",
        unit="ms",
        ours=found["newest_100_of_1M_ms"],
        against="with 1 k",
        peer=found["newest_100_of_1k_ms"],
        wanted=1 / 1.5,
    )


def _limits(found: Results, number: str, *lines: tuple[str, str, float, float]) -> Iterator[Row]:
    for figure, unit, ours, limit in lines:
        yield Row(
            number=number, figure=figure, unit=unit, ours=ours, against="the target", peer=limit,
            wanted=1,
        )  # fmt: skip


def _idle(found: Results) -> Iterator[Row]:
    over, when = found["over_bare"], "idle with 1000 actors, over the bare server"
    return _limits(
        found,
        "P10",
        (f"processor, {when}", "% CPU", over["cpu_percent"], 0.3),
        (f"memory, {when}", "MB", over["rss_mb"], 30),
    )


def _lab(found: Results) -> Iterator[Row]:
    ours = found["while_a_map_runs_p99_ms"]
    yield from _limits(found, "P11", ("kernel round trip while a map runs, p99", "ms", ours, 50))
    yield Row(
        number="P11", figure="kernel round trip while a map runs, p99", unit="ms", ours=ours,
        against="while two processes compute", peer=found["computing_p99_ms"],
    )  # fmt: skip


def _startup(found: Results) -> Iterator[Row]:
    return _limits(found, "P12", ("share of the server's start", "s", found["share_s"], 0.3))


def _recovery(found: Results) -> Iterator[Row]:
    yield Row(
        number="", figure="first result after kill -9 of the server", unit="s",
        ours=found["first_result_s"], against="its start alone", peer=found["server_s"],
    )  # fmt: skip


_LINES: tuple[tuple[str, Callable[[Results], Iterator[Row]]], ...] = (
    ("fresh", _fresh),
    ("calls", _calls),
    ("calls", _ask),
    ("accept", _accept),
    ("lists", _lists),
    ("idle", _idle),
    ("lab", _lab),
    ("startup", _startup),
    ("recovery", _recovery),
)
