"""The hot statements, written for the driver.

SQLAlchemy's way from a statement to the driver costs 30 to 150 us, the driver itself 5: that
decides how many messages a second one client can send. Everything else goes through Core.

Inserts have many rows in one statement, because sqlite3 lets go of the interpreter lock around
every row of `executemany` and must win it back from a busy event loop each time. Measured: 20 k/s
instead of 5 k/s for a put beside a busy thread, and 65 instead of 48 k/s alone. The statements
come in powers of two, so that the driver's statement cache holds them all.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection

_LARGEST = 256


class _Bulk:
    """A statement over many rows of values, which must be as the driver takes them."""

    def __init__(self, head: str, width: int, tail: str) -> None:
        self._head, self._width, self._tail = head, width, tail
        self._statements: dict[int, str] = {}

    def __call__(self, conn: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        start, size = 0, _LARGEST
        while start < len(rows):
            while size > len(rows) - start:
                size //= 2
            values = tuple(chain.from_iterable(rows[start : start + size]))
            execute(conn, self._statement(size), values)
            start += size

    def _statement(self, size: int) -> str:
        statement = self._statements.get(size)
        if statement is None:
            row = "(" + ", ".join("?" * self._width) + ")"
            statement = self._head + ", ".join([row] * size) + self._tail
            self._statements[size] = statement
        return statement


class BulkInsert(_Bulk):
    """`INSERT INTO table (columns) VALUES ...`."""

    def __init__(self, table: str, columns: Sequence[str], suffix: str = "") -> None:
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
        super().__init__(head, len(columns), suffix)


class BulkUpdate(_Bulk):
    """`UPDATE table SET ... FROM (VALUES ...)`; each row ends with its key, a text."""

    def __init__(self, table: str, columns: Mapping[str, str], *, key: str) -> None:
        """`columns` are names and types: PostgreSQL does not guess those of VALUES."""
        changes = ", ".join(
            f"{name} = CAST(news.column{number} AS {kind})"
            for number, (name, kind) in enumerate(columns.items(), 1)
        )
        width = len(columns) + 1
        tail = f") AS news WHERE {table}.{key} = CAST(news.column{width} AS TEXT)"
        super().__init__(f"UPDATE {table} SET {changes} FROM (VALUES ", width, tail)


def execute(conn: Connection, statement: str, values: tuple[Any, ...]) -> Sequence[Any]:
    """Run a statement with `?` marks, whose text holds no other `?` or `%`; its rows."""
    if conn.dialect.name != "sqlite":
        result = conn.exec_driver_sql(statement.replace("?", "%s"), values)
        return list(result) if result.returns_rows else []
    if not conn.in_transaction():
        conn.begin()
    cursor = conn.connection.cursor()
    try:
        cursor.execute(statement, values)
        rows: Sequence[Any] = cursor.fetchall()
        return rows
    except sqlite3.Error:
        # Once more through SQLAlchemy, for its error: a failed statement has changed nothing.
        return list(conn.exec_driver_sql(statement, values))
    finally:
        cursor.close()
