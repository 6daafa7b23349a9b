"""What a command answers: JSON, a table on a terminal, text with tabs anywhere else.

Text for scripts is stable: a line for each record, its values separated by tabs, no heading.
`ABACO_PLAIN=1` asks for it on a terminal too.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

Record = Mapping[str, Any]
Columns = Mapping[str, str | Callable[[Any], Any]]
"""Headings, and the field below each or a function that makes the cell of a record."""

_STATUS = {
    "READY": "green",
    "COMPLETE": "green",
    "DELIVERED": "green",
    "RUNNING": "blue",
    "BUSY": "blue",
    "ERROR": "red",
    "FAILED": "red",
    "REFUSED": "red",
}


def as_json(result: Any) -> str:
    return json.dumps(result, indent=2, ensure_ascii=False) + "\n"


def is_fancy() -> bool:
    """Whether a person looks at the output."""
    from abaco_jupyter.show.surroundings import is_plain

    return sys.stdout.isatty() and not is_plain()


def rows(records: Iterable[Record], columns: Columns) -> list[list[str]]:
    """The cells of a table, as text."""
    return [[_cell(_value(record, each)) for each in columns.values()] for record in records]


def lines(record: Record) -> list[tuple[str, str]]:
    """The fields of one thing that say something, as text."""
    return [
        (name, _cell(value))
        for name, value in record.items()
        if name != "_links" and value not in (None, "", [], {}, "None", " ")
    ]


def table(records: Iterable[Record], columns: Columns) -> None:
    found = rows(records, columns)
    if not is_fancy():
        sys.stdout.writelines("\t".join(row) + "\n" for row in found)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in columns:
        drawn.add_column(head, overflow="fold", no_wrap=head == "id")
    for row in found:
        drawn.add_row(*(Text(cell, style=_STATUS.get(cell, "")) for cell in row))
    Console().print(drawn)


def facts(record: Record) -> None:
    """A line for each field of one thing; what is empty is left out."""
    found = lines(record)
    if not is_fancy():
        sys.stdout.writelines(f"{name}\t{value}\n" for name, value in found)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table.grid(padding=(0, 2))
    for name, value in found:
        drawn.add_row(Text(name, style="bold"), Text(value, style=_STATUS.get(value, "")))
    Console().print(drawn)


def time(text: Any) -> str:
    """Any of Abaco's forms as ISO 8601 in UTC; empty for a time that has not come."""
    if not isinstance(text, str):
        return ""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
        except (ValueError, TypeError):
            continue
        aware = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        return aware.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return ""


def at(field: str) -> Callable[[Record], str]:
    """A column that shows the time in this field."""
    return lambda record: time(record.get(field))


def _value(record: Record, column: str | Callable[[Any], Any]) -> Any:
    return record.get(column) if isinstance(column, str) else column(record)


def _cell(value: Any) -> str:
    """On one line, and without what would end a column."""
    if value is None:
        return ""
    if isinstance(value, bool | dict | list):
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = str(value)
    return _plain(text)


def _plain(text: str) -> str:
    from abaco_jupyter.show import ansi

    return " ".join(ansi.to_text(text).split("\t")).replace("\n", " ").strip()
