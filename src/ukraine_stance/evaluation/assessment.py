"""Everything that is measured of models on the same statements, in one place for training, evaluation and the gate."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.config import FieldShares
from ukraine_stance.evaluation import behaviour
from ukraine_stance.evaluation.base_rate import FieldFigures, field_figures
from ukraine_stance.evaluation.curves import Curves, curves
from ukraine_stance.evaluation.results import (
    Evaluation,
    compare,
    gold_columns,
    measure,
    predicted_columns,
    probabilities_of,
)
from ukraine_stance.evaluation.slices import Slice, slice_columns, slices
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.labels import FIELD_SHARES, ORDER


@dataclass(frozen=True, slots=True)
class Measures:
    """What to measure beside the metrics: behavioural tests to put the models to, columns to slice by besides ours.

    field_shares are the labels' shares, in labels.ORDER, in the text that the models are for.
    """

    how: Resampling = field(default_factory=Resampling)
    suites: tuple[behaviour.Suite, ...] = ()
    by: tuple[str, ...] = ()
    field_shares: FieldShares = FIELD_SHARES


def assess(
    models: Sequence[StanceClassifier],
    names: Sequence[str],
    parts: dict[str, pd.DataFrame],
    wanted: Measures,
    warnings: Sequence[str] = (),
) -> Evaluation:
    """Score every model on every part, compare every two on the same statements, and say where each is weak.

    Raises UserMistake when a part lacks a column to slice by.
    """
    results, comparisons = [], []
    sliced: list[list[Slice]] = [[] for _ in models]
    predictions: dict[str, list[pd.DataFrame]] = {}
    confidence_curves: dict[str, tuple[Curves, ...]] = {}
    at_shares: dict[str, tuple[FieldFigures, ...]] = {}
    for part, rows in parts.items():
        scores = [model.score(list(rows["text"]), list(rows["target"])) for model in models]
        predictions[part] = scores
        results += [measure(part, rows, one, wanted.how) for one in scores]
        comparisons += compare(part, rows, list(zip(names, scores, strict=True)), wanted.how)
        confidence_curves[part] = tuple(
            _curves(model, rows, one, wanted) for model, one in zip(models, scores, strict=True)
        )
        at_shares[part] = tuple(_in_field(rows, one, wanted) for one in scores)
        columns = slice_columns(rows, wanted.by)
        for found, one in zip(sliced, scores, strict=True):
            found += slices(part, rows, gold_columns(rows), predicted_columns(one), columns, wanted.how)
    tested = [behaviour.run(wanted.suites, partial(_labels, model)) for model in models] if wanted.suites else []
    return Evaluation(
        names=tuple(names),
        model_ids=tuple(model.model_id for model in models),
        results=tuple(results),
        comparisons=tuple(comparisons),
        rows=parts,
        predictions=predictions,
        warnings=tuple(warnings),
        behaviour=tuple(map(tuple, tested)),
        slices=tuple(map(tuple, sliced)),
        choices=tuple(model.calibration.choice for model in models),
        curves=confidence_curves,
        in_field=at_shares,
    )


def _curves(model: StanceClassifier, rows: pd.DataFrame, scores: pd.DataFrame, wanted: Measures) -> Curves:
    probabilities, gold, groups = probabilities_of(scores), gold_columns(rows), list(rows["group"])
    return curves(probabilities, gold, groups, model.calibration.threshold, wanted.field_shares, wanted.how)


def _in_field(rows: pd.DataFrame, scores: pd.DataFrame, wanted: Measures) -> FieldFigures:
    gold, predicted, groups = gold_columns(rows), predicted_columns(scores), list(rows["group"])
    return field_figures(gold, predicted, groups, wanted.field_shares, wanted.how)


def _labels(model: StanceClassifier, texts: Sequence[str]) -> list[str]:
    """The model's most probable label for each text, also where it abstains."""
    return [str(ORDER[column]) for column in predicted_columns(model.score(texts))]
