"""Metrics as pure functions of a confusion matrix, so that a bootstrap can resample counts instead of rows.

A confusion matrix here is (..., 3, 3): gold in rows, predicted in columns, both in `labels.ORDER`; leading axes are
resamples. A class that never occurs, neither as gold nor as prediction, has no F1: nan, never a silent 0 or 1.
"""

from collections.abc import Callable

import numpy as np

from ukraine_stance.labels import ORDER, Stance
from ukraine_stance.models.protocol import FloatArray, IntArray

Metric = Callable[[FloatArray], FloatArray]


def confusion(gold: IntArray, predicted: IntArray) -> FloatArray:
    """Counts (3, 3) of two (n,) arrays of column indices. Raises ValueError when their lengths differ."""
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold labels, {len(predicted)} predictions")
    counts = np.zeros((len(ORDER), len(ORDER)))
    np.add.at(counts, (gold, predicted), 1)
    return counts


def precision(counts: FloatArray) -> FloatArray:
    """Share of each predicted class that is right, (..., 3); nan where the class is never predicted."""
    return _ratio(_hits(counts), counts.sum(axis=-2))


def recall(counts: FloatArray) -> FloatArray:
    """Share of each gold class that is found, (..., 3); nan where the class has no gold."""
    return _ratio(_hits(counts), counts.sum(axis=-1))


def f1(counts: FloatArray) -> FloatArray:
    """Harmonic mean of precision and recall, (..., 3); nan where a class is neither gold nor predicted."""
    return _ratio(2 * _hits(counts), counts.sum(axis=-1) + counts.sum(axis=-2))


def macro_f1(counts: FloatArray) -> FloatArray:
    """Mean F1 of the three classes, (...); nan unless each class has gold statements."""
    return np.where(_all_in_gold(counts), f1(counts).mean(axis=-1), np.nan)


def favor_against_f1(counts: FloatArray) -> FloatArray:
    """Mean F1 of favor and against, (...): the metric of SemEval-2016 task 6; nan unless both have gold statements.

    Source: Mohammad et al. 2016, aclanthology S16-1003. Neutral counts through the mistakes it causes.
    """
    columns = [ORDER.index(Stance.FAVOR), ORDER.index(Stance.AGAINST)]
    there = (counts.sum(axis=-1)[..., columns] > 0).all(axis=-1)
    return np.where(there, f1(counts)[..., columns].mean(axis=-1), np.nan)


def accuracy(counts: FloatArray) -> FloatArray:
    """Share of statements whose label is right, (...)."""
    return _ratio(_hits(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def _class_metric(metric: Metric, column: int) -> Metric:
    return lambda counts: metric(counts)[..., column]


# Every metric of a report, by name; each takes (..., 3, 3) and gives (...).
METRICS: dict[str, Metric] = {
    "macro_f1": macro_f1,
    "favor_against_f1": favor_against_f1,
    "accuracy": accuracy,
    **{
        f"{name}_{label}": _class_metric(metric, column)
        for column, label in enumerate(ORDER)
        for name, metric in (("precision", precision), ("recall", recall), ("f1", f1))
    },
}

# Of these, the shares of statements: of all, of those given a label, of those that have it. An F1 is none of them.
SHARES = frozenset(name for name in METRICS if name.startswith(("accuracy", "precision", "recall")))


def _hits(counts: FloatArray) -> FloatArray:
    return np.asarray(np.diagonal(counts, axis1=-2, axis2=-1))


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0))


def _all_in_gold(counts: FloatArray) -> FloatArray:
    return np.asarray((counts.sum(axis=-1) > 0).all(axis=-1))
