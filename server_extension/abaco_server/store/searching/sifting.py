"""What SQL could not say, asked of the rows that it let through, one by one.

The rows are those of an index, they come in batches, and there is an end: a search that would
look at more than `MOST` of them, or for longer than `PATIENCE`, is refused and told to ask for
less. Nothing is sorted by the database; what is kept of a row is its place and its score.
"""

import json
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, CursorResult, Text, select, type_coerce

from abaco_server.model.search import (
    Condition,
    Operator,
    Query,
    TooMuchToSearch,
    holds,
    texts_for,
)
from abaco_server.store.machinery.columns import Json
from abaco_server.store.searching.expressions import Expressions
from abaco_server.store.searching.rooms import Room

MOST = 200_000
"""Rows that one search looks at in this way."""

PATIENCE = 10.0
"""Seconds."""

_WORD = re.compile(r"\w+")
_BY_EXPRESSION = (Operator.LIKE, Operator.NLIKE)

Row = tuple[Any, ...]


def sift(
    conn: Connection,
    room: Room,
    clauses: Sequence[ColumnElement[bool]],
    conditions: Sequence[Condition],
    query: Query,
) -> list[int]:
    """The `seq` of every row that all of it holds for, in the order of the answer."""
    deadline = time.monotonic() + PATIENCE
    names = [condition.field for condition in conditions]
    if query.words or query.phrase:
        names += room.texts
    columns = {name: place for place, name in enumerate(dict.fromkeys(names), start=1)}
    kept: list[tuple[int, int]] = []
    with Expressions(deadline) as expressions, _rows(conn, room, columns, clauses) as rows:
        for condition in conditions:
            if condition.operator in _BY_EXPRESSION:
                expressions.check(condition.value)
        for batch in _batches(rows, room):
            for condition in conditions:
                column, place = room.fields[condition.field], columns[condition.field]
                known = _known({row[place] for row in batch}, column, condition, expressions)
                batch = [row for row in batch if row[place] in known]
            kept += _scored(batch, room, columns, query)
            if time.monotonic() > deadline:
                raise TooMuchToSearch(f"it took longer than {PATIENCE:.0f} seconds")
    return [seq for _, seq in sorted(kept)]


def _rows(
    conn: Connection,
    room: Room,
    columns: Iterable[str],
    clauses: Sequence[ColumnElement[bool]],
) -> CursorResult[Any]:
    """`seq` and the columns, as they are stored: what the same value means is found once."""
    stored = [_stored(room.fields[name]) for name in columns]
    found = select(room.seq, *stored).select_from(room.rows).where(*clauses)
    return conn.execute(found.limit(MOST + 1), execution_options={"yield_per": room.batch})


def _stored(column: ColumnElement[Any]) -> ColumnElement[Any]:
    if isinstance(getattr(column.type, "impl", None), Text):
        return type_coerce(column, Text)
    return column


def _batches(rows: CursorResult[Any], room: Room) -> Iterator[list[Row]]:
    seen = 0
    for partition in rows.partitions(room.batch):
        seen += len(partition)
        if seen > MOST:
            raise TooMuchToSearch(f"there are more than {MOST} records to look at")
        yield [tuple(row) for row in partition]


def _known(
    stored: set[Any],
    column: ColumnElement[Any],
    condition: Condition,
    expressions: Expressions,
) -> set[Any]:
    """Those of the stored values that the condition holds for."""
    values = {one: _meant(column, one) for one in stored}
    matching: set[str] = set()
    if condition.operator in _BY_EXPRESSION:
        texts = sorted({t for value in values.values() for t in texts_for(condition, value)})
        found = expressions.found(condition.value, texts)
        matching = {text for text, yes in zip(texts, found, strict=True) if yes}
    return {one for one, value in values.items() if holds(condition, value, matching.__contains__)}


def _meant(column: ColumnElement[Any], stored: Any) -> Any:
    """The text of a log is kept as bytes."""
    if isinstance(column.type, Json):
        return None if stored is None else json.loads(stored)
    return stored.decode() if isinstance(stored, bytes) else stored


def _scored(
    batch: Iterable[Row], room: Room, columns: Mapping[str, int], query: Query
) -> Iterator[tuple[int, int]]:
    """(-score, seq) of each row that has the phrase."""
    if not query.words and not query.phrase:
        yield from ((0, row[0]) for row in batch)
        return
    fields = [(room.fields[name], columns[name]) for name in room.texts]
    for row in batch:
        texts = [text for column, place in fields for text in _texts(column, row[place])]
        if not query.phrase or any(query.phrase in text for text in texts):
            yield -sum(_hits(text, query.words) for text in texts), row[0]


def _hits(text: str, words: Collection[str]) -> int:
    """How often any of the words stands in a text."""
    if not any(word in text for word in words):
        return 0
    return sum(word in words for word in _WORD.findall(text))


def _texts(column: ColumnElement[Any], stored: Any) -> list[str]:
    value = _meant(column, stored)
    found = value if isinstance(value, list) else [value]
    return [text.casefold() for text in found if isinstance(text, str)]
