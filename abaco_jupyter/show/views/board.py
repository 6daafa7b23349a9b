"""What the stream of everything has told: the newest of it, bounded. No thread, no network."""

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any

Record = dict[str, Any]

MOST_EXECUTIONS = 10_000
MOST_DECISIONS = 200
SECONDS = 120
"""Of which there is a sample each."""

ENDED = frozenset({"COMPLETE", "ERROR"})


@dataclass(slots=True, kw_only=True)
class Lane:
    """One actor over the last seconds; a sample each second, newest last."""

    waiting: deque[int] = field(default_factory=lambda: deque(maxlen=SECONDS))
    workers: deque[int] = field(default_factory=lambda: deque(maxlen=SECONDS))
    ended: deque[int] = field(default_factory=lambda: deque(maxlen=SECONDS))
    failed: deque[int] = field(default_factory=lambda: deque(maxlen=SECONDS))
    waits: deque[float] = field(default_factory=lambda: deque(maxlen=200))
    """Seconds that the last executions waited."""
    runs: deque[float] = field(default_factory=lambda: deque(maxlen=200))
    """Seconds that they ran."""
    now: Counter[str] = field(default_factory=Counter)
    """What ended since the last sample."""

    @property
    def rate(self) -> float:
        """Executions that ended in a second, over the last ten."""
        last = list(self.ended)[-10:]
        return sum(last) / len(last) if last else 0.0


class Board:
    """`take` frames as they come, `sample` once a second."""

    def __init__(self) -> None:
        self.actors: dict[str, Record] = {}
        self.executions: dict[str, Record] = {}
        """By id, in the order in which they were last told of."""
        self.decisions: deque[Record] = deque(maxlen=MOST_DECISIONS)
        self.lanes: dict[str, Lane] = {}
        self.failures: deque[Record] = deque(maxlen=20)
        self.away: str | None = None
        """Why the server is not heard, while it is not."""
        self.known = False
        """Whether a first frame has come."""
        self.moved: dict[str, Record] = {}
        """Executions that were told of since somebody cleared it."""

    def take(self, event: str, data: Record) -> None:
        self.away, self.known = None, True
        if event == "snapshot":
            self.actors.clear()
            self.decisions.clear()
        for actor in data.get("actors", ()):
            self.actors[actor["id"]] = actor
            self.lanes.setdefault(actor["id"], Lane())
        if event == "snapshot":
            self.lanes = {key: lane for key, lane in self.lanes.items() if key in self.actors}
        for actor_id in data.get("gone", ()):
            self.actors.pop(actor_id, None)
            self.lanes.pop(actor_id, None)
        for record in data.get("executions", ()):
            self._execution(record, new=event == "update")
        for actor_id, counts in data.get("ends", {}).items():
            if lane := self.lanes.get(actor_id):
                lane.now.update(counts)
        self.decisions.extend(data.get("decisions", ()))

    def sample(self) -> None:
        """A second has passed."""
        for actor_id, lane in self.lanes.items():
            actor = self.actors.get(actor_id, {})
            lane.waiting.append(int(actor.get("waiting", 0)))
            lane.workers.append(int(actor.get("workerCount", 0)))
            lane.ended.append(lane.now.total())
            lane.failed.append(lane.now["ERROR"] + lane.now["FAILED"])
            lane.now.clear()

    def _execution(self, record: Record, *, new: bool) -> None:
        before = self.executions.pop(record["id"], None)
        self.executions[record["id"]] = record
        self.moved[record["id"]] = record
        if len(self.executions) > MOST_EXECUTIONS:
            del self.executions[next(iter(self.executions))]
        ends_now = record["status"] in ENDED and (before or {}).get("status") not in ENDED
        lane = self.lanes.get(record["actorId"])
        if not ends_now or lane is None:
            return
        waited, ran = times(record)
        if waited is not None:
            lane.waits.append(waited)
        if ran is not None:
            lane.runs.append(ran)
        if has_failed(record) and (new or before is None):
            self.failures.append(record)


def has_failed(record: Record) -> bool:
    return record.get("status") == "ERROR" or record.get("exitCode") not in (None, 0)


def why_failed(record: Record) -> str:
    """One line; empty when it has not."""
    if not has_failed(record):
        return ""
    text = record.get("error") or record.get("reason") or f"exit code {record.get('exitCode')}"
    return str(text).strip().partition("\n")[0]


def why_beside(record: Record) -> str:
    """As `why_failed`, beside a status that tells the exit code already."""
    why = why_failed(record)
    return "" if why == f"exit code {record.get('exitCode')}" else why


def times(record: Record) -> tuple[float | None, float | None]:
    """Seconds that it waited and that it ran, as far as it got."""
    received, began, ended = (
        moment(record.get(name)) for name in ("messageReceivedTime", "startTime", "finishTime")
    )
    waited = None if began is None or received is None else max(0.0, began - received)
    ran = None if ended is None or began is None else max(0.0, ended - began)
    return waited, ran


def moment(text: Any) -> float | None:
    """Seconds since 1970 of a time as the server writes it."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None  # "None": it has not come to that
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def middle(values: deque[float]) -> float | None:
    return median(values) if values else None
