"""A condition as SQL, where SQLite and PostgreSQL would say the same of it.

Values of users are always bound parameters; their names only choose a column of ours. What is
inside a JSON field, the text of logs and regular expressions are left to `sifting`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    Integer,
    LargeBinary,
    Text,
    and_,
    false,
    func,
    literal,
    not_,
    or_,
    true,
    type_coerce,
)

from abaco_server.model.search import (
    NEGATED,
    ORDER,
    Condition,
    Operator,
    holds,
    kind_of,
    milliseconds,
)
from abaco_server.store.machinery.columns import Choice, Json, Time, json_text

Clause = ColumnElement[bool]
_LARGEST = 2**63 - 1


def clause(
    column: ColumnElement[Any] | None, condition: Condition, *, dialect: str
) -> Clause | None:
    """None: this has to be asked of each row."""
    if column is None or (condition.below and not isinstance(column.type, Json)):
        # A field that does not exist is none, in every record.
        return true() if holds(condition, None, lambda _: False) else false()
    wanted = NEGATED.get(condition.operator)
    said = _clause(column, wanted or condition.operator, condition, dialect)
    if wanted is None or said is None:
        return said
    # Where SQL says NULL the condition does not hold, so its opposite does.
    return not_(func.coalesce(said, false()))


def _clause(
    column: ColumnElement[Any], asked: Operator, condition: Condition, dialect: str
) -> Clause | None:
    value = condition.value
    if isinstance(column.type, Json | LargeBinary):
        return _stored_json(column, asked, condition)
    if asked is Operator.LIKE:
        return None if _is_text(column) else false()
    if asked is Operator.EQ:
        return _compare(column, asked, value, dialect)
    if asked is Operator.IN:
        return or_(false(), *(_compare(column, Operator.EQ, one, dialect) for one in value))
    if asked is Operator.BETWEEN:
        low, high = value
        return and_(
            _compare(column, Operator.GTE, low, dialect),
            _compare(column, Operator.LTE, high, dialect),
        )
    return _compare(column, asked, value, dialect)


def _stored_json(
    column: ColumnElement[Any], asked: Operator, condition: Condition
) -> Clause | None:
    """JSON stands in its column as text that is spelled in one way: plain values can be
    compared with it as they are, if there is no list whose elements count too."""
    if isinstance(column.type, LargeBinary) or condition.below:
        return None
    text = type_coerce(column, Text)
    values = condition.value if asked is Operator.IN else [condition.value]
    if asked not in (Operator.EQ, Operator.IN) or (column.key != "exit_code" and values != [None]):
        return None
    if any(isinstance(one, list | dict | datetime | float) for one in values):
        return None
    return or_(
        false(), *(column.is_(None) if one is None else text == json_text(one) for one in values)
    )


def _compare(column: ColumnElement[Any], asked: Operator, value: Any, dialect: str) -> Clause:
    if value is None:
        return column.is_(None) if asked in (Operator.EQ, Operator.LTE, Operator.GTE) else false()
    if isinstance(column.type, Time):
        return _compare_times(column, asked, value)
    kind: type
    bound: ColumnElement[Any]
    if isinstance(column.type, Boolean):
        kind, bound = bool, literal(value, Boolean)
    elif isinstance(column.type, Integer):
        kind, bound = int, _number(value)
    else:
        # A status of ours stands in the statement itself, so that SQLite sees that a partial index
        # holds all rows of that status. Nothing else does: see `_storable`.
        known = isinstance(column.type, Choice) and value in list(column.type.members)
        kind, bound = str, literal(_storable(value), Text, literal_execute=known)
        column = type_coerce(column, Text)
        if dialect == "postgresql" and asked is not Operator.EQ:
            # By code points, as SQLite does, and not as some language sorts.
            column = column.collate("C")
    if kind_of(value) is not kind:
        return false()
    compare: Callable[[Any, Any], Any] = ORDER.get(asked, lambda one, other: one == other)
    result: Clause = compare(column, bound)
    return result


def _compare_times(column: ColumnElement[Any], asked: Operator, value: Any) -> Clause:
    """Stored to the microsecond, but shown and asked for to the millisecond."""
    if not isinstance(value, datetime):
        return false()
    stored = type_coerce(column, BigInteger)
    begin = milliseconds(value) * 1000
    end = begin + 1000
    if asked is Operator.EQ:
        return and_(stored >= begin, stored < end)
    clauses: dict[Operator, Clause] = {
        Operator.LT: stored < begin,
        Operator.LTE: stored < end,
        Operator.GT: stored >= end,
        Operator.GTE: stored >= begin,
    }
    return clauses[asked]


def _number(value: Any) -> ColumnElement[Any]:
    if isinstance(value, int) and abs(value) <= _LARGEST:
        return literal(value, BigInteger)
    return literal(float(value) if isinstance(value, int | float) else 0.0, Double)


def _storable(value: Any) -> Any:
    """NUL is stored as U+FFFD, and half a surrogate pair is stored nowhere."""
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _is_text(column: ColumnElement[Any]) -> bool:
    return isinstance(getattr(column.type, "impl", column.type), Text)
