"""What SQL could not say, asked of the rows that it let through, one by one.

The rows are those of an index, they come in batches, and there is an end: a search that would
look at more than `MOST` of them, or for longer than `PATIENCE`, is refused and told to ask for
less. Nothing is sorted by the database; what is kept of a row is its place and its score.
"""

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, CursorResult, select

from abaco_server.model.search import (
    Condition,
    Operator,
    Query,
    TooMuchToSearch,
    holds,
    texts_for,
)
from abaco_server.store.searching.expressions import Expressions
from abaco_server.store.searching.rooms import Room

MOST = 200_000
"""Rows that one search looks at in this way."""

PATIENCE = 10.0
"""Seconds."""

_WORD = re.compile(r"\w+")
_BY_EXPRESSION = (Operator.LIKE, Operator.NLIKE)

Row = dict[str, Any]


def sift(
    conn: Connection,
    room: Room,
    clauses: Sequence[ColumnElement[bool]],
    conditions: Sequence[Condition],
    query: Query,
) -> list[int]:
    """The `seq` of every row that all of it holds for, in the order of the answer."""
    deadline = time.monotonic() + PATIENCE
    kept: list[tuple[int, int]] = []
    with (
        Expressions(deadline) as expressions,
        _rows(conn, room, clauses, conditions, query) as rows,
    ):
        for condition in conditions:
            if condition.operator in _BY_EXPRESSION:
                expressions.check(condition.value)
        for batch in _batches(rows):
            for condition in conditions:
                batch = _filtered(batch, condition, expressions)
            kept += [(-_score(room, row, query), row["seq"]) for row in _saying(room, batch, query)]
            if time.monotonic() > deadline:
                raise TooMuchToSearch(f"it took longer than {PATIENCE:.0f} seconds")
    return [seq for _, seq in sorted(kept)]


def _rows(
    conn: Connection,
    room: Room,
    clauses: Sequence[ColumnElement[bool]],
    conditions: Sequence[Condition],
    query: Query,
) -> CursorResult[Any]:
    names = {condition.field for condition in conditions}
    if query.words or query.phrase:
        names.update(room.texts)
    columns = [room.fields[name].label(name) for name in sorted(names)]
    found = select(room.seq.label("seq"), *columns).select_from(room.rows).where(*clauses)
    return conn.execute(found.limit(MOST + 1), execution_options={"yield_per": room.batch})


def _batches(rows: CursorResult[Any]) -> Iterator[list[Row]]:
    seen = 0
    for partition in rows.partitions():
        seen += len(partition)
        if seen > MOST:
            raise TooMuchToSearch(f"there are more than {MOST} records to look at")
        yield [_read(dict(row._mapping)) for row in partition]


def _read(row: Row) -> Row:
    """The text of a log is kept as bytes."""
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in row.items()}


def _filtered(batch: list[Row], condition: Condition, expressions: Expressions) -> list[Row]:
    name = condition.field
    if condition.operator not in _BY_EXPRESSION:
        return [row for row in batch if holds(condition, row[name], lambda _: False)]
    texts = sorted({text for row in batch for text in texts_for(condition, row[name])})
    matching = {
        text
        for text, found in zip(texts, expressions.found(condition.value, texts), strict=True)
        if found
    }
    return [row for row in batch if holds(condition, row[name], matching.__contains__)]


def _saying(room: Room, batch: Iterable[Row], query: Query) -> Iterator[Row]:
    for row in batch:
        if not query.phrase or any(query.phrase in text for text in _texts(room, row)):
            yield row


def _score(room: Room, row: Row, query: Query) -> int:
    """How often any of the words stands in the record's texts."""
    if not query.words:
        return 0
    return sum(word in query.words for text in _texts(room, row) for word in _WORD.findall(text))


def _texts(room: Room, row: Row) -> Iterator[str]:
    for name in room.texts:
        value = row[name]
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield text.casefold()
