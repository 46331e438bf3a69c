"""What an evaluation found, as plain data: the same for stdout, JSON, the page and MLflow."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from ukraine_stance.calibration import ThresholdChoice
from ukraine_stance.classifier import PROBABILITY_COLUMNS
from ukraine_stance.evaluation.agreement import ceiling, of_ceiling
from ukraine_stance.evaluation.base_rate import FieldFigures
from ukraine_stance.evaluation.behaviour import SuiteResult
from ukraine_stance.evaluation.curves import Curves
from ukraine_stance.evaluation.metrics import confusion, macro_f1
from ukraine_stance.evaluation.reliability import reliability
from ukraine_stance.evaluation.shortcuts import ShortcutResult
from ukraine_stance.evaluation.slices import Slice
from ukraine_stance.evaluation.uncertainty import (
    ENOUGH_GROUPS,
    Estimate,
    Resampling,
    bootstrap,
    paired_difference,
    plain_estimate,
    repeated,
    repeated_difference,
)
from ukraine_stance.labels import ORDER, column_of
from ukraine_stance.models.protocol import Explanation, FloatArray, IntArray

if TYPE_CHECKING:
    from ukraine_stance.evaluation.errors import Disagreements, DoubtedLabels

# Differences below a tenth of a point are nobody's concern: no number of statements is worth finding them.
_LEAST_DIFFERENCE = 0.001

# Standard errors beyond the interval's end at which four samples in five find the difference.
_POWER = 0.8416


@dataclass(frozen=True, slots=True)
class PartResult:
    """One model on one set of statements; confusion has gold in rows, predicted in columns, both in labels.ORDER.

    ceiling is one coder's macro-F1 against the others on the same statements, of_ceiling the model's divided by it;
    None where the data holds no votes.
    """

    part: str
    model_id: str
    statements: int
    groups: int
    gold_counts: dict[str, int]
    estimates: dict[str, Estimate]
    confusion: tuple[tuple[int, ...], ...]
    level: float
    notes: tuple[str, ...]
    ceiling: Estimate | None = None
    of_ceiling: Estimate | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined figures are None."""
        beside = {"ceiling": self.ceiling, "of_ceiling": self.of_ceiling}
        beside_plain = {name: plain_estimate(found) if found else None for name, found in beside.items()}
        estimates = {name: plain_estimate(found) for name, found in self.estimates.items()}
        return {**asdict(self), **beside_plain, "estimates": estimates}


