"""What a set of executions cost: where each one's time went, and what it comes to."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from statistics import median
from typing import Any

from abaco_jupyter.wire.codes import ExecutionStatus

SLOWEST = 5


class Phase(StrEnum):
    WAITING = "waiting"
    """In the queue, until a worker took the message."""
    PREPARING = "preparing"
    """Until user code began: the image was pulled, a container made."""
    RUNNING = "running"
    FAILED = "failed"
    """As `running`, of an execution that did not end well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One phase of an execution, in seconds since the first message of the set was received."""

    phase: Phase
    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One execution."""

    id: str
    actor: str
    ending: str
    """Its status; with the exit code where that is not 0."""
    parts: tuple[Part, ...]
    over: bool
    failed: bool
    cpu: float
    """Seconds."""
    memory: int
    """Bytes; 0 where nobody measured."""

    @property
    def begin(self) -> float:
        return self.parts[0].begin

    @property
    def end(self) -> float:
        return self.parts[-1].end

    @property
    def ran(self) -> float:
        return self._in(Phase.RUNNING, Phase.FAILED)

    @property
    def waited(self) -> float:
        return self._in(Phase.WAITING)

    @property
    def prepared(self) -> float:
        return self._in(Phase.PREPARING)

    def _in(self, *phases: Phase) -> float:
        return sum(part.seconds for part in self.parts if part.phase in phases)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Seconds of one phase over all executions."""

    total: float
    middle: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    executions: int
    well: int
    failed: int
    going: int
    """Those that wait or run yet."""
    elapsed: float
    """Seconds from the first message to the last end."""
    busy: float
    """Seconds that all of them ran, added up: what one after the other would have taken."""
    speed_up: float | None
    """`busy` / `elapsed`; None when nothing ran."""
    waiting: Spread
    preparing: Spread
    running: Spread
    cpu: float
    """Seconds."""
    memory: int | None
    """Bytes that the largest one used at most; None where nobody measured."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def bars(records: Iterable[dict[str, Any]], titles: dict[str, str], now: datetime) -> list[Bar]:
    """One for each record, in the order in which their messages were received.

    Parameters
    ----------
    records : iterable of dict
        As `/abaco/v1/actors/<id>/executions` has them.
    titles : dict
        Actors' names by id.
    now : datetime
        How far those have come that have not ended.
    """
    read = [(received, each) for each in records if (received := _time(each, "messageReceived"))]
    read.sort(key=lambda pair: pair[0])
    if not read:
        return []
    zero = read[0][0]
    return [_bar(each, titles, zero, now) for _, each in read]


def facts(shown: Sequence[Bar]) -> Facts:
    over = [bar for bar in shown if bar.over]
    failed = sum(bar.failed for bar in shown)
    elapsed = max((bar.end for bar in shown), default=0.0)
    busy = sum(bar.ran for bar in shown)
    return Facts(
        executions=len(shown),
        well=len(over) - failed,
        failed=failed,
        going=len(shown) - len(over),
        elapsed=elapsed,
        busy=busy,
        speed_up=busy / elapsed if busy and elapsed else None,
        waiting=_spread([bar.waited for bar in shown]),
        preparing=_spread([bar.prepared for bar in shown]),
        running=_spread([bar.ran for bar in shown]),
        cpu=sum(bar.cpu for bar in shown),
        memory=max((bar.memory for bar in shown), default=0) or None,
    )


def slowest(shown: Sequence[Bar]) -> list[Bar]:
    """The five that ran longest."""
    ran = [bar for bar in shown if bar.ran]
    return sorted(ran, key=lambda bar: bar.ran, reverse=True)[:SLOWEST]


def _bar(record: dict[str, Any], titles: dict[str, str], zero: datetime, now: datetime) -> Bar:
    status = ExecutionStatus(record["status"])
    code = record.get("exitCode")
    failed = status.ended and (status is ExecutionStatus.ERROR or code not in (0, None))
    shown = f"{status.value}, exit code {code}" if failed and code not in (0, None) else status
    actor = str(record.get("actorId", ""))
    return Bar(
        id=record["id"],
        actor=titles.get(actor, actor),
        ending=str(shown),
        parts=_parts(record, zero, now, over=status.ended, failed=failed),
        over=status.ended,
        failed=failed,
        cpu=record.get("cpu", 0) / 1e9,
        memory=record.get("peakMemory") or 0,
    )


def _parts(
    record: dict[str, Any], zero: datetime, now: datetime, *, over: bool, failed: bool
) -> tuple[Part, ...]:
    """The clocks of an engine and a server may differ by some milliseconds: none goes back."""
    received = _time(record, "messageReceived") or zero
    started = _time(record, "start")
    end = (_time(record, "finish") if over else now) or started or received
    taken = _time(record, "taken")
    parts = []
    at = (received - zero).total_seconds()
    run = Phase.FAILED if failed else Phase.RUNNING
    for phase, until in (
        (Phase.WAITING, taken or started or end),
        (Phase.PREPARING, (started or end) if taken else None),
        (run, end if started else None),
    ):
        if until is not None:
            then = max(at, (until - zero).total_seconds())
            parts.append(Part(phase=phase, begin=at, end=then))
            at = then
    return tuple(parts)


def _spread(seconds: Sequence[float]) -> Spread:
    if not seconds:
        return Spread(total=0.0, middle=0.0, most=0.0)
    return Spread(total=sum(seconds), middle=median(seconds), most=max(seconds))


def _time(record: dict[str, Any], which: str) -> datetime | None:
    """One of Abaco's times in a record of ours: ISO 8601, UTC."""
    text = record.get(f"{which}Time")
    if not text:
        return None
    read = datetime.fromisoformat(text)
    return read if read.tzinfo else read.replace(tzinfo=UTC)
