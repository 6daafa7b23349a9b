"""Small tables as HTML and as aligned text."""

import html
from collections.abc import Sequence

_CELL = "text-align:left;padding:2px 12px 2px 0;vertical-align:top"
_TABLE = "border-collapse:collapse;color:var(--jp-content-font-color1)"
_HEAD = f"{_CELL};border-bottom:1px solid var(--jp-border-color1)"
_BADGES = {
    "READY": "--jp-success-color1",
    "COMPLETE": "--jp-success-color1",
    "RUNNING": "--jp-brand-color1",
    "SUBMITTED": "--jp-info-color1",
    "SHUTTING_DOWN": "--jp-warn-color1",
    "ERROR": "--jp-error-color1",
}

Row = Sequence[str]


def as_html(head: Row, rows: Sequence[Row]) -> str:
    """A cell that is a status is coloured."""
    titles = "".join(f'<th style="{_HEAD}">{html.escape(each)}</th>' for each in head)
    lines = [
        "<tr>" + "".join(f'<td style="{_CELL}">{_cell(each)}</td>' for each in row) + "</tr>"
        for row in rows
    ]
    body = "\n".join(lines)
    return (
        f'<table style="{_TABLE}">\n<thead><tr>{titles}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table>"
    )


def as_text(head: Row, rows: Sequence[Row]) -> str:
    """Columns as wide as their widest cell; no blanks at the ends of lines."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [head, *rows]
    )


def facts_html(title: str, status: str, facts: Sequence[tuple[str, str]]) -> str:
    """One thing: its title, its status, and a line for each fact."""
    rows = "\n".join(
        f'<tr><td style="{_CELL};color:var(--jp-content-font-color2)">{html.escape(name)}</td>'
        f'<td style="{_CELL}">{html.escape(value)}</td></tr>'
        for name, value in facts
    )
    return (
        f'<div style="color:var(--jp-content-font-color1)"><b>{html.escape(title)}</b> '
        f'{_cell(status)}\n<table style="{_TABLE}"><tbody>\n{rows}\n</tbody></table></div>'
    )


def _cell(text: str) -> str:
    word, failed, _ = text.partition(", exit code")
    colour = _BADGES.get("ERROR" if failed else word)
    if colour is None:
        return html.escape(text)
    return f'<span style="color:var({colour});font-weight:600">{html.escape(text)}</span>'
