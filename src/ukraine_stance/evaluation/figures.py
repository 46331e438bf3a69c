"""Dot-and-whisker plots as SVG that a page's own style sheet colours: no style attributes, no fonts, no dates."""

import io
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ukraine_stance.evaluation.uncertainty import Estimate

# Five shapes and six colours (of the style sheet) have no common divisor: thirty models before two look the same.
SHAPES = (("o", "●"), ("s", "■"), ("D", "◆"), ("^", "▲"), ("v", "▼"))
COLOURS = 6

# One unit is one CSS pixel on a phone of 360 pixels, where a plot is shown in its own size.
WIDTH = 330.0
MARGIN = 8.0
_ROW_HEIGHT = 40.0
_AXIS_HEIGHT = 24.0
TEXT_SIZE = 12.0
_LABEL_LENGTH = 26
_LONG_LABEL_LENGTH = 46
LINE_HEIGHT = 15.0

_KEPT_ATTRIBUTES = {"stroke-width", "stroke-linecap", "text-anchor", "font-size"}


@dataclass(frozen=True, slots=True)
class Whisker:
    """A row of a plot: a label at its left, the figure in words at its right, the interval below both.

    Where a label is too long to stand beside the words, all words of the plot stand a line below the labels.

    series picks shape and colour; None is drawn in the colour of the text. A hollow dot says "may be zero".
    """

    label: str
    words: str
    estimate: Estimate
    series: int | None = None
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """The horizontal axis: its ends are the first and the last tick."""

    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    zero_line: bool = False


UNIT_SCALE = Scale((0, 0.25, 0.5, 0.75, 1), ("0", "0.25", "0.5", "0.75", "1"))


def scale_around_zero(estimates: Sequence[Estimate]) -> Scale:
    """A symmetric scale in round numbers that holds every defined value and interval."""
    ends = [abs(end) for found in estimates for end in (found.value, found.low, found.high) if not math.isnan(end)]
    reach = max(ends, default=0.0)
    limit = next((step for step in (1, 2, 4, 10, 20, 30, 40, 60, 80, 100) if step >= reach), 200)
    ticks = (-limit, -limit / 2, 0, limit / 2, limit)
    return Scale(ticks, tuple(f"{tick:+g}".replace("-", "−") if tick else "0" for tick in ticks), zero_line=True)


def shortened(label: str, length: int = _LABEL_LENGTH) -> str:
    """The label with its middle left out where it is too long; what is no printable character becomes U+FFFD."""
    clean = "".join(char if char.isprintable() else "\ufffd" for char in label)
    if len(clean) <= length:
        return clean
    tail = (length - 1) // 2
    return f"{clean[: length - 1 - tail]}…{clean[-tail:]}"


def short_names(names: Sequence[str], length: int = _LABEL_LENGTH) -> list[str]:
    """The names, shortened where any is too long; what all begin with goes first, so that they differ still."""
    if len(names) < 2 or all(len(name) <= length for name in names):
        return [shortened(name, length) for name in names]
    lowest, highest = min(names), max(names)
    same = next((at for at, (one, two) in enumerate(zip(lowest, highest, strict=False)) if one != two), len(lowest))
    return [shortened(f"…{name[same:]}" if same > 1 else name, length) for name in names]


def whisker_plot(rows: Sequence[Whisker], scale: Scale, name: str) -> str:
    """An `svg` element for a page, with the classes that its style sheet colours; the same rows give the same bytes.

    name is told to those who cannot see the plot, and must differ between the plots of one page.
    """
    described = "; ".join(f"{shortened(row.label, 200)} {row.words}" for row in rows)
    return as_svg(lambda: _figure(rows, scale), name, described)


def as_svg(draw: Callable[[], Figure], name: str, described: str) -> str:
    """The figure as an `svg` element of a page: each artist's gid is its class, and name and description its label."""
    drawn = io.StringIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": ascii(name)})
        # The reader's fonts draw the text: that ours lack a character of a name does not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        draw().savefig(drawn, format="svg")
    return _for_page(drawn.getvalue(), f"{shortened(name, 200)}: {described}")


