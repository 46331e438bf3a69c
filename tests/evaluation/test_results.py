"""Results as plain data, and what their words allow to say."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ukraine_stance.classifier import PROBABILITY_COLUMNS
from ukraine_stance.evaluation.results import (
    Evaluation,
    PartResult,
    compare,
    gold_columns,
    measure,
    plain_estimate,
    predicted_columns,
    results_of,
)
from ukraine_stance.evaluation.uncertainty import Estimate, Resampling
from ukraine_stance.labels import ORDER

HOW = Resampling(samples=300, seed=1)


def _rows(gold: np.ndarray, groups: int = 50) -> pd.DataFrame:
    return pd.DataFrame(
        {"label": [str(ORDER[n]) for n in gold], "group": [f"g{row % groups}" for row in range(len(gold))]}
    )


def _scores(predicted: np.ndarray, model_id: str = "m") -> pd.DataFrame:
    probabilities = np.full((len(predicted), 3), 0.2)
    probabilities[np.arange(len(predicted)), predicted] = 0.6
    return pd.DataFrame(probabilities, columns=list(PROBABILITY_COLUMNS)).assign(model_id=model_id, stance="")


def _gold(count: int = 150) -> np.ndarray:
    return np.arange(count) % 3


def _mostly(gold: np.ndarray, every: int) -> np.ndarray:
    """Right but for each `every`-th statement."""
    wrong = np.arange(len(gold)) % every == 0
    return np.where(wrong, (gold + 1) % 3, gold)


def _result(macro_f1: float, part: str = "test") -> PartResult:
    estimates = {"macro_f1": Estimate(macro_f1, np.nan, np.nan)}
    return PartResult(part, "m", 1, 1, {}, estimates, (), 0.95, ())


def _evaluation(*results: PartResult) -> Evaluation:
    return Evaluation(("a", "b", "c"), ("1", "2", "3"), results, (), {}, {}, ())


def _strict_json(value: Any) -> Any:
    return json.loads(json.dumps(value, allow_nan=False))


def test_a_result_counts_statements_groups_gold_and_mistakes() -> None:
    gold = np.array([0, 0, 1, 2, 2, 2])
    found = measure("test", _rows(gold, groups=4), _scores(np.array([0, 1, 1, 2, 2, 0]), "x-1"), HOW)
    assert (found.part, found.model_id, found.statements, found.groups) == ("test", "x-1", 6, 4)
    assert found.gold_counts == {"favor": 2, "against": 1, "neutral": 3}
    assert found.confusion == ((1, 1, 0), (0, 1, 0), (1, 0, 2))
    assert found.estimates["accuracy"].value == pytest.approx(4 / 6)


def test_the_most_probable_label_counts_also_where_the_model_abstains() -> None:
    scores = _scores(np.array([2, 0]))
    assert list(scores["stance"]) == ["", ""]
    assert predicted_columns(scores).tolist() == [2, 0]


def test_gold_that_is_no_stance_is_an_error() -> None:
    with pytest.raises(ValueError, match="favour"):
        gold_columns(pd.DataFrame({"label": ["favour"]}))


def test_measuring_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="validation holds no statements"):
        measure("validation", _rows(np.zeros(0, dtype=int)), _scores(np.zeros(0, dtype=int)), HOW)


def test_few_groups_are_noted() -> None:
    gold = _gold()
    few, enough = (measure("t", _rows(gold, groups), _scores(gold), HOW).notes for groups in (39, 40))
    assert len(few) == 1
    assert few[0].startswith("only 39 groups")
    assert enough == ()


def test_a_stance_without_gold_is_noted() -> None:
    gold = np.array([0] * 60)
    (note,) = measure("t", _rows(gold, 60), _scores(gold), HOW).notes
    assert note.startswith("no gold against and no gold neutral: metrics that need it are undefined")


def test_a_result_survives_json_with_undefined_figures() -> None:
    gold = np.array([0, 1] * 30)
    found = measure("t", _rows(gold), _scores(gold), HOW)
    plain = _strict_json({"parts": [found.as_dict()]})
    assert plain["parts"][0]["estimates"]["macro_f1"] == {"value": None, "low": None, "high": None}
    (again,) = results_of(plain)
    assert again.as_dict() == found.as_dict()
    assert np.isnan(again.estimates["macro_f1"].value)
    assert type(again.confusion[0]) is tuple


def test_an_undefined_end_is_none() -> None:
    assert plain_estimate(Estimate(0.5, np.nan, 0.7)) == {"value": 0.5, "low": None, "high": 0.7}


def test_every_two_models_are_compared_in_the_order_given() -> None:
    gold = _gold()
    named = [(name, _scores(gold)) for name in "abc"]
    found = compare("test", _rows(gold), named, HOW)
    assert [(one.first, one.second) for one in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    _strict_json([one.as_dict() for one in found])


@pytest.mark.parametrize("swapped", [False, True])
def test_a_verdict_names_the_better_model_with_a_positive_interval(swapped: bool) -> None:
    gold = _gold()
    named = [("weak", _scores(_mostly(gold, 3))), ("strong", _scores(_mostly(gold, 20)))]
    (found,) = compare("test", _rows(gold), named[::-1] if swapped else named, HOW)
    assert found.verdict.startswith("strong is better than weak by ")
    low, high = map(float, found.verdict.split("[")[1].rstrip("]").split(", "))
    assert 0 < low < 100 * abs(found.differences["macro_f1"].value) < high


def test_models_that_may_be_equal_are_not_ranked() -> None:
    gold = _gold()
    (same,) = compare("test", _rows(gold), [("a", _scores(gold)), ("b", _scores(gold))], HOW)
    assert same.verdict == (
        "a and b cannot be told apart on 150 statements: difference +0.0 points of macro-F1 [0.0, 0.0]"
    )
    near = [("a", _scores(_mostly(gold, 10))), ("b", _scores(_mostly(gold, 11)))]
    assert "cannot be told apart" in compare("test", _rows(gold), near, HOW)[0].verdict


def test_what_cannot_be_told_apart_says_how_many_statements_would_tell_it() -> None:
    gold = _gold()
    near = [("a", _scores(_mostly(gold, 10))), ("b", _scores(_mostly(gold, 11)))]
    (found,) = compare("test", _rows(gold), near, HOW)
    needed = int(found.verdict.split("about ")[1].split(" would be needed")[0].replace(",", ""))
    difference = found.differences["macro_f1"]
    # Standard errors shrink with the root of the number; 1.96 + 0.84 of them make a power of 80 %.
    error_now = (difference.high - difference.low) / 2 / 1.96
    error_then = error_now * (150 / needed) ** 0.5
    assert needed > 150 and abs(difference.value) / error_then == pytest.approx(1.96 + 0.84, rel=0.05)


def test_few_groups_are_said_in_the_verdict() -> None:
    gold = _gold()
    named = [("weak", _scores(_mostly(gold, 3))), ("strong", _scores(gold))]
    verdicts = [compare("t", _rows(gold, groups), named, HOW)[0].verdict for groups in (39, 40)]
    assert ["few groups" in verdict for verdict in verdicts] == [True, False]


def test_a_difference_without_interval_has_no_winner() -> None:
    gold = _gold()
    named = [("a", _scores(gold)), ("b", _scores(_mostly(gold, 3)))]
    (found,) = compare("t", _rows(gold, groups=1), named, HOW)
    assert found.verdict == "a and b: the difference has no interval on these statements"


@pytest.mark.parametrize(
    ("scores", "better"),
    [((0.5, 0.7, 0.6), "b"), ((np.nan, 0.7, 0.6), "b"), ((0.1, np.nan, 0.0), "a"), ((np.nan,) * 3, "a")],
    ids=str,
)
def test_an_undefined_figure_never_wins_over_a_defined_one(scores: tuple[float, ...], better: str) -> None:
    assert _evaluation(*map(_result, scores)).better == better


def test_the_better_model_is_that_of_the_first_part() -> None:
    first, second = [_result(score) for score in (0.5, 0.6, 0.7)], [_result(s, "articles") for s in (0.9, 0.1, 0.1)]
    assert _evaluation(*first, *second).better == "c"
    assert _strict_json(_evaluation(*first).as_dict())["better"] == "c"
