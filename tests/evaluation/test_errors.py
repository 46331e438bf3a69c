"""Statements on which models disagree, and gold labels that a model doubts."""

import json
import os
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from ukraine_stance.classifier import PROBABILITY_COLUMNS
from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation.errors import Disagreements, disagree, doubted_labels
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.labels import ORDER

HOW = Resampling(samples=200, seed=1)

needs_cleanlab = pytest.mark.skipif(
    find_spec("cleanlab") is None and "STANCE_REQUIRE_ALL" not in os.environ, reason="cleanlab is not installed"
)


def _rows(gold: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"s{row}" for row in range(len(gold))],
            "label": [str(ORDER[column]) for column in gold],
            "group": [f"g{row}" for row in range(len(gold))],
        }
    )


def _scores(columns: list[int], confidence: list[float] | None = None) -> pd.DataFrame:
    sure = np.array(confidence or [0.6] * len(columns))
    probabilities = np.repeat((1 - sure)[:, None] / 2, 3, axis=1)
    probabilities[np.arange(len(columns)), columns] = sure
    return pd.DataFrame(probabilities, columns=list(PROBABILITY_COLUMNS)).assign(model_id="m", stance="")


def _disagree(gold: list[int], first: pd.DataFrame, second: pd.DataFrame) -> Disagreements:
    return disagree("test", _rows(gold), ("one", first), ("two", second), HOW)


def test_every_statement_is_counted_once_by_who_is_right() -> None:
    gold = [0, 0, 0, 1, 1, 2, 2, 2, 2, 2, 2]
    one = [0, 0, 0, 1, 1, 2, 0, 0, 0, 0, 1]
    two = [0, 0, 1, 0, 2, 1, 2, 0, 0, 0, 0]
    found = _disagree(gold, _scores(one), _scores(two))
    assert (found.both_right, found.only_first_right, found.only_second_right) == (2, 4, 1)
    assert (found.same_mistake, found.different_mistakes) == (3, 1)
    assert (found.statements, found.groups, found.part, found.first, found.second) == (11, 11, "test", "one", "two")
    assert found.estimates["agreement"].value == pytest.approx(5 / 11)
    observed, expected = 5 / 11, (7 * 7 + 3 * 2 + 1 * 2) / 121
    assert found.estimates["kappa"].value == pytest.approx((observed - expected) / (1 - expected))
    assert found.estimates["kappa"].low < found.estimates["kappa"].value < found.estimates["kappa"].high


def test_disagreements_stand_in_order_of_the_less_sure_model() -> None:
    gold = [0, 1, 2, 0]
    found = _disagree(gold, _scores([0, 0, 0, 0], [0.9, 0.99, 0.8, 0.7]), _scores([1, 1, 1, 0], [0.7, 0.5, 0.75, 0.9]))
    assert [(one.row, one.id, one.right) for one in found.listed] == [
        (2, "s2", "neither"), (0, "s0", "first"), (1, "s1", "second"),
    ]  # fmt: skip
    surest = found.listed[0]
    assert (surest.gold, surest.first, surest.second) == ("neutral", "favor", "against")
    assert (surest.first_confidence, surest.second_confidence) == (pytest.approx(0.8), pytest.approx(0.75))


def test_models_that_never_differ_leave_an_empty_list_and_plain_json() -> None:
    found = _disagree([0, 0], _scores([0, 0]), _scores([0, 0]))
    assert found.listed == ()
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["both_right"] == 2
    assert plain["estimates"]["kappa"]["value"] is None  # where all labels are one, chance agrees as well


def test_disagreements_are_plain_data() -> None:
    plain = json.loads(json.dumps(_disagree([0], _scores([0]), _scores([1])).as_dict(), allow_nan=False))
    assert plain["listed"][0]["right"] == "first"


def test_no_statements_are_an_error() -> None:
    with pytest.raises(ValueError, match="no statements"):
        _disagree([], _scores([]), _scores([]))


def _with_flipped_labels() -> tuple[pd.DataFrame, pd.DataFrame, set[str]]:
    """120 statements that a model has right, sure in various degrees; six bear another label than they should."""
    truth = [row % 3 for row in range(120)]
    flipped = set(range(0, 120, 20))
    gold = [(column + 1) % 3 if row in flipped else column for row, column in enumerate(truth)]
    return _rows(gold), _scores(truth, [0.6 + 0.003 * row for row in range(120)]), {f"s{row}" for row in flipped}


@needs_cleanlab
def test_flipped_labels_are_doubted_the_most_unlikely_first() -> None:
    rows, scores, flipped = _with_flipped_labels()
    found = doubted_labels("test", rows, ("one", scores))
    assert {one.id for one in found.listed} <= flipped
    assert len(found.listed) >= len(flipped) - 1
    assert [one.quality for one in found.listed] == sorted(one.quality for one in found.listed)
    worst = found.listed[0]
    assert (worst.id, worst.row, worst.gold, worst.suggested) == ("s100", 100, "neutral", "against")
    assert worst.quality == pytest.approx((1 - 0.9) / 2)
    assert (found.part, found.model, found.statements) == ("test", "one", 120)
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False))["listed"][0]["id"] == "s100"


@needs_cleanlab
@pytest.mark.parametrize("gold", [[0, 1, 2, 0, 1, 2], [0] * 6, [2]], ids=["all right", "one class", "one row"])
def test_labels_that_the_model_gives_too_are_not_doubted(gold: list[int], recwarn: pytest.WarningsRecorder) -> None:
    assert doubted_labels("test", _rows(gold), ("one", _scores(gold))).listed == ()
    assert not recwarn.list


@needs_cleanlab
def test_where_gold_is_one_label_nothing_can_be_doubted() -> None:
    assert doubted_labels("test", _rows([0] * 4), ("one", _scores([0, 1, 1, 1], [0.99] * 4))).listed == ()


@needs_cleanlab
def test_input_that_cannot_be_judged_is_refused() -> None:
    with pytest.raises(ValueError, match="no statements"):
        doubted_labels("test", _rows([]), ("one", _scores([])))
    with pytest.raises(ValueError, match="no probabilities"):
        doubted_labels("test", _rows([0]), ("one", _scores([0]).assign(p_favor=2.0)))


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    with pytest.raises(UserMistake, match="pip install cleanlab") as refused:
        doubted_labels("test", _rows([0]), ("one", _scores([0])))
    assert "\n" not in str(refused.value)
