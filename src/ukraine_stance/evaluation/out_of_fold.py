"""Predictions of several fits, each on what it had not seen, measured together and fit by fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ukraine_stance.classifier import OUTPUT_COLUMNS
from ukraine_stance.evaluation.results import Evaluation, PartResult, gold_columns, measure, predicted_columns
from ukraine_stance.evaluation.slices import slice_columns, slices
from ukraine_stance.evaluation.uncertainty import Resampling

# Column that tells which fit tested a statement.
HELD_OUT = "held_out"

_ABOUT_INTERVALS = (
    "intervals resample the tested groups alone: what other training statements or another seed would change is not in "
    "them"
)
_ABOUT_SPREAD = (
    "the SD over rounds is no standard error: the rounds share training statements, so it is no measure of how sure "
    "their mean is"
)


@dataclass(frozen=True, slots=True)
class Tested:
    """A finished fit: the statements that tested it, with the classifier's columns row by row."""

    name: str
    rows: pd.DataFrame
    scores: pd.DataFrame


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """All predictions as one evaluation of one part, and each fit's own result, in order.

    Every statement of `predictions` stands there once, with its `held_out`, gold and the columns of the fit that had
    not seen it.
    """

    together: Evaluation
    rounds: tuple[PartResult, ...]
    predictions: pd.DataFrame

    def spread(self) -> dict[str, dict[str, float | None]]:
        """Mean and standard deviation (n - 1) of each figure over the fits; None where a fit lacks it, or is alone."""
        found = {}
        for name in self.rounds[0].estimates:
            values = np.array([one.estimates[name].value for one in self.rounds])
            defined = not np.isnan(values).any()
            found[name] = {
                "mean": float(values.mean()) if defined else None,
                "sd": float(values.std(ddof=1)) if defined and len(values) > 1 else None,
            }
        return found

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined figures are None."""
        return {
            "together": self.together.results[0].as_dict(),
            "rounds": [one.as_dict() for one in self.rounds],
            "spread": self.spread(),
            "notes": list(self.together.warnings),
        }


def measure_out_of_fold(
    model: tuple[str, str], part: str, tested: Sequence[Tested], notes: Sequence[str], how: Resampling
) -> OutOfFold:
    """Measure the fits one by one and all of their predictions together, as one part named `part`.

    model is the name and the id that the page shows; notes say what the reader must know before any figure. Where
    groups, not fits, are resampled for the figures of all together. Raises ValueError when a statement was tested
    twice.
    """
    rows = pd.concat([one.rows.assign(**{HELD_OUT: one.name}) for one in tested], ignore_index=True)
    scores = pd.concat([one.scores for one in tested], ignore_index=True)
    if rows["id"].duplicated().any():
        raise ValueError("a statement was tested twice")
    name, model_id = model
    of_all = scores.assign(model_id=model_id)
    found = slices(
        part, rows, gold_columns(rows), predicted_columns(scores), slice_columns(rows, _several(tested)), how
    )
    together = Evaluation(
        names=(name,),
        model_ids=(model_id,),
        results=(measure(part, rows, of_all, how),),
        comparisons=(),
        rows={part: rows},
        predictions={part: [of_all]},
        warnings=(*notes, _ABOUT_INTERVALS, *((_ABOUT_SPREAD,) if len(tested) > 1 else ())),
        slices=(tuple(found),),
    )
    predictions = pd.concat([rows[["id", HELD_OUT, "group", "label", "text"]], scores[list(OUTPUT_COLUMNS)]], axis=1)
    return OutOfFold(together, tuple(measure(one.name, one.rows, one.scores, how) for one in tested), predictions)


def _several(tested: Sequence[Tested]) -> tuple[str, ...]:
    return (HELD_OUT,) if len(tested) > 1 else ()
