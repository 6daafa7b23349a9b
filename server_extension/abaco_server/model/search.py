"""What a search asks for (abaco-api.md, section 13), and what a condition means.

A condition looks at one field of a record. `holds` is its meaning: the store says the same in SQL
where it can, and asks `holds` where it cannot. Values of different kinds are never equal and have
no order: `5` is not `"5"`, and `true` is not `1`.
"""

import json
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from abaco_server.model.actor import Actor
from abaco_server.model.execution import Execution
from abaco_server.model.worker import Worker

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ISO = re.compile(
    r"(\d{4})(?:-(\d\d?)(?:-(\d\d?)(?:[T ](\d\d?)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?"
    r"(?:Z|([+ -])(\d\d):?(\d\d))?)?)?)?Z?",
    re.ASCII,
)


class Kind(StrEnum):
    """What can be searched."""

    ACTORS = "actors"
    EXECUTIONS = "executions"
    WORKERS = "workers"
    LOGS = "logs"


class Operator(StrEnum):
    EQ = "eq"
    NEQ = "neq"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    IN = "in"
    NIN = "nin"
    BETWEEN = "between"
    LIKE = "like"
    NLIKE = "nlike"


NEGATED = {
    Operator.NEQ: Operator.EQ,
    Operator.NIN: Operator.IN,
    Operator.NLIKE: Operator.LIKE,
}
"""Operators that hold where the other one does not, on records without the field as well."""

ORDER: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.LT: operator.lt,
    Operator.LTE: operator.le,
    Operator.GT: operator.gt,
    Operator.GTE: operator.ge,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    field: str
    """As stored: `create_time`."""
    below: tuple[str, ...] = ()
    """The way down into a JSON field: `("StartedAt",)`."""
    operator: Operator = Operator.EQ
    value: Any = None
    """None, bool, int, float, str, an aware datetime, or JSON; a list for IN, NIN and BETWEEN;
    a regular expression for LIKE and NLIKE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    conditions: tuple[Condition, ...] = ()
    words: frozenset[str] = frozenset()
    """They give the order and filter nothing. Case-folded."""
    phrase: str = ""
    """Must be in some text of the record. Case-folded."""
    limit: int = 100
    skip: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Whose search it is: what this user has READ on is all there is."""

    username: str
    tenant: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLog:
    actor_id: str
    execution_id: str
    owner: str
    """Of the actor."""
    text: str


Record = Actor | Execution | Worker | FoundLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    records: Sequence[Record]
    total: int
    """Records that there are; `records` is the page that was asked for."""


class TooMuchToSearch(Exception):
    """A search that would look at too many records or take too long; the text says which."""


class BadExpression(Exception):
    """A regular expression that cannot be compiled; the text says why."""


def milliseconds(at: datetime) -> int:
    """Records show milliseconds, so times are compared by them."""
    return (at - _EPOCH) // _MILLISECOND


def parse_time(text: str) -> datetime | None:
    """ISO 8601 in UTC unless it names an offset; it may stop anywhere from the year on.

    None when it is no such thing. A `+` that became a blank on its way in a URL counts.
    """
    found = _ISO.fullmatch(text.strip())
    if found is None:
        return None
    *parts, fraction, sign, hours, minutes = found.groups()
    year, month, day = (int(part or 1) for part in parts[:3])
    hour, minute, second = (int(part or 0) for part in parts[3:])
    micro = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        at = datetime(year, month, day, hour, minute, second, micro, UTC)
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            at = at + offset if sign == "-" else at - offset
    except (ValueError, OverflowError):
        return None
    return at


def holds(condition: Condition, value: Any, expression: Callable[[str], bool]) -> bool:
    """Whether the condition is true of a field with this value; None: the record has no such
    field. `expression` says whether a text matches the condition's regular expression."""
    wanted = NEGATED.get(condition.operator)
    if wanted is not None:
        return not _holds(wanted, condition, value, expression)
    return _holds(condition.operator, condition, value, expression)


def texts_for(condition: Condition, value: Any) -> list[str]:
    """The texts of a field that a regular expression is tried on."""
    return [found for found in _found(value, condition.below) if isinstance(found, str)]


def _holds(
    asked: Operator, condition: Condition, value: Any, expression: Callable[[str], bool]
) -> bool:
    if asked is Operator.LIKE:
        return any(expression(text) for text in texts_for(condition, value))
    found = list(_found(value, condition.below))
    if asked is Operator.EQ:
        return _any_equal(found, condition.value)
    if asked is Operator.IN:
        return any(_any_equal(found, one) for one in condition.value)
    if asked is Operator.BETWEEN:
        low, high = condition.value
        return any(
            _in_order(operator.ge, one, low) and _in_order(operator.le, one, high) for one in found
        )
    if condition.value is None:
        return asked in (Operator.LTE, Operator.GTE) and _any_equal(found, None)
    return any(_in_order(ORDER[asked], one, condition.value) for one in found)


def _found(value: Any, below: Iterable[str]) -> Iterator[Any]:
    """What stands at the end of the way down. A list is itself and each of its elements."""
    level = [value]
    for name in below:
        level = [inner for one in level for inner in _inner(one, name)]
    for one in level:
        yield one
        if isinstance(one, list):
            yield from one


def _inner(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, dict):
        if name in value:
            yield value[name]
    elif isinstance(value, list):
        if name.isascii() and name.isdecimal() and int(name[:9]) < len(value):
            yield value[int(name[:9])]
        for element in value:
            if isinstance(element, dict) and name in element:
                yield element[name]


def _any_equal(found: list[Any], value: Any) -> bool:
    if value is None:
        return not found or any(one is None for one in found)
    return any(_in_order(operator.eq, one, value) for one in found)


def _in_order(compare: Callable[[Any, Any], bool], one: Any, other: Any) -> bool:
    if isinstance(other, datetime):
        at = parse_time(one) if isinstance(one, str) else one
        return isinstance(at, datetime) and compare(milliseconds(at), milliseconds(other))
    if kind_of(one) != kind_of(other):
        return False
    if isinstance(other, list | dict):
        return compare is operator.eq and _spelled(one) == _spelled(other)
    return compare(one, other)


def kind_of(value: Any) -> type | None:
    """The kind of a value; values of different kinds are not compared."""
    if isinstance(value, bool) or value is None:
        return type(value)
    for kind in (int, str, datetime, list, dict):
        if isinstance(value, kind):
            return kind
    return int if isinstance(value, float) else None


def _spelled(value: Any) -> str:
    """Python takes True for 1; as JSON they differ."""
    return json.dumps(value, sort_keys=True)
