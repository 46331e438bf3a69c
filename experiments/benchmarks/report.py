"""Tables of a benchmark: published figures, ours with intervals, and what separates our families."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ukraine_stance.evaluation.metrics import METRICS, confusion
from ukraine_stance.evaluation.uncertainty import Estimate, Resampling, repeated, repeated_difference
from ukraine_stance.labels import column_of
from ukraine_stance.models.protocol import FloatArray, IntArray

if TYPE_CHECKING:
    from experiments.benchmarks.running import Benchmark

_HOW = Resampling(samples=2000, seed=0)
_WORDS = {"favor_against_f1": "mean of F1 favor and F1 against", "macro_f1": "macro-F1", "accuracy": "accuracy"}


@dataclass(frozen=True, slots=True)
class Scored:
    """One training's answers to validation and test: id, group, target, label, part, and probabilities (n, 3)."""

    answers: pd.DataFrame
    probabilities: FloatArray
    seconds: float

    def columns(self, part: str) -> IntArray:
        """Predicted columns (n,) of one part."""
        return self.probabilities[self.there(part)].argmax(axis=1).astype(np.int64)

    def there(self, part: str) -> np.ndarray:
        """Which rows are of the part."""
        return (self.answers["part"] == part).to_numpy()

    def gold(self, part: str) -> IntArray:
        """Gold columns (n,) of one part."""
        return np.array([column_of(label) for label in self.answers["label"][self.there(part)]], dtype=np.int64)


def report(benchmark: Benchmark, families: dict[str, list[Scored]]) -> str:
    """Markdown: published rows beside ours on the test, differences, and each target alone."""
    families = {family: trainings for family, trainings in families.items() if trainings}
    if not families:
        return "nothing trained yet"
    one = next(iter(families.values()))[0]
    gold, groups = one.gold("test"), list(one.answers["group"][one.there("test")])
    lines = [
        f"{benchmark.name}: {_WORDS[benchmark.metric]}, test of {len(gold)} statements in {len(set(groups))} groups",
        "",
        "| model | seeds | test | lowest to highest seed | validation | bar | macro-F1 | accuracy | s a training |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *(f"| {name} ({source}) | | {value:.3f} | | | | | | |" for name, value, source in benchmark.published),
    ]
    predicted = {family: [each.columns("test") for each in trainings] for family, trainings in families.items()}
    for family, trainings in families.items():
        found = repeated(gold, predicted[family], groups, _HOW)
        each = [_figure(benchmark.metric, gold, columns) for columns in predicted[family]]
        before = [_figure(benchmark.metric, one.gold("validation"), one.columns("validation")) for one in trainings]
        bar = benchmark.bars.get(family.partition(" ")[0])
        cells = [
            f"**{family}**", str(len(trainings)), _said(found[benchmark.metric]), f"{min(each):.3f} to {max(each):.3f}",
            f"{np.mean(before):.3f}", "" if bar is None else f"{bar:.2f} {'met' if np.mean(each) >= bar else 'missed'}",
            f"{found['macro_f1'].value:.3f}", f"{found['accuracy'].value:.3f}",
            f"{np.median([one.seconds for one in trainings]):.0f}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *_differences(benchmark.metric, gold, predicted, groups), "", *_by_target(benchmark, families)]
    return "\n".join(lines)


def _figure(metric: str, gold: IntArray, predicted: IntArray) -> float:
    return float(METRICS[metric](confusion(gold, predicted)))


def _said(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _differences(metric: str, gold: IntArray, predicted: dict[str, list[IntArray]], groups: list[str]) -> list[str]:
    lines = []
    for first, second in combinations(predicted, 2):
        found = repeated_difference(gold, predicted[first], predicted[second], groups, _HOW)[metric]
        lines.append(f"- {second} minus {first}: {_said(found)}")
    return lines


def _by_target(benchmark: Benchmark, families: dict[str, list[Scored]]) -> list[str]:
    """Each target's own figure, and their mean: with several targets another figure than the pooled one."""
    one = next(iter(families.values()))[0]
    targets = one.answers["target"][one.there("test")].to_numpy()
    names = sorted(set(targets))
    if len(names) < 2:
        return []
    gold = one.gold("test")
    lines = [
        "| each target alone | " + " | ".join([*names, "mean of targets"]) + " |",
        "| --- |" + " --- |" * (len(names) + 1),
    ]
    for family, trainings in families.items():
        figures = [
            np.mean(
                [
                    _figure(benchmark.metric, gold[targets == name], each.columns("test")[targets == name])
                    for each in trainings
                ]
            )
            for name in names
        ]
        lines.append(f"| {family} | " + " | ".join(f"{value:.3f}" for value in [*figures, np.mean(figures)]) + " |")
    return lines
