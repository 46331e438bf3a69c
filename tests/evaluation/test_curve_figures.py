import re

import pytest
from lxml import html

from ukraine_stance.evaluation.curve_figures import ReliabilitySeries, RiskSeries, reliability_plot, risk_coverage_plot
from ukraine_stance.evaluation.curves import Bin, RiskPoint
from ukraine_stance.evaluation.uncertainty import Estimate

NAN = float("nan")
BINS = [
    Bin(0.4, 0.6, 20, 0.5, Estimate(0.5, 0.3, 0.7)),
    Bin(0.6, 0.8, 21, 0.7, Estimate(0.9, 0.8, 0.95)),
    Bin(0.8, 1.0, 21, 0.9, Estimate(1.0, NAN, NAN)),
]
POINTS = [
    RiskPoint(0.2, Estimate(0.0, NAN, NAN)),
    *(RiskPoint(x, Estimate(x / 2, x / 4, x / 2 + 0.04)) for x in (0.4, 1)),
]


def parsed(svg: str) -> html.HtmlElement:
    return html.fromstring(svg)


def marks(plot: html.HtmlElement, kind: str) -> list[tuple[float, float]]:
    uses = plot.xpath(f"//g[@class='{kind}']//use")
    return [(float(use.get("x")), float(use.get("y"))) for use in uses]


def lines(plot: html.HtmlElement, kind: str) -> list[list[tuple[float, float]]]:
    paths = plot.xpath(f"//g[@class='{kind}']/path/@d")
    return [[(float(x), float(y)) for x, y in re.findall(r"[ML] ([\d.]+) ([\d.]+)", path)] for path in paths]


def test_dots_stand_on_above_or_below_the_diagonal_as_their_bins_do() -> None:
    plot = parsed(reliability_plot([ReliabilitySeries("a", BINS, 0)], "confidence", "share right", "plot"))
    ((left, bottom), (right, top)) = lines(plot, "zero")[0]
    on, above, last = marks(plot, "mark m0")
    height = [bottom + (x - left) / (right - left) * (top - bottom) for x, _ in (on, above, last)]
    assert on[1] == pytest.approx(height[0], abs=0.1)
    assert [line[0][0] for line in lines(plot, "whisker m0")] == [on[0], above[0]]
    assert above[1] < height[1] - 20 and last[1] == pytest.approx(top, abs=0.1)


def test_a_bin_without_interval_has_a_dot_alone_and_each_model_says_its_counts() -> None:
    rows = [ReliabilitySeries("a", BINS, 0), ReliabilitySeries("b", BINS[:1], 1)]
    plot = parsed(reliability_plot(rows, "confidence", "share right", "plot"))
    assert (len(marks(plot, "mark m0")), len(lines(plot, "whisker m0"))) == (3, 2)
    assert (len(marks(plot, "mark m1")), len(lines(plot, "whisker m1"))) == (1, 1)
    texts = plot.xpath("//text/text()")
    assert "3 bins of 20 to 21 statements" in texts and "one bin of 20 statements" in texts
    assert "0.90 so, of 21" in plot.get("aria-label")


def test_a_risk_curve_has_a_band_where_there_are_intervals_and_a_hollow_mark_at_the_threshold() -> None:
    rows = [
        RiskSeries("a", POINTS, Estimate(0.3, 0.2, 0.4), 0, (0.4, 0.2)),
        RiskSeries("b", POINTS, Estimate(0.3, 0.2, 0.4), 1),
    ]
    plot = parsed(risk_coverage_plot(rows, "plot"))
    assert len(lines(plot, "whisker m0")[0]) == 3
    (band,) = lines(plot, "band m0")
    assert {round(x, 3) for x, _ in band} == {round(x, 3) for x, _ in lines(plot, "whisker m0")[0][1:]}
    assert marks(plot, "mark hollow m0") == [marks(plot, "mark m0")[1]]
    assert marks(plot, "mark hollow m1") == []
    assert "area under the curve 0.300" in plot.xpath("//text/text()")


def test_curves_carry_no_style_and_the_same_rows_give_the_same_bytes() -> None:
    for _ in range(2):
        rows = [RiskSeries("a $x_1$", POINTS, Estimate(0.3, NAN, NAN), 0, (0.4, 0.2))]
        plots = [
            risk_coverage_plot(rows, "plot"),
            reliability_plot([ReliabilitySeries("a", BINS, 7)], "x", "y", "plot"),
        ]
        assert plots == [
            risk_coverage_plot(rows, "plot"), reliability_plot([ReliabilitySeries("a", BINS, 7)], "x", "y", "plot"),
        ]  # fmt: skip
        assert all(" style=" not in plot and "clip-path" not in plot and "<metadata" not in plot for plot in plots)


@pytest.mark.parametrize("lowest", [0.02, 0.34, 0.97])
def test_the_axis_begins_at_a_round_number_below_every_bin(lowest: float) -> None:
    bins = [Bin(lowest, lowest, 9, lowest, Estimate(0.5, 0.4, 0.6))]
    plot = parsed(reliability_plot([ReliabilitySeries("a", bins, 0)], "x", "y", "plot"))
    ((left, _), (right, _)) = lines(plot, "zero")[0]
    assert left < marks(plot, "mark m0")[0][0] < right
    assert {"0": 0.02, "0.2": 0.34, "0.8": 0.97}[plot.xpath("//g[@class='tick']/text/text()")[0]] == lowest
