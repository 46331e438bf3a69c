"""Errors worth reading: where two models disagree, and gold labels that a model doubts."""

import warnings
from collections import Counter
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np
import pandas as pd

from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation.agreement import cohen_kappa
from ukraine_stance.evaluation.metrics import Metric, accuracy
from ukraine_stance.evaluation.reliability import check_probabilities
from ukraine_stance.evaluation.results import gold_columns, predicted_columns, probabilities_of
from ukraine_stance.evaluation.uncertainty import SIGNED, Estimate, Resampling, bootstrap, plain_estimate
from ukraine_stance.labels import ORDER
from ukraine_stance.models.protocol import IntArray

_ALIKE: dict[str, Metric] = {"agreement": accuracy, "kappa": cohen_kappa}

Right = Literal["first", "second", "neither"]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A statement that two models label differently; row is its place among the rows given, from 0."""

    row: int
    id: str
    gold: str
    first: str
    second: str
    first_confidence: float
    second_confidence: float
    right: Right


@dataclass(frozen=True, slots=True)
class Disagreements:
    """Two models on the same statements: how often each alone is right, and each statement that they label differently.

    The five counts add up to statements; same_mistake counts wrong labels that both give. estimates hold `agreement`,
    the share labelled alike, and `kappa`, agreement beyond what their label counts alone would give (Cohen 1960).
    listed stands in falling order of the less confident of the two: where both are sure, one is badly wrong.
    """

    part: str
    first: str
    second: str
    statements: int
    groups: int
    both_right: int
    only_first_right: int
    only_second_right: int
    same_mistake: int
    different_mistakes: int
    estimates: dict[str, Estimate]
    level: float
    listed: tuple[Disagreement, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined figures are None."""
        return {**asdict(self), "estimates": {name: plain_estimate(one) for name, one in self.estimates.items()}}


@dataclass(frozen=True, slots=True)
class DoubtedLabel:
    """A gold label that a model finds unlikely: quality is the probability that it gives it, suggested its own label.

    row is the statement's place among the rows given, from 0.
    """

    row: int
    id: str
    gold: str
    suggested: str
    quality: float


@dataclass(frozen=True, slots=True)
class DoubtedLabels:
    """Gold labels of one set of statements that may be wrong by one model's held-out probabilities, worst first.

    A list to read, not a count of errors: the model's own confident mistakes stand in it too, and where it is wrong on
    four statements in ten they are most of it.
    """

    part: str
    model: str
    statements: int
    listed: tuple[DoubtedLabel, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def disagree(
    part: str, rows: pd.DataFrame, first: tuple[str, pd.DataFrame], second: tuple[str, pd.DataFrame], how: Resampling
) -> Disagreements:
    """Compare two named predictions, row by row; rows have `id`, `label` and `group`.

    The labels counted are the most probable ones, also where a model abstains. Raises ValueError when there are no
    rows.
    """
    gold, one, two = gold_columns(rows), predicted_columns(first[1]), predicted_columns(second[1])
    sure_one, sure_two = (probabilities_of(of_model).max(axis=1) for _, of_model in (first, second))
    kinds = Counter(zip((one == gold).tolist(), (two == gold).tolist(), (one == two).tolist(), strict=True))
    differing = np.flatnonzero(one != two)
    surest_first = differing[np.argsort(-np.minimum(sure_one, sure_two)[differing], kind="stable")]
    return Disagreements(
        part=part,
        first=first[0],
        second=second[0],
        statements=len(rows),
        groups=int(rows["group"].nunique()),
        both_right=kinds[True, True, True],
        only_first_right=kinds[True, False, False],
        only_second_right=kinds[False, True, False],
        same_mistake=kinds[False, False, True],
        different_mistakes=kinds[False, False, False],
        estimates=bootstrap(one, two, list(rows["group"]), how, _ALIKE, {"kappa": SIGNED}, {"agreement"}),
        level=how.level,
        listed=tuple(
            Disagreement(
                row=row,
                id=str(rows["id"].iloc[row]),
                gold=str(ORDER[gold[row]]),
                first=str(ORDER[one[row]]),
                second=str(ORDER[two[row]]),
                first_confidence=float(sure_one[row]),
                second_confidence=float(sure_two[row]),
                right="first" if one[row] == gold[row] else "second" if two[row] == gold[row] else "neither",
            )
            for row in surest_first.tolist()
        ),
    )


def doubted_labels(part: str, rows: pd.DataFrame, model: tuple[str, pd.DataFrame]) -> DoubtedLabels:
    """Labels that confident learning takes for errors, given a model's probabilities on statements that it held out.

    rows have `id` and `label`; model is its name and its predictions, row by row. Where gold is all one label, nothing
    can be learned of its errors and none is listed. Source: Northcutt, Jiang and Chuang 2021, arXiv:1911.00068, as
    cleanlab's `find_label_issues` does it. Raises UserMistake where cleanlab is not installed, ValueError when there
    are no rows or probabilities are none.
    """
    try:
        cleaning = import_module("cleanlab.filter")
    except ImportError as fault:
        raise UserMistake(
            "likely label errors need the package cleanlab, which is not installed; pip install cleanlab"
        ) from fault
    if rows.empty:
        raise ValueError(f"{part} holds no statements")
    gold, probabilities = gold_columns(rows), probabilities_of(model[1])
    check_probabilities(probabilities)
    suggested = probabilities.argmax(axis=1)
    found: IntArray = np.zeros(0, dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of an absent class, which a part's notes tell already
        if len(np.unique(gold)) > 1:
            # One process: a pool costs more than it saves below a million statements.
            found = cleaning.find_label_issues(
                gold, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1
            )
    listed = (
        DoubtedLabel(
            row=row,
            id=str(rows["id"].iloc[row]),
            gold=str(ORDER[gold[row]]),
            suggested=str(ORDER[suggested[row]]),
            quality=float(probabilities[row, gold[row]]),
        )
        for row in found.tolist()
    )
    return DoubtedLabels(part, model[0], len(rows), tuple(listed))
