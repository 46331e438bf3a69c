"""Predictions of several fits, each on what it had not seen, measured together and fit by fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ukraine_stance.classifier import OUTPUT_COLUMNS
from ukraine_stance.config import FieldShares
from ukraine_stance.evaluation.base_rate import field_figures
from ukraine_stance.evaluation.curves import curves
from ukraine_stance.evaluation.results import (
    Evaluation,
    PartResult,
    gold_columns,
    measure,
    predicted_columns,
    probabilities_of,
)
from ukraine_stance.evaluation.slices import slice_columns, slices
from ukraine_stance.evaluation.uncertainty import Resampling

# Column that tells which fit tested a statement.
HELD_OUT = "held_out"

_ABOUT_INTERVALS = (
    "intervals resample the tested groups alone: what other training statements or another seed would change is not in "
    "them"
)
_ABOUT_SPREAD = (
    "the SD over rounds is no standard error: the rounds share training statements, so it does not say how sure their "
    "mean is"
)


@dataclass(frozen=True, slots=True)
class ScoredRound:
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

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined figures are None."""
        return {
            "together": self.together.results[0].as_dict(),
            "rounds": [one.as_dict() for one in self.rounds],
            "spread": spread(self.rounds),
            "notes": list(self.together.warnings),
        }


def spread(rounds: Sequence[PartResult]) -> dict[str, dict[str, float | None]]:
    """Mean and standard deviation (n - 1) of each figure over the fits; None where a fit lacks it, or is alone."""
    found = {}
    for name in rounds[0].estimates:
        values = np.array([one.estimates[name].value for one in rounds])
        defined = not np.isnan(values).any()
        found[name] = {
            "mean": float(values.mean()) if defined else None,
            "sd": float(values.std(ddof=1)) if defined and len(values) > 1 else None,
        }
    return found


def measure_out_of_fold(
    model: tuple[str, str],
    part: str,
    tested: Sequence[ScoredRound],
    notes: Sequence[str],
    how: Resampling,
    field_shares: FieldShares,
) -> OutOfFold:
    """Measure the fits one by one and all of their predictions together, as one part named `part`.

    model is the name and the id that the page shows; notes say what the reader must know before any figure. Intervals
    of all together resample groups, not fits; the curves of confidence know no threshold: each fit has its own.
    field_shares are the labels' shares in the text that the model is for. Raises ValueError when a statement was tested
    twice.
    """
    rounds = tuple(measure(one.name, one.rows, one.scores, how) for one in tested)
    rows = pd.concat([one.rows.assign(**{HELD_OUT: one.name}) for one in tested], ignore_index=True)
    scores = pd.concat([one.scores for one in tested], ignore_index=True)
    if rows["id"].duplicated().any():
        raise ValueError("a statement was tested twice")
    name, model_id = model
    of_all = scores.assign(model_id=model_id)
    columns = slice_columns(rows, (HELD_OUT,) if len(tested) > 1 else ())
    gold, predicted, groups = gold_columns(rows), predicted_columns(scores), list(rows["group"])
    found = slices(part, rows, gold, predicted, columns, how)
    drawn = curves(probabilities_of(scores), gold, groups, 0.0, field_shares, how)
    together = Evaluation(
        names=(name,),
        model_ids=(model_id,),
        results=(measure(part, rows, of_all, how),),
        comparisons=(),
        rows={part: rows},
        predictions={part: [of_all]},
        warnings=(*notes, _ABOUT_INTERVALS, *_about_spread(rounds)),
        slices=(tuple(found),),
        choices=(None,),
        curves={part: (drawn,)},
        in_field={part: (field_figures(gold, predicted, groups, field_shares, how),)},
    )
    predictions = pd.concat([rows[["id", HELD_OUT, "group", "label", "text"]], scores[list(OUTPUT_COLUMNS)]], axis=1)
    return OutOfFold(together, rounds, predictions)


def _about_spread(rounds: Sequence[PartResult]) -> list[str]:
    if len(rounds) == 1:
        return []
    found = spread(rounds)["macro_f1"]
    if found["sd"] is None:
        return [_ABOUT_SPREAD]
    return [f"macro-F1 over {len(rounds)} rounds: mean {found['mean']:.3f}, SD {found['sd']:.3f}; {_ABOUT_SPREAD}"]
