"""Reliability and risk-coverage curves as SVG, drawn as in `figures`: the page's style sheet colours them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ukraine_stance.evaluation.curves import Bin, RiskPoint
from ukraine_stance.evaluation.figures import (
    COLOURS,
    LINE_HEIGHT,
    MARGIN,
    SHAPES,
    TEXT_SIZE,
    WIDTH,
    as_svg,
    shortened,
)
from ukraine_stance.evaluation.uncertainty import Estimate

# Room around the axes: the numbers at the left, a title above, numbers and a title below.
_LEFT, _ABOVE, _BELOW, _HEIGHT = 36.0, 26.0, 46.0, 240.0
_RISK_TOPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True)
class ReliabilitySeries:
    """One model's bins; series picks shape and colour."""

    label: str
    bins: Sequence[Bin]
    series: int


@dataclass(frozen=True, slots=True)
class RiskSeries:
    """One model's curve and the area under it; chosen is its threshold's coverage and risk, None where it has none."""

    label: str
    points: Sequence[RiskPoint]
    area: Estimate
    series: int
    chosen: tuple[float, float] | None = None


def reliability_plot(rows: Sequence[ReliabilitySeries], stated: str, observed: str, name: str) -> str:
    """How often it happened against how often it was said to, a dot for each bin; on the diagonal the two are equal.

    stated and observed are the axes' titles; name as in `whisker_plot`. The axis begins at the lowest fifth that holds
    a bin; below stand the numbers of statements in the bins.
    """
    lowest = min(one.stated for row in rows for one in row.bins)
    start = min(0.8, math.floor(5 * lowest) / 5)
    described = "; ".join(f"{shortened(row.label, 200)} {_bins_in_words(row.bins)}" for row in rows)
    return as_svg(lambda: _reliability_figure(rows, start, (stated, observed)), name, described)


def risk_coverage_plot(rows: Sequence[RiskSeries], name: str) -> str:
    """Wrong labels among the statements answered, when the least confident are left out; the band is the interval.

    A hollow mark stands where the model's own threshold does. name as in `whisker_plot`.
    """
    described = "; ".join(f"{shortened(row.label, 200)} {_risks_in_words(row.points)}" for row in rows)
    return as_svg(lambda: _risk_figure(rows), name, described)


def _reliability_figure(rows: Sequence[ReliabilitySeries], start: float, titles: tuple[str, str]) -> Figure:
    figure, axes = _curve_axes((start, 1.0), 1.0, titles, notes=len(rows))
    axes.plot([start, 1], [start, 1], lw=1.4, gid="zero", clip_on=False)
    for number, row in enumerate(rows):
        for one in row.bins:
            _draw_interval(axes, one.stated, one.observed, row.series)
        values = [one.observed.value for one in row.bins]
        _draw_marks(axes, [one.stated for one in row.bins], values, row.series, size=7)
        _draw_note(axes, row.series, number, _counts_in_words(row.bins))
    return figure


def _risk_figure(rows: Sequence[RiskSeries]) -> Figure:
    ends = [end for row in rows for one in row.points for end in (one.risk.value, one.risk.high) if not math.isnan(end)]
    top = next(top for top in _RISK_TOPS if top >= min(1.0, max(ends)))
    figure, axes = _curve_axes(
        (0.0, 1.0), top, ("share answered, the surest first", "share wrong of these"), notes=len(rows)
    )
    for row in rows:
        inside = [one for one in row.points if not math.isnan(one.risk.low)]
        x, low, high = ([one.coverage for one in inside], [o.risk.low for o in inside], [o.risk.high for o in inside])
        axes.fill([*x, *x[::-1]], [*low, *high[::-1]], lw=0, gid=f"band m{row.series % COLOURS}", clip_on=False)
    for number, row in enumerate(rows):
        _draw_note(axes, row.series, number, f"area under the curve {row.area.value:.3f}")
        x, y = [one.coverage for one in row.points], [one.risk.value for one in row.points]
        axes.plot(x, y, lw=2, gid=f"whisker m{row.series % COLOURS}", clip_on=False)
        _draw_marks(axes, x, y, row.series, size=6)
        if row.chosen is not None:
            _draw_marks(axes, [row.chosen[0]], [row.chosen[1]], row.series, size=12, hollow=True)
    return figure


