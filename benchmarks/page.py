"""`docs/benchmarks.md` and its plot, out of `docs/benchmarks.json`: `python -m benchmarks.page`."""

import json
from html import escape
from math import log10
from pathlib import Path
from typing import Any

from benchmarks.reasons import reasons
from benchmarks.rows import Row, rows

DOCS = Path(__file__).parents[1] / "docs"
RAW = DOCS / "benchmarks.json"
TABLE = DOCS / "benchmarks.md"
PLOT = DOCS / "benchmarks.svg"

_HEAD = """\
# Benchmarks

Made by `make bench`. Ours keeps a durable record and a log of every call and runs it in a
container; no peer does, but `docker run`. Times is how many times better ours is than the peer in
the same run (medians of three rounds); on a shared machine only these ratios mean anything.
"As first written" is the peer's own default, one call to a task; most of a map's advantage there
is batching, so the rows of 64 calls to a task stand beside it. `docker run` takes minutes for 2000
calls: its rates are those of 16. The numbers P1 to P13 are the targets' own.

![Times better than the peer, against the target](benchmarks.svg)

"""
_WIDTH, _LABEL, _LINE, _TOP = 900, 460, 22, 48
_NUMBER = 95
"""Room for a figure at the end of a bar."""
_TITLE = (
    "Times better than the peer, against the target (green: met, red: missed). "
    "From one line to the next: ten times."
)
_MET, _MISSED = "#2e7d32", "#c62828"


def write(found: dict[str, Any]) -> None:
    RAW.write_text(json.dumps(found, indent=1) + "\n")
    TABLE.write_text(table(found))
    PLOT.write_text(plot(rows(found["results"])))


def table(found: dict[str, Any]) -> str:
    lines = rows(found["results"])
    facts = [f"- {name}: {value}" for name, value in found["machine"].items()]
    failed = [
        f"- `{name}` failed: {one['failed']}"
        for name, one in found["results"].items()
        if "failed" in one
    ]
    parts = [
        _HEAD + "## Targets\n\n" + _lines([row for row in lines if row.wanted is not None]),
        "## Without a target\n\n" + _lines([row for row in lines if row.wanted is None]),
    ]
    if said := _said(found["results"]):
        parts.append("## Where the time goes\n\n" + said)
    parts.append("## This run\n\n" + "\n".join(facts))
    if failed:
        parts.append("## Not measured\n\n" + "\n".join(failed))
    return "\n\n".join(parts) + "\n"


def _lines(shown: list[Row]) -> str:
    head = (
        "| | figure | ours | against | peer | times | target | |",
        "|---|---|--:|---|--:|--:|--:|---|",
    )
    return "\n".join([*head, *map(_line, shown)])


def _said(results: dict[str, Any]) -> str:
    """A paragraph for each target, and whether all of its rows are met."""
    verdicts: dict[str, list[bool]] = {}
    for row in rows(results):
        if row.met is not None:
            verdicts.setdefault(row.number, []).append(row.met)
    paragraphs = []
    for number, text in reasons(results).items():
        found = verdicts.get(number, [])
        verdict = f"{sum(found)} of {len(found)} met" if found else "not measured"
        paragraphs.append(f"**{number}** ({verdict}): {text}")
    return "\n\n".join(paragraphs)


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
    short = max([0.1, *(-_beyond(row) for row in shown)])
    beyond = max([0.3, *(_beyond(row) for row in shown)])
    unit = (_WIDTH - _LABEL - 2 * _NUMBER) / (short + beyond)
    middle = _LABEL + _NUMBER + short * unit
    height = _TOP + _LINE * len(shown) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="12.5">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="8" y="18" fill="#222">{_TITLE}</text>',
        *(
            f'<path d="M{middle + step * unit:.1f} 42V{height - 6}" stroke="#ddd"/>'
            for step in range(-int(short), int(beyond) + 1)
        ),
        f'<text x="{middle:.1f}" y="38" text-anchor="middle" fill="#222">target</text>',
        f'<path d="M{middle:.1f} 42V{height - 6}" stroke="#888"/>',
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
        f'<text x="{_LABEL - 10}" y="{y + 12}" text-anchor="end" fill="#222">{label}</text>',
        f'<rect x="{left:.1f}" y="{y + 2}" width="{max(abs(length), 1):.1f}" height="12" '
        f'fill="{_MET if row.met else _MISSED}"/>',
        f'<text x="{end:.1f}" y="{y + 12}" text-anchor="{anchor}" fill="#222">'
        f"{_number(row.times)}× of {_number(row.wanted)}×</text>",  # noqa: RUF001
    ]


def _beyond(row: Row) -> float:
    """Powers of ten between a figure and its target; more is better."""
    assert row.times is not None
    assert row.wanted is not None
    return log10(row.times / row.wanted)


if __name__ == "__main__":
    write(json.loads(RAW.read_text()))
