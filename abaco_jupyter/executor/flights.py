"""Groups of calls that are under way on a channel, and the credit that they are sent for."""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from abaco_jupyter.executor.future import AbacoFuture
from abaco_jupyter.wire import frames
from abaco_jupyter.wire.ids import following
from abaco_jupyter.wire.limits import MIB

if TYPE_CHECKING:
    from abaco_jupyter.executor.line import Call, Line

ON_SERVER = 2048
"""Calls that have been sent and not ended: the others wait here, where they are easily dropped."""

_UNDER_WAY = 2
"""Groups that have not been accepted: what comes meanwhile gathers to the next one."""

_AT_ONCE = 512
_BYTES_AT_ONCE = 4 * MIB


@dataclass(slots=True)
class Credit:
    block: frames.Block
    used: int = 0


@dataclass(slots=True)
class Flight:
    """A group that the server has not accepted yet."""

    block: frames.Block
    offset: int
    calls: "list[tuple[AbacoFuture, Call]]"
    ids: list[str]
    data: bytes = b""
    """Its frame; empty while that is put together."""
    again: bool = False
    """It was refused once for a payload that was gone."""


@dataclass(slots=True)
class Question:
    frame: bytes
    answer: frames.Cancelled | None = None


@dataclass(slots=True)
class Flights:
    """Read and changed with the line's condition held."""

    up: bool = False
    credit: deque[Credit] = field(default_factory=deque)
    flights: dict[tuple[str, int], Flight] = field(default_factory=dict)
    questions: dict[int, Question] = field(default_factory=dict)
    to_cancel: set[AbacoFuture] = field(default_factory=set)
    """As soon as they are on the server."""

    def has_room(self, line: "Line") -> bool:
        return bool(
            line.state.waiting
            and self.up
            and self.credit
            and len(self.flights) < _UNDER_WAY
            and len(line.state.sent) < ON_SERVER
        )

    def next(self, line: "Line") -> Flight:
        """The oldest calls of a line that wait, for which there is room."""
        credit = self.credit[0]
        block = credit.block
        count = min(_AT_ONCE, block.count - credit.used, ON_SERVER - len(line.state.sent))
        calls = line.take(count, _BYTES_AT_ONCE)
        ids = following(block.first, credit.used, len(calls))
        flight = Flight(block, credit.used, calls, ids)
        self.flights[block.first, flight.offset] = flight
        # Before it is sent: an end may come before the answer.
        line.state.sent.update(zip(ids, (future for future, _ in calls), strict=True))
        credit.used += len(calls)
        if credit.used == block.count:
            self.credit.popleft()
        return flight
