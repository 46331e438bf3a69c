"""Did the model read the statement, or the names in it? The same statements again, with one thing changed.

Sources: Ribeiro et al. 2020 (CheckList); Kaushal, Saha and Ganguly 2021 on stance models that ignore the target.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ukraine_stance.corpus.names import masked, sides_swapped
from ukraine_stance.evaluation.uncertainty import (
    Estimate,
    Resampling,
    bootstrap,
    from_group_counts,
    paired_difference,
    plain_estimate,
)
from ukraine_stance.labels import ORDER, Stance
from ukraine_stance.models.protocol import FloatArray, IntArray

# Columns (n,) that a model predicts for n statements and their targets.
Predict = Callable[[Sequence[str], Sequence[str]], IntArray]

_NEUTRAL = ORDER.index(Stance.NEUTRAL)


@dataclass(frozen=True, slots=True)
class Probe:
    """A change of the input; keeps_gold tells whether the gold label is still the right answer after it."""

    name: str
    about: str
    keeps_gold: bool
    change: Callable[[str, str], tuple[str, str]]


PROBES: tuple[Probe, ...] = (
    Probe(
        "names masked",
        "every name but those of Ukraine and Russia reads NAME: what is lost, the model knew by the names",
        True,
        lambda text, target: (masked(text, but_sides=True), target),
    ),
    Probe(
        "all names masked",
        "those of Ukraine and Russia too: a careful reader would then call many a statement neutral",
        True,
        lambda text, target: (masked(text), target),
    ),
    Probe(
        "target removed",
        "the model is not told what the stance is about: without a loss it does not need the question",
        True,
        lambda text, target: (text, ""),
    ),
    Probe(
        "target swapped",
        "the model is asked about the other side: who reads the question answers otherwise",
        False,
        lambda text, target: (text, sides_swapped(target)),
    ),
    Probe(
        "sides swapped",
        "Ukraine and Russia change places in the statement: who reads it answers otherwise",
        False,
        lambda text, target: (sides_swapped(text), target),
    ),
)


@dataclass(frozen=True, slots=True)
class ShortcutResult:
    """One model under one probe; changed counts the statements whose input the probe changed.

    macro_f1 is against gold on all statements, drop what it lost (positive: worse), both nan where gold is no longer
    right. kept is the share of favor and against among the changed statements that the model answers as before.
    """

    part: str
    probe: str
    about: str
    statements: int
    changed: int
    keeps_gold: bool
    macro_f1: Estimate
    drop: Estimate
    kept: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined figures are None."""
        figures = {name: plain_estimate(getattr(self, name)) for name in ("macro_f1", "drop", "kept")}
        return {**asdict(self), **figures}


def shortcuts(part: str, rows: pd.DataFrame, gold: IntArray, predict: Predict, how: Resampling) -> list[ShortcutResult]:
    """Every probe of PROBES on the statements of one part; only what a probe changes is asked again.

    rows have text, target and group; gold is (n,) columns.
    """
    texts, targets, groups = (list(rows[name]) for name in ("text", "target", "group"))
    before = predict(texts, targets)
    found = []
    for probe in PROBES:
        inputs = [probe.change(text, target) for text, target in zip(texts, targets, strict=True)]
        there = np.array([new != old for new, old in zip(inputs, zip(texts, targets, strict=True), strict=True)])
        after = before.copy()
        if there.any():
            asked = [pair for pair, changed in zip(inputs, there, strict=True) if changed]
            after[there] = predict([text for text, _ in asked], [target for _, target in asked])
        undefined = Estimate(np.nan, np.nan, np.nan)
        score, drop = undefined, undefined
        if probe.keeps_gold:
            score = bootstrap(gold, after, groups, how)["macro_f1"]
            drop = paired_difference(gold, after, before, groups, how)["macro_f1"]
        kept = _kept(before, after, there & (before != _NEUTRAL), groups, how)
        found.append(
            ShortcutResult(
                part, probe.name, probe.about, len(texts), int(there.sum()), probe.keeps_gold, score, drop, kept
            )
        )
    return found


def _kept(before: IntArray, after: IntArray, counted: np.ndarray, groups: Sequence[str], how: Resampling) -> Estimate:
    """Share of the counted statements with the same answer before and after, resampled by groups."""
    if not counted.any():
        return Estimate(np.nan, np.nan, np.nan)
    names, index = np.unique(np.asarray(groups, dtype=str)[counted], return_inverse=True)
    counts = np.zeros((len(names), 2))
    np.add.at(counts, index, np.column_stack([before == after, np.ones(len(before))])[counted])
    return from_group_counts(counts, {"kept": _share}, how, shares={"kept"})["kept"]


def _share(counts: FloatArray) -> FloatArray:
    return np.asarray(counts[..., 0] / counts[..., 1])