@dataclass(frozen=True, slots=True)
class Comparison:
    """`second` minus `first` on the same statements; `verdict` says in words what the interval allows to say."""

    part: str
    first: str
    second: str
    statements: int
    groups: int
    differences: dict[str, Estimate]
    level: float
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined figures are None."""
        return {**asdict(self), "differences": {n: plain_estimate(found) for n, found in self.differences.items()}}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Models that one config makes with several seeds: members are their numbers, in the order of the names."""

    name: str
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Repeats:
    """One recipe on one part: macro_f1 of each seed and their standard deviation, and every metric's mean.

    The interval of a mean holds both other statements and other seeds; spread is nan with one seed.
    """

    part: str
    name: str
    seeds: int
    macro_f1: tuple[float, ...]
    spread: float
    means: dict[str, Estimate]
    level: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined figures are None."""
        plain = {
            "macro_f1": [None if np.isnan(one) else one for one in self.macro_f1],
            "spread": None if np.isnan(self.spread) else self.spread,
            "means": {name: plain_estimate(found) for name, found in self.means.items()},
        }
        return {**asdict(self), **plain}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Models on the same statements: results by part and model, and the paired differences of every two models.

    rows maps each part to its statements, predictions each part to the models' columns, in the order of `names`;
    behaviour holds each model's results on every suite of cases, slices each model's on parts of the data, shortcuts
    each model's under every probe, in that order too, or nothing where none was asked for. repeats and their
    comparisons are empty unless a config was trained with several seeds. curves and in_field hold by part each model's
    curves and its figures at the field's shares of labels, choices how each model's threshold was chosen, None where
    none was wanted. explanations maps each part to some of its row numbers, and these to why each model says what it
    says. disagreements are those of models of different families, doubted the gold labels that each model doubts, where
    cleanlab is installed.
    """

    names: tuple[str, ...]
    model_ids: tuple[str, ...]
    results: tuple[PartResult, ...]
    comparisons: tuple[Comparison, ...]
    rows: dict[str, pd.DataFrame]
    predictions: dict[str, list[pd.DataFrame]]
    warnings: tuple[str, ...]
    behaviour: tuple[tuple[SuiteResult, ...], ...] = ()
    slices: tuple[tuple[Slice, ...], ...] = ()
    shortcuts: tuple[tuple[ShortcutResult, ...], ...] = ()
    repeats: tuple[Repeats, ...] = ()
    repeat_comparisons: tuple[Comparison, ...] = ()
    choices: tuple[ThresholdChoice | None, ...] = ()
    curves: dict[str, tuple[Curves, ...]] = field(default_factory=dict)
    in_field: dict[str, tuple[FieldFigures, ...]] = field(default_factory=dict)
    explanations: dict[str, dict[int, tuple[Explanation, ...]]] = field(default_factory=dict)
    disagreements: "tuple[Disagreements, ...]" = ()
    doubted: "tuple[DoubtedLabels, ...]" = ()

    @property
    def better(self) -> str:
        """Model with the highest macro-F1 on the first part; whether by more than chance, its comparison says.

        The first of the models where macro-F1 is undefined there.
        """
        first = [result for result in self.results if result.part == self.results[0].part]
        scores = np.nan_to_num([result.estimates["macro_f1"].value for result in first], nan=-1.0).tolist()
        return self.names[max(range(len(scores)), key=scores.__getitem__)]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "models": list(self.names),
            "better": self.better,
            "results": [result.as_dict() for result in self.results],
            "comparisons": [found.as_dict() for found in self.comparisons],
            "disagreements": [found.as_dict() for found in self.disagreements],
            "doubted_labels": [found.as_dict() for found in self.doubted],
            "explanations": {
                name: [
                    {"part": part, "id": str(self.rows[part]["id"].iloc[row]), **of_models[number].as_dict()}
                    for part, of_part in self.explanations.items()
                    for row, of_models in of_part.items()
                ]
                for number, name in enumerate(self.names)
            },
            "repeats": [found.as_dict() for found in self.repeats],
            "repeat_comparisons": [found.as_dict() for found in self.repeat_comparisons],
            "warnings": list(self.warnings),
            "behaviour": {
                name: [suite.as_dict() for suite in suites]
                for name, suites in zip(self.names, self.behaviour, strict=False)
            },
            "slices": {
                name: [one.as_dict() for one in found] for name, found in zip(self.names, self.slices, strict=False)
            },
            "shortcuts": {
                name: [one.as_dict() for one in found] for name, found in zip(self.names, self.shortcuts, strict=False)
            },
            "thresholds": {
                name: asdict(choice) if choice else None for name, choice in zip(self.names, self.choices, strict=False)
            },
            "curves": {
                part: {name: one.as_dict() for name, one in zip(self.names, drawn, strict=True)}
                for part, drawn in self.curves.items()
            },
            "field": {
                part: {name: one.as_dict() for name, one in zip(self.names, figures, strict=True)}
                for part, figures in self.in_field.items()
            },
        }


def measure(part: str, rows: pd.DataFrame, predictions: pd.DataFrame, how: Resampling) -> PartResult:
    """Metrics with intervals; rows have `label` and `group`, predictions are the classifier's columns, row by row.

    The label counted is the most probable one, also where the model abstains. Raises ValueError when there are no rows.
    """
    if rows.empty:
        raise ValueError(f"{part} holds no statements")
    gold, predicted = gold_columns(rows), predicted_columns(predictions)
    counts = confusion(gold, predicted).astype(int)
    groups = int(rows["group"].nunique())
    return PartResult(
        part=part,
        model_id=str(predictions["model_id"].iloc[0]),
        statements=len(rows),
        groups=groups,
        gold_counts={str(label): int((gold == column).sum()) for column, label in enumerate(ORDER)},
        estimates=bootstrap(gold, predicted, list(rows["group"]), how)
        | reliability(probabilities_of(predictions), gold, list(rows["group"]), how),
        confusion=tuple(tuple(int(cell) for cell in row) for row in counts),
        level=how.level,
        notes=_notes(part, gold, groups),
        ceiling=ceiling(rows, how),
        of_ceiling=of_ceiling(rows, gold, predicted, how),
    )


def compare(
    part: str, rows: pd.DataFrame, predictions: Sequence[tuple[str, pd.DataFrame]], how: Resampling
) -> list[Comparison]:
    """Paired differences of every two of the named predictions, in the order given."""
    gold, groups = gold_columns(rows), list(rows["group"])
    found = []
    for (first, one), (second, two) in combinations(predictions, 2):
        differences = paired_difference(gold, predicted_columns(one), predicted_columns(two), groups, how)
        count = int(rows["group"].nunique())
        empty = Comparison(part, first, second, len(rows), count, differences, how.level, "")
        found.append(replace(empty, verdict=_verdict(empty)))
    return found


