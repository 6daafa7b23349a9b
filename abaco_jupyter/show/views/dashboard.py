"""All actors at a glance: throughput, waiting and running times, workers, failures."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from abaco_jupyter.client.resources import Abaco
from abaco_jupyter.show import tables
from abaco_jupyter.show.surroundings import is_plain
from abaco_jupyter.show.views.board import SECONDS, Board, Lane, middle, why_failed
from abaco_jupyter.show.views.feed import Feed
from abaco_jupyter.show.views.view import State, View, escaped, source

MOST_ACTORS = 200
"""Rows: the busiest, then the newest."""

MOST_FAILURES = 8
_SPARK = 60


class Dashboard(View):
    """All actors that you may see: throughput, queues, times, workers, failures; live.

    Parameters
    ----------
    abaco : Abaco, optional
        The server; without it, it is found as `Abaco()` finds it.

    Examples
    --------
    >>> Dashboard()
    """

    _esm = source("parts.js", "dashboard.js")

    def __init__(self, abaco: Abaco | None = None) -> None:
        self.abaco = Abaco() if abaco is None else abaco
        super().__init__(
            {
                "server": self.abaco.url,
                "totals": {},
                "series": None,
                "actors": {},
                "failures": [],
                "more": 0,
                "away": None,
                "notice": None,
            }
        )
        self.listen(Feed.of(self.abaco.transport))

    def text(self) -> str:
        totals = self._told["totals"]
        if is_plain():
            return "Dashboard"
        if not totals:
            return f"Dashboard of {self.abaco.url}"
        return (
            f"Dashboard of {self.abaco.url}: {totals['actors']} actors, "
            f"{totals['workers']} workers, {totals['waiting']} messages waiting, "
            f"{totals['rate']:.1f} executions/s, {totals['failed']} failures in "
            f"{SECONDS // 60} minutes"
        )

    def standing(self) -> str:
        head = ["actor", "status", "waiting", "workers", "executions", "wait", "run"]
        rows = [
            [
                row["name"],
                row["status"],
                str(row["waiting"]),
                str(row["workers"]),
                str(row["total"]),
                _seconds(row["wait"]),
                _seconds(row["run"]),
            ]
            for row in self._told["actors"].values()
        ]
        return f"<b>{escaped(self.text())}</b>" + tables.as_html(head, rows)

    def look(self, board: Board) -> None:
        lanes = board.lanes
        chosen = sorted(board.actors.values(), key=lambda one: _rank(one, lanes[one["id"]]))
        kept = chosen[:MOST_ACTORS]
        self.publish(
            totals=_totals(board),
            series=_series(list(lanes.values())),
            actors={one["id"]: _row(one, lanes[one["id"]]) for one in kept},
            failures=[_failure(one, board) for one in list(board.failures)[-MOST_FAILURES:]][::-1],
            more=len(chosen) - len(kept),
            away=board.away,
        )


def _rank(actor: State, lane: Lane) -> tuple[float, float]:
    busy = sum(lane.ended) + actor["waiting"] + actor["inHand"]
    return -float(busy), -datetime.fromisoformat(actor["createTime"]).timestamp()


def _totals(board: Board) -> State:
    actors, lanes = board.actors.values(), board.lanes.values()
    waits = [one for lane in lanes for one in list(lane.waits)[-50:]]
    runs = [one for lane in lanes for one in list(lane.runs)[-50:]]
    return {
        "actors": len(actors),
        "workers": sum(one["workerCount"] for one in actors),
        "busy": sum(_busy(one) for one in actors),
        "waiting": sum(one["waiting"] for one in actors),
        "inHand": sum(one["inHand"] for one in actors),
        "rate": sum(lane.rate for lane in lanes),
        "failed": sum(sum(lane.failed) for lane in lanes),
        "wait": _middle(waits),
        "run": _middle(runs),
    }


def _busy(actor: State) -> int:
    return sum(worker["status"] == "BUSY" for worker in actor["workers"])


def _series(lanes: list[Lane]) -> State:
    names = ("ended", "waiting", "workers", "failed")
    return {name: _sum([list(getattr(lane, name)) for lane in lanes]) for name in names}


def _sum(rows: list[list[int]]) -> list[int]:
    """Second by second; those that are shorter began later."""
    length = max(map(len, rows), default=0)
    total = [0] * length
    for row in rows:
        for at, value in enumerate(row, length - len(row)):
            total[at] += value
    return total


def _row(actor: State, lane: Lane) -> State:
    return {
        "id": actor["id"],
        "name": actor["name"] or actor["id"],
        "owner": actor["owner"],
        "status": actor["status"],
        "why": actor["statusMessage"],
        "waiting": actor["waiting"],
        "inHand": actor["inHand"],
        "workers": actor["workerCount"],
        "total": actor["totalExecutions"],
        "rate": round(lane.rate, 2),
        "failed": sum(lane.failed),
        "wait": middle(lane.waits),
        "run": middle(lane.runs),
        "spark": list(lane.ended)[-_SPARK:] if any(lane.ended) else [],
    }


def _failure(record: State, board: Board) -> State:
    actor = board.actors.get(record["actorId"], {})
    return {
        "id": record["id"],
        "actor": actor.get("name") or record["actorId"],
        "at": record["finishTime"],
        "why": why_failed(record),
    }


def _middle(values: Sequence[float]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def _seconds(value: Any) -> str:
    return "" if value is None else f"{value:.2f} s"
