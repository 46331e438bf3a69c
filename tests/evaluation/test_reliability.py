import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss as sklearn_log_loss

from ukraine_stance.evaluation.reliability import BINS, check_probabilities, group_sums, reliability
from ukraine_stance.evaluation.uncertainty import Resampling

HOW = Resampling(samples=200, seed=3)


def random_rows(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(3), size=count), rng.integers(0, 3, size=count)


def slow_error(probabilities: np.ndarray, gold: np.ndarray) -> float:
    """Calibration error bin by bin, as Guo et al. 2017 write it."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == gold
    total = 0.0
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        there = (confidence >= low) & ((confidence < high) | (number == BINS - 1))
        if there.any():
            total += there.mean() * abs(confidence[there].mean() - right[there].mean())
    return total


@given(st.integers(0, 10_000), st.integers(2, 80))
def test_the_three_figures_are_those_of_slow_definitions(seed: int, count: int) -> None:
    probabilities, gold = random_rows(seed, count)
    found = reliability(probabilities, gold, [str(row // 2) for row in range(count)], Resampling(samples=100))
    assert found["calibration_error"].value == pytest.approx(slow_error(probabilities, gold))
    brier = np.mean([((row - np.eye(3)[one]) ** 2).sum() for row, one in zip(probabilities, gold, strict=True)])
    assert found["brier_score"].value == pytest.approx(brier)
    assert found["log_loss"].value == pytest.approx(sklearn_log_loss(gold, probabilities, labels=[0, 1, 2]))


def test_a_sure_model_that_is_right_has_no_error_and_one_that_is_wrong_the_worst() -> None:
    sure = np.eye(3)[[0, 1, 2, 0]]
    right = reliability(sure, np.array([0, 1, 2, 0]), list("abcd"), HOW)
    wrong = reliability(sure, np.array([1, 2, 0, 1]), list("abcd"), HOW)
    assert [one.value for one in right.values()] == [0, 0, pytest.approx(0, abs=1e-9)]
    assert (wrong["calibration_error"].value, wrong["brier_score"].value) == (1, 2)
    assert np.isfinite(wrong["log_loss"].value)


def test_a_third_each_is_what_knowing_nothing_costs() -> None:
    found = reliability(np.full((6, 3), 1 / 3), np.array([0, 1, 2, 0, 1, 2]), list("abcdef"), HOW)
    assert found["brier_score"].value == pytest.approx(2 / 3) and found["log_loss"].value == pytest.approx(np.log(3))


def test_the_interval_resamples_groups_and_not_statements() -> None:
    probabilities, gold = random_rows(1, 60)
    alone = reliability(probabilities, gold, [str(row) for row in range(60)], HOW)
    repeated = reliability(
        np.repeat(probabilities, 9, axis=0), np.repeat(gold, 9), [str(row // 9) for row in range(540)], HOW
    )
    assert repeated["brier_score"].value == pytest.approx(alone["brier_score"].value)
    for end in ("low", "high"):
        assert getattr(repeated["brier_score"], end) == pytest.approx(getattr(alone["brier_score"], end))


def test_full_confidence_falls_into_the_last_bin() -> None:
    sums = group_sums(np.array([[1.0, 0, 0]]), np.array([0]), ["a"])
    assert sums.shape == (1, BINS, 5) and sums[0, -1, 0] == 1


@pytest.mark.parametrize("row", [[0.5, 0.5, 0.5], [-0.1, 0.6, 0.5], [np.nan, 0.5, 0.5], [np.inf, 0, 0]])
def test_what_is_no_probability_is_refused_with_its_row(row: list[float]) -> None:
    with pytest.raises(ValueError, match=r"row 1: .* are no probabilities of three labels"):
        check_probabilities(np.array([[0.2, 0.3, 0.5], row]))
