"""Everything that is measured of models on the same statements, in one place for training, evaluation and the gate."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from itertools import combinations
from os.path import commonprefix
from typing import Any

import pandas as pd

from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.config import FieldShares
from ukraine_stance.evaluation import behaviour
from ukraine_stance.evaluation.base_rate import FieldFigures, field_figures
from ukraine_stance.evaluation.curves import Curves, curves
from ukraine_stance.evaluation.errors import Disagreements, DoubtedLabels, disagree, doubted_labels
from ukraine_stance.evaluation.listing import confident_mistakes
from ukraine_stance.evaluation.results import (
    Comparison,
    Evaluation,
    Recipe,
    Repeats,
    compare,
    gold_columns,
    measure,
    predicted_columns,
    probabilities_of,
    repeat_results,
)
from ukraine_stance.evaluation.shortcuts import ShortcutResult, shortcuts
from ukraine_stance.evaluation.slices import Slice, slice_columns, slices
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.files import sha256_json
from ukraine_stance.labels import FIELD_SHARES, ORDER
from ukraine_stance.models.protocol import Explanation, IntArray

# Mistakes that a page explains word by word: as many as a person reads, at dozens of predictions each.
EXPLAINED = 50


@dataclass(frozen=True, slots=True)
class Measures:
    """What to measure beside the metrics: behavioural tests to put the models to, columns to slice by besides ours.

    shortcuts asks every statement again with names masked, and so on: each model answers up to six times.
    field_shares are the labels' shares, in labels.ORDER, in the text that the models are for. explained is how many of
    the most confident mistakes are explained word by word.
    """

    how: Resampling = field(default_factory=Resampling)
    suites: tuple[behaviour.Suite, ...] = ()
    by: tuple[str, ...] = ()
    shortcuts: bool = True
    field_shares: FieldShares = FIELD_SHARES
    explained: int = 0


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
    probed: list[list[ShortcutResult]] = [[] for _ in models]
    predictions: dict[str, list[pd.DataFrame]] = {}
    recipes = recipes_of(models, names)
    repeats: list[Repeats] = []
    repeat_comparisons: list[Comparison] = []
    disagreements: list[Disagreements] = []
    doubted: list[DoubtedLabels] = []
    doubts = find_spec("cleanlab") is not None  # an optional extra
    columns = {part: slice_columns(rows, wanted.by) for part, rows in parts.items()}  # refused before models run
    confidence_curves: dict[str, tuple[Curves, ...]] = {}
    at_shares: dict[str, tuple[FieldFigures, ...]] = {}
    for part, rows in parts.items():
        scores = [model.score(list(rows["text"]), list(rows["target"])) for model in models]
        predictions[part] = scores
        results += [measure(part, rows, one, wanted.how) for one in scores]
        comparisons += compare(part, rows, list(zip(names, scores, strict=True)), wanted.how)
        if len(recipes) < len(models):
            of_seeds, pairs = repeat_results(part, rows, recipes, scores, wanted.how)
            repeats += of_seeds
            repeat_comparisons += pairs
        confidence_curves[part] = tuple(
            _curves(model, rows, one, wanted) for model, one in zip(models, scores, strict=True)
        )
        at_shares[part] = tuple(_in_field(rows, one, wanted) for one in scores)
        for found, one in zip(sliced, scores, strict=True):
            found += slices(part, rows, gold_columns(rows), predicted_columns(one), columns[part], wanted.how)
        given = list(zip(names, scores, models, strict=True))
        disagreements += [
            disagree(part, rows, (first, one), (second, two), wanted.how)
            for (first, one, model), (second, two, other) in combinations(given, 2)
            if model.model.family != other.model.family
        ]
        if doubts:
            doubted += [doubted_labels(part, rows, (name, one)) for name, one, _ in given]
        if wanted.shortcuts and part != "validation":  # which a model was tuned on: what it lost there says little
            for under, model in zip(probed, models, strict=True):
                under += shortcuts(part, rows, gold_columns(rows), partial(_columns, model), wanted.how)
    tested = [behaviour.run(wanted.suites, partial(_labels, model)) for model in models] if wanted.suites else []
    evaluation = Evaluation(
        names=tuple(names),
        model_ids=tuple(model.model_id for model in models),
        results=tuple(results),
        comparisons=tuple(comparisons),
        rows=parts,
        predictions=predictions,
        warnings=tuple(warnings),
        behaviour=tuple(map(tuple, tested)),
        slices=tuple(map(tuple, sliced)),
        shortcuts=tuple(map(tuple, probed)) if wanted.shortcuts else (),
        repeats=tuple(repeats),
        disagreements=tuple(disagreements),
        doubted=tuple(doubted),
        repeat_comparisons=tuple(repeat_comparisons),
        choices=tuple(model.calibration.choice for model in models),
        curves=confidence_curves,
        in_field=at_shares,
    )
    return replace(evaluation, explanations=_explanations(models, evaluation, wanted.explained))


def _explanations(
    models: Sequence[StanceClassifier], found: Evaluation, count: int
) -> dict[str, dict[int, tuple[Explanation, ...]]]:
    """Why every model says what it says of the most confident mistakes of any."""
    explained: dict[str, dict[int, tuple[Explanation, ...]]] = {}
    for part, numbers in confident_mistakes(found, count).items():
        if not numbers:
            continue
        rows = found.rows[part].iloc[numbers]
        of_models = [model.explain(list(rows["text"]), list(rows["target"])) for model in models]
        explained[part] = dict(zip(numbers, zip(*of_models, strict=True), strict=True))
    return explained


def recipes_of(models: Sequence[StanceClassifier], names: Sequence[str]) -> list[Recipe]:
    """Models grouped by what they are but for the seed: settings, data learned from, target; in order of first mention.

    A recipe of several seeds is named by what the names of its models begin with.
    """
    members: dict[str, list[int]] = {}
    for number, model in enumerate(models):
        learned = {name: value for name, value in model.trained_on.items() if name != "seed"}
        identity = [model.model.family, _without_seeds(model.model.settings()), learned, model.target]
        members.setdefault(sha256_json(identity), []).append(number)
    found: list[Recipe] = []
    for numbers in members.values():
        name = names[numbers[0]]
        if len(numbers) > 1:
            begins = commonprefix([names[number] for number in numbers])  # noqa: RUF071 - characters are meant
            common = begins.rstrip("-_. 0123456789/:")
            name = f"{common or models[numbers[0]].model.family} ({len(numbers)} seeds)"
        taken = {one.name for one in found}
        found.append(Recipe(f"{name} {len(found) + 1}" if name in taken else name, tuple(numbers)))
    return found


def _without_seeds(settings: Any) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(settings, dict):
        return settings
    return {name: _without_seeds(value) for name, value in settings.items() if name != "seed"}


def _curves(model: StanceClassifier, rows: pd.DataFrame, scores: pd.DataFrame, wanted: Measures) -> Curves:
    probabilities, gold, groups = probabilities_of(scores), gold_columns(rows), list(rows["group"])
    return curves(probabilities, gold, groups, model.calibration.threshold, wanted.field_shares, wanted.how)


def _in_field(rows: pd.DataFrame, scores: pd.DataFrame, wanted: Measures) -> FieldFigures:
    gold, predicted, groups = gold_columns(rows), predicted_columns(scores), list(rows["group"])
    return field_figures(gold, predicted, groups, wanted.field_shares, wanted.how)


def _labels(model: StanceClassifier, texts: Sequence[str]) -> list[str]:
    """The model's most probable label for each text, also where it abstains."""
    return [str(ORDER[column]) for column in _columns(model, texts)]


def _columns(model: StanceClassifier, texts: Sequence[str], targets: Sequence[str] | None = None) -> IntArray:
    return predicted_columns(model.score(texts, targets))