def _curve_axes(x_ends: tuple[float, float], top: float, titles: tuple[str, str], notes: int) -> tuple[Figure, Axes]:
    """Axes from 0 to `top` with a grid, numbers and the two titles, and room for a note of each model below."""
    below = _BELOW + notes * LINE_HEIGHT
    height = _ABOVE + _HEIGHT + below
    figure = Figure(figsize=(WIDTH / 72, height / 72))
    figure.patch.set_visible(False)
    width = WIDTH - _LEFT - 2 * MARGIN
    axes = figure.add_axes((_LEFT / WIDTH, below / height, width / WIDTH, _HEIGHT / height))
    axes.set_axis_off()
    axes.set_xlim(*x_ends)
    axes.set_ylim(0, top)
    thin: dict[str, Any] = {"lw": 0.8, "gid": "grid", "clip_on": False}
    number: dict[str, Any] = {"size": TEXT_SIZE, "gid": "tick", "textcoords": "offset points"}
    for tick in _ticks(*x_ends):
        axes.plot([tick, tick], [0, top], **thin)
        axes.annotate(f"{tick:g}", (tick, 0), (0, -16), ha="center", va="baseline", **number)
    for tick in _ticks(0.0, top):
        axes.plot(x_ends, [tick, tick], **thin)
        axes.annotate(f"{tick:g}", (x_ends[0], tick), (-6, -4), ha="right", va="baseline", **number)
    title: dict[str, Any] = {"size": TEXT_SIZE, "gid": "label", "textcoords": "offset points", "va": "baseline"}
    axes.annotate(titles[0], (x_ends[1], 0), (0, -33), ha="right", **title)
    axes.annotate(titles[1], (x_ends[0], top), (8 - _LEFT, 13), ha="left", **title)
    return figure, axes


def _ticks(start: float, end: float) -> list[float]:
    """Round numbers from start to end, four to six of them."""
    step = next(step for step in (0.02, 0.05, 0.1, 0.2) if (end - start) / step <= 5 + 1e-9)
    return [round(start + number * step, 2) for number in range(round((end - start) / step) + 1)]


def _draw_interval(axes: Axes, x: float, found: Estimate, series: int) -> None:
    if not math.isnan(found.low):
        line: dict[str, Any] = {"lw": 1.5, "solid_capstyle": "butt", "clip_on": False}
        axes.plot([x, x], [found.low, found.high], gid=f"whisker m{series % COLOURS}", **line)


def _draw_marks(
    axes: Axes, x: Sequence[float], y: Sequence[float], series: int, size: float, hollow: bool = False
) -> None:
    gid = f"mark{' hollow' if hollow else ''} m{series % COLOURS}"
    line: dict[str, Any] = {"marker": SHAPES[series % len(SHAPES)][0], "ms": size, "mew": 1.5, "ls": ""}
    axes.plot(x, y, clip_on=False, gid=gid, zorder=3, **line)


def _draw_note(axes: Axes, series: int, number: int, words: str) -> None:
    """A line below the axes, led by the model's shape in its colour."""
    place: dict[str, Any] = {"textcoords": "offset points", "va": "baseline", "size": TEXT_SIZE, "ha": "left"}
    corner, y = (axes.get_xlim()[0], 0.0), -37 - (number + 1) * LINE_HEIGHT
    axes.annotate(SHAPES[series % len(SHAPES)][1], corner, (8 - _LEFT, y), gid=f"m{series % COLOURS}", **place)
    axes.annotate(words, corner, (24 - _LEFT, y), gid="tick", **place)


def _counts_in_words(bins: Sequence[Bin]) -> str:
    counts = [one.statements for one in bins]
    least, most = min(counts), max(counts)
    each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{len(bins)} bins of {each} statements" if len(bins) > 1 else f"one bin of {each} statements"


def _bins_in_words(bins: Sequence[Bin]) -> str:
    return ", ".join(f"{one.stated:.2f} said, {one.observed.value:.2f} so, of {one.statements}" for one in bins)


def _risks_in_words(points: Sequence[RiskPoint]) -> str:
    return ", ".join(f"{one.risk.value:.2f} wrong of {one.coverage:g} answered" for one in points)
