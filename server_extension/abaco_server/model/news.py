"""What happened lately, for who looks at everything: which records to read again, not what they
say. Readers look them up with their own rights."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from abaco_jupyter.wire.codes import ExecutionStatus
from abaco_server.model.decision import Decision
from abaco_server.model.execution import Finished

LISTED = 100
"""Executions of one actor that a page names; of the others it has the number."""

MOVED = 500
"""Executions that moved and did not end that a page names."""

DECIDED = 100
"""Decisions in a page: the last ones."""


@dataclass(slots=True, kw_only=True)
class Page:
    """What happened between two looks."""

    number: int = 0
    actors: set[str] = field(default_factory=set)
    """Of which something is not as it was."""
    submitted: set[str] = field(default_factory=set)
    """Those that have got messages."""
    moved: dict[str, None] = field(default_factory=dict)
    """Executions that began, or went back to the queue; newest last."""
    finished: dict[str, dict[str, None]] = field(default_factory=dict)
    """Executions that ended, by actor, newest last."""
    ends: dict[str, Counter[str]] = field(default_factory=dict)
    """How many ended, by actor and status; `FAILED` are those whose exit code is not 0."""
    decisions: list[Decision] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.actors or self.moved or self.decisions)

    @property
    def weight(self) -> int:
        """Things that it holds on to."""
        named = sum(len(ids) for ids in self.finished.values())
        return 1 + len(self.actors) + len(self.moved) + named + len(self.decisions)

    def stir(self, actor_id: str) -> None:
        self.actors.add(actor_id)

    def submit(self, actor_id: str) -> None:
        self.actors.add(actor_id)
        self.submitted.add(actor_id)

    def move(self, execution_ids: Collection[str]) -> None:
        self.moved.update(dict.fromkeys(execution_ids))
        _forget(self.moved, MOVED)

    def end(self, actor_id: str, finished: Sequence[Finished]) -> None:
        self.actors.add(actor_id)
        self.ends.setdefault(actor_id, Counter()).update(_kind(one) for one in finished)
        self._name(actor_id, [one.id for one in finished[-LISTED:]])

    def decide(self, decision: Decision) -> None:
        self.actors.add(decision.actor_id)
        self.decisions.append(decision)
        del self.decisions[:-DECIDED]

    def add(self, later: "Page") -> None:
        """What a later page holds is newer."""
        self.number = later.number
        self.actors |= later.actors
        self.submitted |= later.submitted
        self.move(later.moved)
        for actor_id, ids in later.finished.items():
            self._name(actor_id, ids)
        for actor_id, counts in later.ends.items():
            self.ends.setdefault(actor_id, Counter()).update(counts)
        self.decisions += later.decisions
        del self.decisions[:-DECIDED]

    def _name(self, actor_id: str, ids: Collection[str]) -> None:
        named = self.finished.setdefault(actor_id, {})
        named.update(dict.fromkeys(ids))
        _forget(named, LISTED)


def _kind(one: Finished) -> str:
    if one.status is ExecutionStatus.COMPLETE and one.exit_code not in (None, 0):
        return "FAILED"
    return one.status.value


def _forget(named: dict[str, None], beyond: int) -> None:
    for name in list(named)[: max(0, len(named) - beyond)]:
        del named[name]
