"""`docs/benchmarks.md` and its plot, out of `docs/benchmarks.json`: `python -m benchmarks.page`."""

import json
from html import escape
from math import log10
from pathlib import Path
from typing import Any

from benchmarks.rows import Row, rows

DOCS = Path(__file__).parents[1] / "docs"
RAW = DOCS / "benchmarks.json"
TABLE = DOCS / "benchmarks.md"
PLOT = DOCS / "benchmarks.svg"

_HEAD = """\
---
orphan: true
---

# Benchmarks

Made by `make bench`. Ours keeps a durable record and a log of every call and runs it in a
container; no peer does, but `docker run`. Times is how many times better ours is than the peer in
the same run (medians of three rounds); on a shared machine only these ratios mean anything.
"As first written" is the peer's own default, one call to a task; most of a map's advantage there
is batching, so the rows of 64 calls to a task stand beside it.

![Times better than the peer, against the target](benchmarks.svg)

"""
_WIDTH, _LABEL, _LINE, _TOP = 900, 460, 20, 40
_MET, _MISSED = "#2e7d32", "#c62828"


def write(found: dict[str, Any]) -> None:
    RAW.write_text(json.dumps(found, indent=1) + "\n")
    TABLE.write_text(table(found))
    PLOT.write_text(plot(rows(found["results"])))


def table(found: dict[str, Any]) -> str:
    lines = [
        "| | figure | ours | against | peer | times | target | |",
        "|---|---|--:|---|--:|--:|--:|---|",
        *(_line(row) for row in rows(found["results"])),
    ]
    facts = [f"- {name}: {value}" for name, value in found["machine"].items()]
    failed = [
        f"- `{name}` failed: {one['failed']}"
        for name, one in found["results"].items()
        if "failed" in one
    ]
    parts = [_HEAD + "\n".join(lines), "## This run\n\n" + "\n".join(facts)]
    if failed:
        parts.append("## Not measured\n\n" + "\n".join(failed))
    return "\n\n".join(parts) + "\n"


def _line(row: Row) -> str:
    verdict = {True: "met", False: "**missed**", None: ""}[row.met]
    missing = row.missing.splitlines()[-1][:80] if row.missing else ""
    wanted = "" if row.wanted is None else _number(row.wanted)
    cells = (
        *(row.number, row.figure, f"{_number(row.ours)} {row.unit}", row.against),
        *(f"{_number(row.peer)} {row.unit}", _number(row.times), wanted, verdict or missing),
    )
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _number(value: float | None) -> str:
    if value is None:
        return "–"  # noqa: RUF001  a dash in a table
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"


def plot(lines: list[Row]) -> str:
    """A bar for each row with a target: how far beyond it (right) or short of it (left)."""
    shown = [row for row in lines if row.wanted and row.times]
    reach = max([1.0, *(abs(_beyond(row)) for row in shown)])
    middle = _LABEL + (_WIDTH - _LABEL) / 2
    unit = (_WIDTH - _LABEL) / 2 / reach * 0.8
    height = _TOP + _LINE * len(shown) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{middle}" y="16" text-anchor="middle">target</text>',
        f'<path d="M{middle} 22V{height - 6}" stroke="#888"/>',
    ]
    for place, row in enumerate(shown):
        parts += _bar(row, _TOP + place * _LINE, middle, _beyond(row) * unit)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(row: Row, y: float, middle: float, length: float) -> list[str]:
    assert row.times is not None
    left = middle + min(0, length)
    end, anchor = (middle + length + 4, "start") if length >= 0 else (left - 4, "end")
    label = escape(f"{row.number} {row.figure} / {row.against}".replace("`", ""))
    return [
        f'<text x="{_LABEL - 90}" y="{y + 11}" text-anchor="end">{label}</text>',
        f'<rect x="{left:.1f}" y="{y + 2}" width="{max(abs(length), 1):.1f}" height="12" '
        f'fill="{_MET if row.met else _MISSED}"/>',
        f'<text x="{end:.1f}" y="{y + 11}" text-anchor="{anchor}">{_number(row.times)}×</text>',  # noqa: RUF001
    ]


def _beyond(row: Row) -> float:
    """Powers of ten between a figure and its target; more is better."""
    assert row.times is not None
    assert row.wanted is not None
    return log10(row.times / row.wanted)


if __name__ == "__main__":
    write(json.loads(RAW.read_text()))
