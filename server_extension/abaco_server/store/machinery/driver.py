"""The hot statements, written for the driver.

SQLAlchemy's way from a statement to the driver costs 30 to 150 us, the driver itself 5: that
decides how many messages a second one client can send. Everything else goes through Core.

Inserts have many rows in one statement, because sqlite3 lets go of the interpreter lock around
every row of `executemany` and must win it back from a busy event loop each time. Measured: 20 k/s
instead of 5 k/s for a put beside a busy thread, and 65 instead of 48 k/s alone. The statements
come in powers of two, so that the driver's statement cache holds them all.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection

_LARGEST = 256


class BulkInsert:
    """`INSERT INTO table (columns) VALUES ...`; values must be as the driver takes them."""

    def __init__(self, table: str, columns: Sequence[str], suffix: str = "") -> None:
        self._head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
        self._width = len(columns)
        self._suffix = suffix
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
            statement = self._head + ", ".join([row] * size) + self._suffix
            self._statements[size] = statement
        return statement


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
