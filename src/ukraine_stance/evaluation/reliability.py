"""Whether probabilities mean what they say: calibration error, Brier score and log loss, with intervals over groups.

Each is a function of sums (..., bins, 5) that add up over statements, so that a bootstrap resamples the sums of groups.
The five sums of a bin of confidence: statements, confidence, right ones, squared error, minus log of gold's share.
"""

from collections.abc import Sequence

import numpy as np

from ukraine_stance.evaluation.metrics import Metric
from ukraine_stance.evaluation.uncertainty import LOSS, Estimate, Resampling, Span, from_group_counts
from ukraine_stance.models.protocol import FloatArray, IntArray, first_improbable

BINS = 15

# A probability of 0 given to what turns out true costs this many nats, not infinitely many.
_LEAST = 1e-12


def expected_calibration_error(sums: FloatArray) -> FloatArray:
    """Average gap between confidence and accuracy over equal-width bins, (...): 0 is perfect, 1 is worst.

    Source: Guo et al. 2017, arXiv:1706.04599. With few statements it is too high even for a perfect model, and so is
    its interval, which then misses the true error more often than it says.
    """
    gaps = np.abs(sums[..., 1] - sums[..., 2]).sum(axis=-1)
    return np.asarray(gaps / sums[..., 0].sum(axis=-1))


def brier_score(sums: FloatArray) -> FloatArray:
    """Mean squared distance of the three probabilities from the truth, (...): 0 is perfect, 2 is worst.

    Source: Brier 1950. Always saying a third each scores 0.667.
    """
    return np.asarray(sums[..., 3].sum(axis=-1) / sums[..., 0].sum(axis=-1))


def log_loss(sums: FloatArray) -> FloatArray:
    """Mean of minus the natural log of gold's probability, (...): 0 is perfect, a third each gives ln 3 = 1.099."""
    return np.asarray(sums[..., 4].sum(axis=-1) / sums[..., 0].sum(axis=-1))


RELIABILITY: dict[str, Metric] = {
    "calibration_error": expected_calibration_error,
    "brier_score": brier_score,
    "log_loss": log_loss,
}

# Those that are no shares.
SPANS: dict[str, Span] = {"brier_score": (0.0, 2.0), "log_loss": LOSS}

RELIABILITY_WORDS = {
    "calibration_error": "calibration error (ECE, biased upward)",
    "brier_score": "Brier score",
    "log_loss": "log loss",
}


def reliability(
    probabilities: FloatArray, gold: IntArray, groups: Sequence[str], how: Resampling
) -> dict[str, Estimate]:
    """Each figure of RELIABILITY with its interval; probabilities is (n, 3) in labels.ORDER, gold (n,) its columns.

    Raises ValueError when a row holds no three probabilities that add up to 1.
    """
    check_probabilities(probabilities)
    return from_group_counts(group_sums(probabilities, gold, groups), RELIABILITY, how, SPANS)


def group_sums(probabilities: FloatArray, gold: IntArray, groups: Sequence[str]) -> FloatArray:
    """The five sums of every bin for each group, (g, BINS, 5), in order of the groups' names."""
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    confidence = probabilities.max(axis=1)
    bins = np.clip((confidence * BINS).astype(int), 0, BINS - 1)
    truth = np.eye(probabilities.shape[1])[gold]
    values = np.column_stack(
        [
            np.ones(len(gold)),
            confidence,
            probabilities.argmax(axis=1) == gold,
            ((probabilities - truth) ** 2).sum(axis=1),
            -np.log(np.clip(probabilities[np.arange(len(gold)), gold], _LEAST, 1)),
        ]
    )
    sums = np.zeros((len(names), BINS, values.shape[1]))
    np.add.at(sums, (index, bins), values)
    return sums


def check_probabilities(probabilities: FloatArray) -> None:
    """Raise ValueError unless every row is three probabilities that add up to 1 (to a thousandth)."""
    row = first_improbable(probabilities)
    if row is not None:
        raise ValueError(f"row {row}: {probabilities[row].tolist()} are no probabilities of three labels")
