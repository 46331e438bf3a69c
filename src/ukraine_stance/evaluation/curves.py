"""Whether confidence is worth its name, as curves: reliability by bins, risk by coverage, and what a threshold gives.

Like every figure here they are functions of sums that add up over statements, so that a bootstrap resamples the sums
of groups. Bins and cells hold nearly equal numbers of statements; those with the same value always share one.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from ukraine_stance.config import FieldShares
from ukraine_stance.evaluation.base_rate import in_field
from ukraine_stance.evaluation.metrics import Metric, macro_f1
from ukraine_stance.evaluation.reliability import check_probabilities
from ukraine_stance.evaluation.uncertainty import Estimate, Resampling, from_group_counts, plain_estimate
from ukraine_stance.labels import ORDER
from ukraine_stance.models.protocol import BoolArray, FloatArray, IntArray

BINS = 10
COVERAGES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

# A bin of fewer statements says nothing: a small set gets fewer bins.
_LEAST_IN_BIN = 20

# Statements are ordered by confidence in so many steps; up to so many each have their own.
_CELLS = 200


@dataclass(frozen=True, slots=True)
class Bin:
    """Statements of nearly the same probability, from low to high: `stated` is its mean, observed how often it was so.

    A model that means what it says has the two equal, within the interval.
    """

    low: float
    high: float
    statements: int
    stated: float
    observed: Estimate


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """Share of wrong labels among the most confident statements, which make up `coverage` of all."""

    coverage: float
    risk: Estimate


@dataclass(frozen=True, slots=True)
class Curves:
    """One model on one part; reliability is of the predicted label's confidence, by_label of each label's probability.

    aurc is the mean of the risk over all coverages: 0 is perfect, the error rate is what confidence without meaning
    gives. selective holds what the model's own threshold gives: coverage, accuracy and macro_f1 of what is answered,
    and with `field_` before them coverage and accuracy at the field's shares of labels.
    """

    reliability: tuple[Bin, ...]
    by_label: dict[str, tuple[Bin, ...]]
    risk_coverage: tuple[RiskPoint, ...]
    aurc: Estimate
    threshold: float
    selective: dict[str, Estimate]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined figures are None."""
        return {
            "reliability": [_plain_bin(one) for one in self.reliability],
            "by_label": {label: [_plain_bin(one) for one in bins] for label, bins in self.by_label.items()},
            "risk_coverage": [
                {"coverage": point.coverage, "risk": plain_estimate(point.risk)} for point in self.risk_coverage
            ],
            "aurc": plain_estimate(self.aurc),
            "threshold": self.threshold,
            "selective": {name: plain_estimate(one) for name, one in self.selective.items()},
        }


def curves(
    probabilities: FloatArray,
    gold: IntArray,
    groups: Sequence[str],
    threshold: float,
    shares: FieldShares,
    how: Resampling,
) -> Curves:
    """Everything of Curves with intervals; probabilities is (n, 3) in labels.ORDER, gold (n,) its columns.

    Raises ValueError when n is 0, or a row holds no three probabilities that add up to 1.
    """
    if len(gold) == 0:
        raise ValueError("no statements to draw curves of")
    check_probabilities(probabilities)
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    right = predicted == gold
    points, aurc = risk_coverage(confidence, right, groups, how)
    return Curves(
        reliability=reliability_bins(confidence, right, groups, how),
        by_label={
            str(label): reliability_bins(probabilities[:, column], gold == column, groups, how)
            for column, label in enumerate(ORDER)
        },
        risk_coverage=points,
        aurc=aurc,
        threshold=threshold,
        selective=selective(gold, predicted, confidence >= threshold, groups, shares, how),
    )