def repeat_results(
    part: str, rows: pd.DataFrame, recipes: Sequence[Recipe], predictions: Sequence[pd.DataFrame], how: Resampling
) -> tuple[list[Repeats], list[Comparison]]:
    """What each recipe scores on average over seeds, and the difference of every two recipes."""
    gold, groups = gold_columns(rows), list(rows["group"])
    answers = [[predicted_columns(predictions[number]) for number in recipe.members] for recipe in recipes]
    count = len(set(groups))
    found = []
    for recipe, given in zip(recipes, answers, strict=True):
        each = tuple(float(macro_f1(confusion(gold, one))) for one in given)
        spread = float(np.std(each, ddof=1)) if len(each) > 1 else np.nan
        means = repeated(gold, given, groups, how)
        found.append(Repeats(part, recipe.name, len(given), each, spread, means, how.level))
    pairs = []
    for (one, of_one), (two, of_two) in combinations(zip(recipes, answers, strict=True), 2):
        differences = repeated_difference(gold, of_one, of_two, groups, how)
        empty = Comparison(part, one.name, two.name, len(rows), count, differences, how.level, "")
        pairs.append(replace(empty, verdict=_verdict(empty, needed=False)))  # more statements leave the seeds
    return found, pairs


def results_of(metrics: dict[str, Any]) -> list[PartResult]:
    """The results that a run's metrics.json holds."""
    return [_result_of(part) for part in metrics["parts"]]


def gold_columns(rows: pd.DataFrame) -> IntArray:
    """Gold as column indices (n,)."""
    return np.array([column_of(label) for label in rows["label"]], dtype=np.int64)


def predicted_columns(predictions: pd.DataFrame) -> IntArray:
    """Most probable column (n,) of each row."""
    return np.asarray(probabilities_of(predictions).argmax(axis=1), dtype=np.int64)


def probabilities_of(predictions: pd.DataFrame) -> FloatArray:
    """The three probabilities (n, 3) of each row, in labels.ORDER."""
    return np.asarray(predictions[list(PROBABILITY_COLUMNS)].to_numpy(), dtype=np.float64)


def _result_of(part: dict[str, Any]) -> PartResult:
    estimates = {name: _estimate_of(found) for name, found in part["estimates"].items()}
    rows = tuple(tuple(row) for row in part["confusion"])
    found = {"estimates": estimates, "confusion": rows, "notes": tuple(part["notes"])}
    told = {name: _estimate_of(part[name]) for name in ("ceiling", "of_ceiling") if part.get(name)}
    return PartResult(**{**part, **found, **told})


def _estimate_of(plain: dict[str, float | None]) -> Estimate:
    return Estimate(**{end: np.nan if value is None else value for end, value in plain.items()})


def _notes(part: str, gold: IntArray, groups: int) -> tuple[str, ...]:
    notes = []
    if part == "validation":
        tuned = "best epoch, temperature, threshold"
        notes.append(f"the model was tuned on it ({tuned}): only the other parts say how good it is")
    if groups < ENOUGH_GROUPS:
        notes.append(f"only {groups} groups (articles, pages): the intervals are wide, and how wide is uncertain")
    absent = [str(label) for column, label in enumerate(ORDER) if not (gold == column).any()]
    if absent:
        notes.append(f"no gold {' and no gold '.join(absent)}: metrics that need it are undefined here")
    return tuple(notes)


def _verdict(found: Comparison, needed: bool = True) -> str:
    difference = found.differences["macro_f1"]
    points = f"{100 * abs(difference.value):.1f} points of macro-F1"
    if np.isnan(difference.low):
        return f"{found.first} and {found.second}: the difference has no interval on these statements"
    low, high = 100 * difference.low, 100 * difference.high
    caution = " (few groups: a small-sample interval)" if found.groups < ENOUGH_GROUPS else ""
    if low > 0:
        return f"{found.second} is better than {found.first} by {points} [{low:.1f}, {high:.1f}]{caution}"
    if high < 0:
        return f"{found.first} is better than {found.second} by {points} [{-high:.1f}, {-low:.1f}]{caution}"
    remark = _needed(found) if needed else ""
    return (
        f"{found.first} and {found.second} cannot be told apart on {found.statements} statements: "
        f"difference {100 * difference.value:+.1f} points of macro-F1 [{low:.1f}, {high:.1f}]{caution}{remark}"
    )


def _needed(found: Comparison) -> str:
    """How many statements like these would tell a difference of this size from none, four times in five."""
    difference = found.differences["macro_f1"]
    half = (difference.high - difference.low) / 2
    tail = float(norm.ppf(0.5 + found.level / 2))
    # With few groups the interval holds their fewness too, of which more statements would cure the most.
    if found.groups < ENOUGH_GROUPS or half == 0 or abs(difference.value) < _LEAST_DIFFERENCE:
        return ""
    needed = found.statements * (half / difference.value * (tail + _POWER) / tail) ** 2
    rounded = round(needed, 2 - math.ceil(math.log10(needed)))
    return f"; about {max(int(rounded), found.statements):,} would be needed for a difference of this size"
