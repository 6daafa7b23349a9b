"""A timeline as inline SVG: one bar an execution, coloured by phase.

Colours are JupyterLab's variables, with a fallback for pages without them. Beyond so many
executions neighbours share a bar, whose phases are their means: two thousand stay a picture.
"""

import html
from collections.abc import Sequence
from itertools import islice

from abaco_jupyter.show.report_facts import Bar, Part, Phase

COLOURS = {
    Phase.WAITING: "var(--jp-layout-color3, #bdbdbd)",
    Phase.PREPARING: "var(--jp-warn-color1, #ef8b00)",
    Phase.RUNNING: "var(--jp-brand-color1, #1976d2)",
    Phase.FAILED: "var(--jp-error-color1, #d32f2f)",
}
MOST_BARS = 150

_WIDTH = 760.0
_LEFT, _TOP, _BOTTOM = 8.0, 26.0, 22.0
_TALLEST, _AREA = 16.0, 300.0
_TEXT = (
    "font-family:var(--jp-ui-font-family, sans-serif);font-size:11px;"
    "fill:var(--jp-content-font-color2, #616161)"
)
_LINE = "stroke:var(--jp-border-color2, #e0e0e0);stroke-width:1"


def timeline(bars: Sequence[Bar], about: str) -> str:
    """An `<svg>`; empty when there is nothing to draw.

    Parameters
    ----------
    bars : sequence of Bar
        In the order in which they are drawn, from the top.
    about : str
        The same in words, for who does not see it.
    """
    if not bars:
        return ""
    rows, each = merged(bars)
    last = max(bar.end for bar in bars) or 1e-3
    scale = (_WIDTH - 2 * _LEFT) / last
    tall = min(_TALLEST, _AREA / len(rows))
    bottom = _TOP + tall * len(rows)
    return "\n".join(
        [
            f'<svg viewBox="0 0 {_WIDTH:g} {bottom + _BOTTOM:.1f}" role="img" '
            f'style="display:block;width:100%;max-width:{_WIDTH:g}px" '
            f'xmlns="http://www.w3.org/2000/svg" aria-label="{html.escape(about)}">',
            *_legend(rows, each),
            *_axis(last, scale, bottom),
            *_phases(rows, scale, tall),
            *_labels(rows, tall),
            "</svg>",
        ]
    )


def merged(bars: Sequence[Bar]) -> tuple[list[Bar], int]:
    """At most `MOST_BARS`, and how many executions each of them stands for."""
    each = -(-len(bars) // MOST_BARS)
    if each == 1:
        return list(bars), 1
    rest = iter(bars)
    groups: list[list[Bar]] = []
    while group := list(islice(rest, each)):
        groups.append(group)
    return [_mean(group) for group in groups], each


def _mean(group: Sequence[Bar]) -> Bar:
    """One that begins at the mean of their beginnings, each phase as long as the mean of theirs."""
    number = len(group)
    at = sum(bar.begin for bar in group) / number
    parts = []
    for phase, seconds in (
        (Phase.WAITING, sum(bar.waited for bar in group)),
        (Phase.PREPARING, sum(bar.prepared for bar in group)),
        (Phase.RUNNING, sum(bar.ran for bar in group if not bar.failed)),
        (Phase.FAILED, sum(bar.ran for bar in group if bar.failed)),
    ):
        parts.append(Part(phase=phase, begin=at, end=at + seconds / number))
        at = parts[-1].end
    wrong = sum(bar.failed for bar in group)
    return Bar(
        id="",
        actor="",
        ending=f"{number} executions, {wrong} failed" if wrong else f"{number} executions",
        parts=tuple(parts),
        over=all(bar.over for bar in group),
        failed=wrong > 0,
        cpu=sum(bar.cpu for bar in group),
        memory=max(bar.memory for bar in group),
    )


def ticks(last: float) -> list[float]:
    """Three to seven round numbers of seconds from 0 to `last`."""
    unit = _unit(last)
    size = unit
    while size > last:
        size /= 10
    while size * 10 <= last:
        size *= 10
    step = next(size * part for part in (0.2, 0.5, 1, 2) if last / (size * part) < 7)
    return [step * number for number in range(int(last / step) + 1)]


def duration(seconds: float) -> str:
    """Short, with the digits that matter."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def _legend(rows: Sequence[Bar], each: int) -> list[str]:
    there = {part.phase for bar in rows for part in bar.parts if part.seconds}
    lines, at = [], _LEFT
    for phase in Phase:
        if phase in there:
            lines.append(
                f'<rect x="{at:.0f}" y="6" width="10" height="10" rx="2" '
                f'style="fill:{COLOURS[phase]}"/>'
                f'<text x="{at + 15:.0f}" y="15" style="{_TEXT}">{phase.value}</text>'
            )
            at += 32 + 6.2 * len(phase.value)
    if each > 1:
        lines.append(
            f'<text x="{_WIDTH - _LEFT:.0f}" y="15" text-anchor="end" style="{_TEXT}">'
            f"each bar: the mean of {each} executions</text>"
        )
    return lines


def _axis(last: float, scale: float, bottom: float) -> list[str]:
    lines = []
    marks = ticks(last)
    for mark in marks:
        x = _LEFT + mark * scale
        anchor = "start" if mark == 0 else "end" if x > _WIDTH - 4 * _LEFT else "middle"
        lines.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 2:.1f}" y2="{bottom + 3:.1f}" '
            f'style="{_LINE}"/><text x="{x:.1f}" y="{bottom + 16:.1f}" '
            f'text-anchor="{anchor}" style="{_TEXT}">{_tick(mark, last)}</text>'
        )
    return lines


def _unit(last: float) -> float:
    """Seconds, minutes or hours, so that the marks of an axis are round."""
    return 1.0 if last < 120 else 60.0 if last < 7200 else 3600.0


def _tick(mark: float, last: float) -> str:
    unit = _unit(last)
    if unit > 1:
        return f"{mark / unit:g} {'min' if unit == 60 else 'h'}"
    return f"{mark:g} s" if mark >= 1 or mark == 0 else f"{mark * 1000:g} ms"


def _phases(rows: Sequence[Bar], scale: float, tall: float) -> list[str]:
    """One path for each phase: a picture of 150 bars is a few kilobytes."""
    gap = 2.0 if tall > 6 else 0.6 if tall > 2.5 else 0.0
    lines = []
    for phase in Phase:
        path = [
            f"M{_LEFT + part.begin * scale:.1f} {_TOP + number * tall:.1f}"
            f"h{max(0.7, part.seconds * scale):.1f}v{tall - gap:.1f}"
            f"H{_LEFT + part.begin * scale:.1f}z"
            for number, bar in enumerate(rows)
            for part in bar.parts
            if part.phase is phase and part.seconds > 0
        ]
        if path:
            lines.append(f'<path style="fill:{COLOURS[phase]}" d="{"".join(path)}"/>')
    return lines


def _labels(rows: Sequence[Bar], tall: float) -> list[str]:
    """What stands beside the pointer."""
    return [
        f'<rect x="0" y="{_TOP + number * tall:.1f}" width="{_WIDTH:g}" height="{tall:.1f}" '
        f'fill-opacity="0"><title>{html.escape(described(bar))}</title></rect>'
        for number, bar in enumerate(rows)
    ]


def described(bar: Bar) -> str:
    """One bar in words."""
    name = f"{bar.actor} {bar.id}: {bar.ending}".strip() if bar.id else bar.ending
    times = [f"{part.phase.value} {duration(part.seconds)}" for part in bar.parts if part.seconds]
    return ", ".join([name, *times])
