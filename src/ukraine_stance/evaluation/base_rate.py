"""What a model's figures would be at the shares of labels that stand in the field, where most statements are neutral.

A precision measured where a third of the statements are against says nothing of text where a twentieth is. Here the
rows of a confusion matrix, P(predicted | gold), are weighted anew by the field's shares of gold. That is right as far
as statements of one label are alike on both sides (label shift: P(text | gold) is the same, P(gold) alone differs).
Source: Saerens, Latinne and Decaestecker 2002, Neural Computation 14, 21-41, equation 2.1 for the assumption.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import nan
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from ukraine_stance.config import FieldShares
from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation.metrics import METRICS, Metric
from ukraine_stance.evaluation.uncertainty import Estimate, Resampling, bootstrap, plain_estimate
from ukraine_stance.labels import ORDER
from ukraine_stance.models.protocol import FloatArray, IntArray

# Of a report's metrics those that the shares of gold change; recall stays what it is.
_CHANGED = ("macro_f1", "favor_against_f1", "accuracy", *(f"precision_{label}" for label in ORDER))


@dataclass(frozen=True, slots=True)
class FieldFigures:
    """One model's figures were gold's shares those of the field; shares is in `labels.ORDER`.

    estimates are named as in METRICS, and `predicted_LABEL` is the share of statements that the model would give LABEL:
    what counting its answers reports.
    """

    shares: FieldShares
    estimates: dict[str, Estimate]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined figures are None."""
        shares = {str(label): share for label, share in zip(ORDER, self.shares, strict=True)}
        return {"shares": shares, "estimates": {name: plain_estimate(one) for name, one in self.estimates.items()}}


def at_field_shares(counts: FloatArray, shares: FieldShares) -> FloatArray:
    """Counts (..., 3, k) by gold as shares of all statements, each row adding up to the field's share of its label.

    nan in a row whose label has no gold but a share in the field: nothing is known of it.
    """
    gold = counts.sum(axis=-1, keepdims=True)
    wanted = np.asarray(shares)[:, None]
    weights = np.divide(wanted, gold, out=np.where(wanted > 0, np.nan, np.zeros_like(gold)), where=gold > 0)
    return np.asarray(counts * weights)


def predicted_share(counts: FloatArray, column: int) -> FloatArray:
    """Share (...) of the statements of counts (..., 3, k) that are given the label of the column."""
    return np.asarray(counts[..., column].sum(axis=-1) / counts.sum(axis=(-2, -1)))


def field_figures(
    gold: IntArray, predicted: IntArray, groups: Sequence[str], shares: FieldShares, how: Resampling
) -> FieldFigures:
    """Each figure at the field's shares with its interval over resampled groups; gold, predicted (n,) columns.

    The field's shares themselves count as known: their own error is not in the intervals. Raises ValueError when n is
    0.
    """
    plain: dict[str, Metric] = {name: METRICS[name] for name in _CHANGED}
    plain |= {f"predicted_{label}": partial(predicted_share, column=at) for at, label in enumerate(ORDER)}
    return FieldFigures(shares, bootstrap(gold, predicted, groups, how, in_field(plain, shares)))


def in_field(metrics: dict[str, Metric], shares: FieldShares) -> dict[str, Metric]:
    """The metrics, each taken of counts at the field's shares."""
    return {name: partial(_in_field, metric, shares) for name, metric in metrics.items()}


def parse_shares(text: str) -> FieldShares:
    """Shares written as `favor=0.3,against=0.05,neutral=0.65`, in any order. Raises UserMistake for anything else."""
    pairs = [part.partition("=") for part in text.split(",")]
    named = {name.strip(): value.strip() for name, _, value in pairs}
    if len(pairs) != len(ORDER) or set(named) != set(ORDER):
        raise UserMistake(
            f"--field-shares {text}: expected each of {', '.join(ORDER)} once, as favor=0.3,against=0.05,neutral=0.65"
        )
    shares = tuple(_share(text, label, named[label]) for label in ORDER)
    try:
        return TypeAdapter[FieldShares](FieldShares).validate_python(shares)
    except ValidationError as fault:
        said = str(fault.errors()[0]["msg"]).removeprefix("Value error, ")
        raise UserMistake(f"--field-shares {text}: {said}") from fault


def _share(text: str, label: str, value: str) -> float:
    try:
        share = float(value)
    except ValueError:
        share = nan
    if not 0 <= share <= 1:  # nan is not within it
        raise UserMistake(f"--field-shares {text}: {label} is {value!r}, expected a share from 0 to 1")
    return share


def _in_field(metric: Metric, shares: FieldShares, counts: FloatArray) -> FloatArray:
    return metric(at_field_shares(counts, shares))
