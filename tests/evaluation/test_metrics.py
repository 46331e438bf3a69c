"""Metrics against scikit-learn, and undefined where they are undefined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

from ukraine_stance.evaluation.metrics import METRICS, confusion
from ukraine_stance.labels import ORDER

FAVOR, AGAINST, NEUTRAL = range(3)
PAIRS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40)


def _figures(gold: list[int], predicted: list[int]) -> dict[str, float]:
    counts = confusion(np.array(gold), np.array(predicted))
    return {name: float(metric(counts)) for name, metric in METRICS.items()}


@given(PAIRS)
def test_every_metric_is_that_of_scikit_learn_where_it_is_defined(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = map(list, zip(*pairs, strict=True))
    options = {"labels": [0, 1, 2], "average": None, "zero_division": np.nan}
    wanted = {"accuracy": accuracy_score(gold, predicted)}
    scorers = (("precision", precision_score), ("recall", recall_score), ("f1", f1_score))
    for name, score in scorers:
        wanted |= {f"{name}_{ORDER[n]}": value for n, value in enumerate(score(gold, predicted, **options))}
    each = [wanted[f"f1_{label}"] for label in ORDER]
    wanted["macro_f1"] = np.mean(each) if set(gold) == {0, 1, 2} else np.nan
    wanted["favor_against_f1"] = np.mean(each[:2]) if {0, 1} <= set(gold) else np.nan
    found = _figures(gold, predicted)
    assert found.keys() == wanted.keys()
    for name in found:
        assert np.isclose(found[name], wanted[name], equal_nan=True), name


@given(PAIRS)
def test_the_confusion_matrix_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    gold, predicted = map(np.array, zip(*pairs, strict=True))
    assert np.array_equal(confusion(gold, predicted), confusion_matrix(gold, predicted, labels=[0, 1, 2]))


def test_a_class_that_never_occurs_has_no_figure_and_no_silent_zero_or_one() -> None:
    found = _figures([FAVOR, AGAINST], [FAVOR, AGAINST])
    undefined = {name for name, value in found.items() if np.isnan(value)}
    assert undefined == {"macro_f1", "precision_neutral", "recall_neutral", "f1_neutral"}


def test_a_class_predicted_without_gold_counts_as_wrong_but_has_no_recall() -> None:
    found = _figures([FAVOR, AGAINST], [FAVOR, NEUTRAL])
    assert (found["precision_neutral"], found["f1_neutral"]) == (0, 0)
    assert np.isnan(found["recall_neutral"])
    assert np.isnan(found["macro_f1"])
    assert found["favor_against_f1"] == 0.5


def test_a_class_never_predicted_has_f1_zero_and_no_precision() -> None:
    found = _figures([FAVOR, AGAINST, NEUTRAL], [FAVOR, NEUTRAL, NEUTRAL])
    assert (found["recall_against"], found["f1_against"]) == (0, 0)
    assert np.isnan(found["precision_against"])
    assert found["macro_f1"] == pytest.approx((1 + 0 + 2 / 3) / 3)


def test_without_statements_nothing_is_defined() -> None:
    counts = confusion(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    assert all(np.isnan(metric(counts)) for metric in METRICS.values())


def test_many_matrices_at_once_give_what_each_gives_alone() -> None:
    counts = np.random.default_rng(0).integers(0, 4, size=(50, 3, 3)).astype(float)
    for metric in METRICS.values():
        together = metric(counts)
        assert together.shape == (50,)
        assert np.array_equal(together, [metric(one) for one in counts], equal_nan=True)


def test_columns_of_other_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="3 gold labels, 1 predictions"):
        confusion(np.array([0, 1, 2]), np.array([0]))
