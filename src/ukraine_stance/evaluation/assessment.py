"""Everything that is measured of models on the same statements, in one place for training, evaluation and the gate."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import pandas as pd

from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.evaluation import behaviour
from ukraine_stance.evaluation.results import Evaluation, compare, gold_columns, measure, predicted_columns
from ukraine_stance.evaluation.slices import Slice, slice_columns, slices
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.labels import ORDER


@dataclass(frozen=True, slots=True)
class Measures:
    """What to measure beside the metrics: behavioural tests to put the models to, columns to slice by besides ours."""

    how: Resampling = field(default_factory=Resampling)
    suites: tuple[behaviour.Suite, ...] = ()
    by: tuple[str, ...] = ()


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
    columns = {part: slice_columns(rows, wanted.by) for part, rows in parts.items()}  # refused before models run
    for part, rows in parts.items():
        scores = [model.score(list(rows["text"]), list(rows["target"])) for model in models]
        predictions[part] = scores
        results += [measure(part, rows, one, wanted.how) for one in scores]
        comparisons += compare(part, rows, list(zip(names, scores, strict=True)), wanted.how)
        for found, one in zip(sliced, scores, strict=True):
            found += slices(part, rows, gold_columns(rows), predicted_columns(one), columns[part], wanted.how)
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
    )


def _labels(model: StanceClassifier, texts: Sequence[str]) -> list[str]:
    """The model's most probable label for each text, also where it abstains."""
    return [str(ORDER[column]) for column in predicted_columns(model.score(texts))]