def reliability_bins(
    stated: FloatArray, happened: BoolArray, groups: Sequence[str], how: Resampling
) -> tuple[Bin, ...]:
    """Bins of equal mass by rising probability (n,), with how often what it was the probability of happened.

    At most 10, fewer where they would hold less than 20 statements. Source: Murphy and Winkler 1977, "Reliability of
    subjective probability forecasts"; equal mass, as equal widths leave bins of few: Nguyen and O'Connor 2015,
    aclanthology D15-1182.
    """
    wanted = int(np.clip(len(stated) // _LEAST_IN_BIN, 1, BINS))
    bins = _equal_mass(stated, wanted)
    sums = _group_sums(groups, bins, np.column_stack([np.ones(len(stated)), happened]))
    kept = np.unique(bins)
    shares: dict[str, Metric] = {str(one): partial(_share_of_cell, cell=one) for one in kept}
    observed = from_group_counts(sums, shares, how, shares=shares.keys())
    found = []
    for one in kept:
        inside = stated[bins == one]
        edges = float(inside.min()), float(inside.max())
        found.append(Bin(*edges, len(inside), float(inside.mean()), observed[str(one)]))
    return tuple(found)


def risk_coverage(
    confidence: FloatArray, right: BoolArray, groups: Sequence[str], how: Resampling
) -> tuple[tuple[RiskPoint, ...], Estimate]:
    """Risk at each of COVERAGES, and the area under the curve; confidence and right are (n,).

    Source: Geifman and El-Yaniv 2017, arXiv:1705.08500; the area: Geifman, Uziel and El-Yaniv 2019, arXiv:1805.08206.
    Beyond 200 statements both are taken at 200 steps of confidence.
    """
    cells = _equal_mass(-confidence, _CELLS)
    sums = _group_sums(groups, cells, np.column_stack([np.ones(len(right)), ~right]))
    metrics: dict[str, Metric] = {str(share): partial(risk_at, coverage=share) for share in COVERAGES}
    found = from_group_counts(sums, {**metrics, "aurc": area_under_risk}, how)
    return tuple(RiskPoint(share, found[str(share)]) for share in COVERAGES), found["aurc"]


def risk_at(sums: FloatArray, coverage: float) -> FloatArray:
    """Share of wrong labels (...) among the surest statements, `coverage` of all, from sums (..., cells, 2).

    The two sums of a cell: statements, wrong ones; the surest come first. A cell taken in part counts with its average.
    """
    total = np.cumsum(sums, axis=-2)
    wanted = coverage * total[..., -1, :1]
    filled = np.clip(wanted - (total[..., 0] - sums[..., 0]), 0, sums[..., 0])
    rate = np.divide(sums[..., 1], sums[..., 0], out=np.zeros_like(sums[..., 1]), where=sums[..., 0] > 0)
    return np.asarray((filled * rate).sum(axis=-1) / wanted[..., 0])


def area_under_risk(sums: FloatArray) -> FloatArray:
    """Mean over all statements of the risk among those at least as confident, (...), from sums as in `risk_at`."""
    total = np.cumsum(sums, axis=-2)
    risk = np.divide(total[..., 1], total[..., 0], out=np.zeros_like(total[..., 1]), where=total[..., 0] > 0)
    return np.asarray((risk * sums[..., 0]).sum(axis=-1) / total[..., -1, 0])


def selective(
    gold: IntArray,
    predicted: IntArray,
    answered: BoolArray,
    groups: Sequence[str],
    shares: FieldShares,
    how: Resampling,
) -> dict[str, Estimate]:
    """Coverage, and accuracy and macro-F1 of what is answered, as they are and at the field's shares; all (n,)."""
    answers = np.where(answered, predicted, len(ORDER))
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    counts = np.zeros((len(names), len(ORDER), len(ORDER) + 1))
    np.add.at(counts, (index, gold, answers), 1)
    in_the_field = in_field({"field_coverage": _coverage, "field_accuracy": _answered_accuracy}, shares)
    return from_group_counts(counts, {**_SELECTIVE, **in_the_field}, how, shares={"coverage", "accuracy"})


def _coverage(counts: FloatArray) -> FloatArray:
    """Share answered (...) of counts (..., 3, 4), whose last column holds the statements without an answer."""
    return np.asarray(1 - counts[..., -1].sum(axis=-1) / counts.sum(axis=(-2, -1)))


def _answered_accuracy(counts: FloatArray) -> FloatArray:
    answered = counts[..., :-1]
    hits, total = np.trace(answered, axis1=-2, axis2=-1), answered.sum(axis=(-2, -1))
    return np.asarray(np.divide(hits, total, out=np.full(np.shape(total), np.nan), where=total > 0))


def _answered_macro_f1(counts: FloatArray) -> FloatArray:
    return macro_f1(counts[..., :-1])


_SELECTIVE: dict[str, Metric] = {
    "coverage": _coverage,
    "accuracy": _answered_accuracy,
    "macro_f1": _answered_macro_f1,
}


def _share_of_cell(sums: FloatArray, cell: int) -> FloatArray:
    count, happened = sums[..., cell, 0], sums[..., cell, 1]
    return np.asarray(np.divide(happened, count, out=np.full(np.shape(count), np.nan), where=count > 0))


def _equal_mass(values: FloatArray, cells: int) -> IntArray:
    """Cell (n,) of each value, 0 for the lowest; equal values share the cell of the last of them."""
    ranks = np.searchsorted(np.sort(values), values, side="right")
    return np.asarray(np.ceil(ranks * cells / len(values)) - 1, dtype=np.int64)


def _group_sums(groups: Sequence[str], cells: IntArray, values: FloatArray) -> FloatArray:
    """Sums (g, cells, v) of values (n, v) for each group, in order of the groups' names."""
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sums = np.zeros((len(names), int(cells.max()) + 1, values.shape[1]))
    np.add.at(sums, (index, cells), values)
    return sums


def _plain_bin(one: Bin) -> dict[str, Any]:
    return {**asdict(one), "observed": plain_estimate(one.observed)}
