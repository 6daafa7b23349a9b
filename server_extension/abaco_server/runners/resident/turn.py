"""What the journal says of one group, made into ends. No I/O."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from abaco_jupyter.wire.envelope import stored_time
from abaco_jupyter.wire.limits import MAX_STATE
from abaco_server.model.task import NO_STATE, Ended, Outcome, RunFailed
from abaco_server.runners.resident.journal import TIMED_OUT, Record

_STATE = {
    "Status": "exited",
    "Running": False,
    "Paused": False,
    "Restarting": False,
    "OOMKilled": False,
    "Dead": False,
    "Pid": 0,
    "ExitCode": 0,
    "Error": "",
}
"""Docker's State object of a container that has ended, as Abaco shows it."""


@dataclass(slots=True)
class Pending:
    """What one execution has handed over and nobody was told of yet."""

    results: list[tuple[str, bytes]] = field(default_factory=list)
    count: int = 0
    """Results so far: they are numbered in the order of the journal, also for an heir."""
    size: int = 0
    state: Any = NO_STATE
    exception: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    """Ours, for its log."""

    def next_key(self) -> str:
        self.count += 1
        return f"{self.count:06d}.result"

    def keep(self, body: bytes) -> None:
        self.results.append((self.next_key(), body))
        self.size += len(body)

    def take_results(self) -> list[tuple[str, bytes]]:
        found, self.results, self.size = self.results, [], 0
        return found

    def set(self, kind: str, body: bytes) -> None:
        """The state or the exception that the journal's record of this kind is of."""
        if kind == "s":
            self._set_state(body)
        else:
            self._set_exception(body)

    def _set_state(self, body: bytes) -> None:
        if len(body) > MAX_STATE:
            reason = f"it has {len(body)} bytes, over the limit of {MAX_STATE}"
        else:
            try:
                self.state = json.loads(body)
                return
            except (ValueError, RecursionError) as error:
                reason = f"it is not JSON ({error})"
        self.notes.append(f"abaco: the new state is dropped: {reason}\n")

    def _set_exception(self, body: bytes) -> None:
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            return
        if isinstance(found, dict):
            self.exception = found


class Turn:
    """One group, as far as it has come."""

    def __init__(self, number: int, members: Sequence[str]) -> None:
        self.number = number
        self.members = members
        self.arrived = False
        """The interpreter has it, so the first execution has begun."""
        self.since: datetime | None = None
        """When the current execution began."""
        self.log = 0
        """Where its log begins."""
        self.memory = 0
        """Bytes that the interpreter used before this group."""
        self.current = 0
        """The index of the one whose turn it is."""
        self.told = 0
        """How many have ended."""
        self.withdrawn: set[int] = set()
        """Indexes of those that never will run, and whoever asked for it knows."""
        self.passed_over: set[int] = set()
        """That were not run, and nobody knows."""
        self._pending: dict[int, Pending] = {}

    @property
    def over(self) -> bool:
        return self.current == len(self.members)

    @property
    def now_running(self) -> str | None:
        return self.members[self.current] if self.arrived and not self.over else None

    def pending(self, index: int) -> Pending:
        return self._pending.setdefault(index, Pending())

    def is_ours(self, record: Record) -> bool:
        """Of this group, of an execution that has not ended."""
        if record.g != self.number:
            return False
        return record.k in ("b", "w") or self.current <= record.i < len(self.members)

    def arrive(self, record: Record) -> None:
        self.arrived = True
        self.since, self.log, self.memory = _time(record.at), record.log, record.mem

    def pass_by(self, record: Record) -> None:
        """Keep count of it, and nothing else."""
        if not self.is_ours(record):
            return
        if record.k == "b":
            self.arrive(record)
        elif record.k == "w":
            self.withdraw(record.ix, known=record.n != 0)
        elif record.k == "e":
            self.end(record, b"")

    def end(self, record: Record, log: bytes) -> Ended | None:
        """None: it is not its turn, so our supervisor did not write this."""
        if record.i != self.current:
            return None
        pending = self._pending.pop(record.i, None) or Pending()
        self._advance()
        self.since, self.log = _time(record.t1), record.l1
        return Ended(
            execution_id=self.members[record.i],
            end=outcome(record, pending.exception),
            log=log + "".join(pending.notes).encode(),
            results=tuple(pending.results),
            state=pending.state,
        )

    def _advance(self) -> None:
        self.told += 1
        self.current += 1
        self._pass()

    def withdraw(self, indexes: Iterable[int], *, known: bool) -> list[str]:
        """The ids of those that certainly never run."""
        coming = {index for index in indexes if self.current <= index < len(self.members)}
        (self.withdrawn if known else self.passed_over).update(coming - self.withdrawn)
        self._pass()
        return [self.members[index] for index in sorted(coming)]

    def give_up(self, indexes: Iterable[int]) -> list[str]:
        """As `withdraw` when there is nobody to run them any more: the current one has begun."""
        begun = self.current if self.now_running is not None else -1
        return self.withdraw((index for index in indexes if index != begun), known=True)

    def _pass(self) -> None:
        while self.current in self.withdrawn or self.current in self.passed_over:
            self.current += 1

    @property
    def left(self) -> list[str]:
        """The ids of those that have not begun, when there is nobody to run them any more."""
        return [
            self.members[index]
            for index in range(len(self.members))
            if index in self.passed_over or (index >= self.current and index not in self.withdrawn)
        ]

    def break_off(self, failure: RunFailed, log: bytes) -> Ended:
        """The end of the current one when its interpreter is gone."""
        index = self.current
        pending = self._pending.pop(index, None) or Pending()
        self._advance()
        return Ended(
            execution_id=self.members[index],
            end=failure,
            log=log + "".join(pending.notes).encode(),
            results=tuple(pending.results),
            state=pending.state,
        )


def outcome(record: Record, exception: dict[str, Any] | None) -> Outcome:
    since, until = _time(record.t0), _time(record.t1)
    state = {
        **_STATE,
        "OOMKilled": bool(record.oom),
        "ExitCode": record.c,
        "StartedAt": stored_time(since),
        "FinishedAt": stored_time(until),
    }
    return Outcome(
        exit_code=record.c,
        start_time=since,
        finish_time=until,
        final_state=state,
        cpu=record.cpu,
        peak_memory=record.mem,
        timed_out=bool(record.fl & TIMED_OUT),
        exception=exception,
    )


def _time(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.now(UTC)  # user code has written into the journal