def _figure(rows: Sequence[Whisker], scale: Scale) -> Figure:
    below = LINE_HEIGHT if any(len(row.label) > _LABEL_LENGTH for row in rows) else 0.0
    row_height = _ROW_HEIGHT + below
    height = len(rows) * row_height + _AXIS_HEIGHT
    figure = Figure(figsize=(WIDTH / 72, height / 72))
    figure.patch.set_visible(False)
    axes = figure.add_axes((MARGIN / WIDTH, 0, 1 - 2 * MARGIN / WIDTH, 1))
    axes.set_axis_off()
    axes.set_xlim(scale.ticks[0], scale.ticks[-1])
    axes.set_ylim(height, 0)
    _draw_scale(axes, scale, [(number + 1) * row_height for number in range(len(rows))])
    for number, row in enumerate(rows):
        _draw_row(axes, row, number * row_height, below)
    return figure


def _draw_scale(axes: Axes, scale: Scale, bottoms: list[float]) -> None:
    last = len(scale.ticks) - 1
    # The lines stand behind the whiskers alone, not behind the words: a nan ends each stroke.
    heights = [bottom + y for bottom in bottoms for y in (-21.0, -5.0, math.nan)]
    for number, (tick, label) in enumerate(zip(scale.ticks, scale.labels, strict=True)):
        zero = scale.zero_line and tick == 0
        line: dict[str, Any] = {"lw": 1.4 if zero else 0.8, "gid": "zero" if zero else "grid", "clip_on": False}
        axes.plot([tick] * len(heights), heights, solid_capstyle="butt", **line)
        side = "left" if number == 0 else "right" if number == last else "center"
        axes.text(tick, bottoms[-1] + 14, label, ha=side, va="baseline", size=TEXT_SIZE, gid="tick")


def _draw_row(axes: Axes, row: Whisker, top: float, below: float) -> None:
    beside: dict[str, Any] = {
        "va": "baseline",
        "size": TEXT_SIZE,
        "transform": axes.get_yaxis_transform(),
        "parse_math": False,
    }
    axes.text(0, top + 14, shortened(row.label, _LONG_LABEL_LENGTH), ha="left", gid="label", **beside)
    axes.text(1, top + 14 + below, row.words, ha="right", gid="words", **beside)
    found, middle = row.estimate, top + 27 + below
    if math.isnan(found.value):
        return
    colour = "" if row.series is None else f" m{row.series % COLOURS}"
    if not math.isnan(found.low):
        line: dict[str, Any] = {"lw": 2.5, "solid_capstyle": "butt", "clip_on": False, "gid": f"whisker{colour}"}
        axes.plot([found.low, found.high], [middle, middle], **line)
    shape = SHAPES[(row.series or 0) % len(SHAPES)][0]
    kind = "mark hollow" if row.hollow else "mark"
    axes.plot([found.value], [middle], marker=shape, ms=9, mew=1.5, ls="", clip_on=False, gid=f"{kind}{colour}")


def _for_page(svg: str, described: str) -> str:
    root = ElementTree.fromstring(svg)
    _drop(root, {"metadata", "style"})  # the date stands in the metadata, a global rule in the style
    referenced = {value[1:] for element in root.iter() for name, value in element.items() if _local(name) == "href"}
    for element in root.iter():
        element.tag = _local(element.tag)
        attributes = {_local(name): value for name, value in element.items()}
        element.attrib.clear()
        element.attrib.update(_kept(element.tag, attributes, referenced))
    viewbox = root.attrib["viewBox"]
    root.attrib.clear()
    root.attrib.update({"class": "plot", "viewBox": viewbox, "role": "img", "aria-label": described})
    return ElementTree.tostring(root, encoding="unicode")


def _kept(tag: str, attributes: dict[str, str], referenced: set[str]) -> dict[str, str]:
    """Geometry stays; a style becomes attributes, which a strict content policy allows; a group's id is its class."""
    kept = {name: value for name, value in attributes.items() if name not in ("style", "id", "transform")}
    identity = attributes.get("id", "")
    if tag == "g":
        kept |= {"class": identity} if identity else {}
    elif identity in referenced:
        kept["id"] = identity
    for rule in filter(None, attributes.get("style", "").split(";")):
        name, value = (word.strip() for word in rule.split(":", 1))
        if name in _KEPT_ATTRIBUTES:
            kept[name] = value
        elif name == "font":
            kept["font-size"] = value.split()[0]
    return kept


def _drop(parent: ElementTree.Element, names: set[str]) -> None:
    for child in list(parent):
        if _local(child.tag) in names:
            parent.remove(child)
        else:
            _drop(child, names)


def _local(name: str) -> str:
    """The name without its namespace: inside HTML an svg element needs none."""
    return name.rsplit("}", 1)[-1]
