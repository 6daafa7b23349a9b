"""The legal status changes (abaco-api.md, section 11). Nothing else may set a status.

`check` is asked before a status is written; `sources` gives the statuses that a conditional
UPDATE may start from, so that the store itself refuses a change that lost a race.
"""

from enum import StrEnum

from abaco_jupyter.wire.codes import ActorStatus as A
from abaco_jupyter.wire.codes import BuildStatus as B
from abaco_jupyter.wire.codes import DeliveryStatus as D
from abaco_jupyter.wire.codes import ExecutionStatus as E
from abaco_jupyter.wire.codes import WorkerStatus as W

# One table per kind: members of two StrEnums are equal when their texts are.
LEGAL: dict[type[StrEnum], dict[StrEnum, frozenset[StrEnum]]] = {
    A: {
        A.SUBMITTED: frozenset({A.READY, A.ERROR, A.SHUTTING_DOWN}),
        A.READY: frozenset({A.SUBMITTED, A.ERROR, A.SHUTTING_DOWN}),
        A.ERROR: frozenset({A.SUBMITTED, A.READY, A.SHUTTING_DOWN}),
        A.SHUTTING_DOWN: frozenset(),
    },
    E: {
        # RUNNING -> SUBMITTED: an internal failure gave the message back.
        E.SUBMITTED: frozenset({E.RUNNING, E.COMPLETE, E.ERROR}),
        E.RUNNING: frozenset({E.SUBMITTED, E.COMPLETE, E.ERROR}),
        E.COMPLETE: frozenset(),
        E.ERROR: frozenset(),
    },
    W: {
        W.REQUESTED: frozenset({W.SPAWNER_SETUP, W.SHUTDOWN_REQUESTED, W.ERROR}),
        W.SPAWNER_SETUP: frozenset({W.PULLING_IMAGE, W.SHUTDOWN_REQUESTED, W.ERROR}),
        W.PULLING_IMAGE: frozenset({W.CREATING_CONTAINER, W.SHUTDOWN_REQUESTED, W.ERROR}),
        W.CREATING_CONTAINER: frozenset({W.READY, W.SHUTDOWN_REQUESTED, W.ERROR}),
        W.READY: frozenset({W.BUSY, W.SHUTDOWN_REQUESTED, W.ERROR}),
        W.BUSY: frozenset({W.READY, W.SHUTDOWN_REQUESTED, W.ERROR}),
        W.SHUTDOWN_REQUESTED: frozenset({W.SHUTTING_DOWN, W.ERROR}),
        W.SHUTTING_DOWN: frozenset({W.ERROR}),
        W.ERROR: frozenset({W.SHUTDOWN_REQUESTED}),
    },
    B: {
        B.WAITING: frozenset({B.BUILDING, B.READY, B.ERROR, B.CANCELLED}),
        B.BUILDING: frozenset({B.READY, B.ERROR, B.CANCELLED}),
        B.READY: frozenset(),
        B.ERROR: frozenset(),
        B.CANCELLED: frozenset(),
    },
    D: {
        D.WAITING: frozenset({D.DELIVERED, D.FAILED, D.REFUSED}),
        D.DELIVERED: frozenset(),
        D.FAILED: frozenset(),
        D.REFUSED: frozenset(),
    },
}


class IllegalTransition(Exception):
    """A status change that the table does not have: always a mistake of ours, so it is loud."""

    def __init__(self, before: StrEnum, after: StrEnum) -> None:
        kind = type(before).__name__
        super().__init__(f"{kind} cannot go from {before.value} to {after.value}")


def check(before: StrEnum, after: StrEnum) -> None:
    if type(before) is not type(after) or after not in LEGAL[type(before)][before]:
        raise IllegalTransition(before, after)


def sources(after: StrEnum) -> list[str]:
    """The statuses from which `after` may be reached, in the order of the table."""
    table = LEGAL[type(after)]
    return [before.value for before, targets in table.items() if after in targets]
