import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ukraine_stance.evaluation.curves import COVERAGES, curves, reliability_bins, risk_coverage, selective
from ukraine_stance.evaluation.uncertainty import Resampling

QUICK = settings(deadline=None, max_examples=40)
HOW = Resampling(samples=200, seed=3)
SHARES = (0.3, 0.05, 0.65)


def calibrated(count: int, seed: int, sureness: float = 1.0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Probabilities that are true, gold drawn from them, and groups of two."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(3, 0.7), size=count)
    gold = (rng.random((count, 1)) > probabilities[:, :2].cumsum(axis=1)).sum(axis=1)
    said = probabilities**sureness
    return said / said.sum(axis=1, keepdims=True), gold, [str(row // 2) for row in range(count)]


def slow_risk(confidence: np.ndarray, right: np.ndarray, coverage: float) -> float:
    """Wrong ones among the surest statements, one by one, the last in part."""
    order = np.argsort(-confidence)
    wanted, wrong = coverage * len(right), 0.0
    for rank, row in enumerate(order):
        wrong += (not right[row]) * min(1.0, max(0.0, wanted - rank))
    return wrong / wanted


def distinct(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.permutation(np.linspace(0.34, 1, count)), rng.random(count) < 0.6


# Reliability


@pytest.mark.parametrize("seed", range(3))
def test_a_predictor_whose_probabilities_are_true_lies_on_the_diagonal_within_its_intervals(seed: int) -> None:
    probabilities, gold, groups = calibrated(4000, seed)
    found = curves(probabilities, gold, groups, 0.0, SHARES, Resampling(samples=500, level=0.999))
    for bins in (found.reliability, *found.by_label.values()):
        assert len(bins) == 10
        # A percentile bootstrap of a rare or nearly sure event is too short, or has no width at all.
        off = [one for one in bins if not one.observed.low <= one.stated <= one.observed.high]
        assert all(not 0.06 < one.stated < 0.94 and abs(one.observed.value - one.stated) < 0.03 for one in off)


@pytest.mark.parametrize(("sureness", "sign"), [(3.0, -1), (0.4, 1)])
def test_one_that_is_too_sure_lies_below_it_and_one_too_timid_above(sureness: float, sign: int) -> None:
    found = curves(*calibrated(4000, 0, sureness), 0.0, SHARES, HOW)
    gaps = [sign * (one.observed.value - one.stated) for one in found.reliability[2:-1]]
    assert min(gaps) > 0.05


@QUICK
@given(st.integers(0, 1000), st.integers(1, 400))
def test_every_statement_stands_in_one_bin_of_nearly_the_same_number(seed: int, count: int) -> None:
    confidence, right = distinct(seed, count)
    bins = reliability_bins(confidence, right, [str(row) for row in range(count)], Resampling(samples=100))
    sizes = [one.statements for one in bins]
    assert sum(sizes) == count and max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(20, count) and len(bins) <= 10
    edges = [edge for one in bins for edge in (one.low, one.stated, one.high)]
    assert np.all(np.diff(edges) >= -1e-12)
    assert sum(one.observed.value * one.statements for one in bins) == pytest.approx(right.sum())


def test_equal_confidences_share_a_bin_whatever_their_order() -> None:
    confidence, right = np.repeat([0.5, 0.9], [150, 50]), np.arange(200) % 2 == 0
    bins = reliability_bins(confidence, right, [str(row) for row in range(200)], HOW)
    assert [(one.low, one.high, one.statements) for one in bins] == [(0.5, 0.5, 150), (0.9, 0.9, 50)]


def test_the_interval_of_a_bin_resamples_groups_and_not_statements() -> None:
    confidence, right = distinct(1, 200)
    alone = reliability_bins(confidence, right, [str(row) for row in range(200)], HOW)
    repeated = reliability_bins(
        np.repeat(confidence, 9), np.repeat(right, 9), [str(row // 9) for row in range(1800)], HOW
    )
    assert [one.observed for one in repeated] == [one.observed for one in alone]


# Risk and coverage


@QUICK
@given(st.integers(0, 1000), st.integers(1, 200))
def test_up_to_200_statements_the_curve_is_that_of_a_slow_definition(seed: int, count: int) -> None:
    confidence, right = distinct(seed, count)
    points, area = risk_coverage(confidence, right, [str(row) for row in range(count)], Resampling(samples=100))
    for point in points:
        assert point.risk.value == pytest.approx(slow_risk(confidence, right, point.coverage))
    whole = [slow_risk(confidence, right, rank / count) for rank in range(1, count + 1)]
    assert area.value == pytest.approx(np.mean(whole))


@QUICK
@given(st.integers(0, 1000), st.integers(1, 1500))
def test_where_all_is_answered_the_risk_is_one_minus_accuracy(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    confidence, right = rng.random(count).round(2), rng.random(count) < 0.6
    points, _ = risk_coverage(confidence, right, [str(row) for row in range(count)], Resampling(samples=100))
    assert [point.coverage for point in points] == list(COVERAGES)
    assert points[-1].risk.value == pytest.approx(1 - right.mean())


def test_beyond_200_statements_the_curve_is_nearly_that_of_the_slow_definition() -> None:
    confidence, right = distinct(0, 2000)
    right = right | (confidence > 0.8)
    points, area = risk_coverage(confidence, right, [str(row) for row in range(2000)], HOW)
    for point in points:
        assert point.risk.value == pytest.approx(slow_risk(confidence, right, point.coverage), abs=1e-9)
    whole = np.cumsum(~right[np.argsort(-confidence)]) / np.arange(1, 2001)
    assert area.value == pytest.approx(np.mean(whole), abs=0.002)


def test_equally_sure_statements_count_with_their_average_in_any_order() -> None:
    right = np.arange(100) < 60
    groups = [str(row) for row in range(100)]
    points, area = risk_coverage(np.full(100, 0.7), right, groups, HOW)
    assert {round(point.risk.value, 12) for point in points} == {0.4}
    assert area.value == pytest.approx(0.4)


def test_confidence_that_tells_right_from_wrong_has_a_smaller_area_than_one_that_does_not() -> None:
    right = np.arange(500) % 5 > 0
    groups = [str(row) for row in range(500)]
    rng = np.random.default_rng(0)
    _, telling = risk_coverage(np.where(right, 0.9, 0.4) + 0.01 * rng.random(500), right, groups, HOW)
    _, blind = risk_coverage(rng.random(500), right, groups, HOW)
    assert telling.high < blind.low
    assert blind.low < 0.2 < blind.high


# What a threshold gives


def test_what_is_answered_is_counted_and_what_is_not_is_left_out() -> None:
    gold, predicted = np.array([0, 0, 1, 2, 2, 2] * 10), np.array([0, 1, 1, 2, 0, 2] * 10)
    answered = np.array([True, False, True, True, True, False] * 10)
    found = selective(gold, predicted, answered, [str(row) for row in range(60)], (0.5, 0.25, 0.25), HOW)
    assert found["coverage"].value == pytest.approx(4 / 6)
    assert found["accuracy"].value == pytest.approx(3 / 4)
    # favor: 1 right, 1 taken for it; against: 1 right; neutral: 1 right, 1 missed.
    assert found["macro_f1"].value == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)
    # Of favor half is answered, of against all, of neutral two thirds, half of these rightly.
    assert found["field_coverage"].value == pytest.approx(0.5 / 2 + 0.25 + 0.25 * 2 / 3)
    assert found["field_accuracy"].value == pytest.approx((0.25 + 0.25 + 0.25 / 3) / (0.25 + 0.25 + 0.25 * 2 / 3))


def test_a_model_that_answers_nothing_has_no_accuracy() -> None:
    gold = np.arange(60) % 3
    found = selective(gold, gold, np.zeros(60, dtype=bool), [str(row) for row in range(60)], SHARES, HOW)
    assert found["coverage"].value == 0
    assert np.isnan(found["accuracy"].value) and np.isnan(found["macro_f1"].value)


@QUICK
@given(st.integers(0, 100), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_answers_more(seed: int, one: float, other: float) -> None:
    data = calibrated(60, seed)
    lower, higher = (
        curves(*data, threshold, SHARES, Resampling(samples=100)).selective["coverage"].value
        for threshold in sorted((one, other))
    )
    assert higher <= lower


def test_curves_survive_json() -> None:
    found = curves(*calibrated(100, 0), 0.5, SHARES, HOW)
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["threshold"] == 0.5 and plain["aurc"]["value"] == found.aurc.value
    assert len(plain["reliability"]) == 5 and set(plain["by_label"]) == {"favor", "against", "neutral"}


def test_nothing_to_draw_is_an_error_and_so_are_no_probabilities() -> None:
    with pytest.raises(ValueError, match="no statements"):
        curves(np.zeros((0, 3)), np.zeros(0, dtype=np.int64), [], 0.0, SHARES, HOW)
    with pytest.raises(ValueError, match="no probabilities of three labels"):
        curves(np.full((2, 3), 0.5), np.array([0, 1]), ["a", "b"], 0.0, SHARES, HOW)


def test_a_risk_of_0_among_the_surest_has_no_interval() -> None:
    points, _ = risk_coverage(
        np.linspace(0.99, 0.4, 40), np.ones(40, bool), [str(row) for row in range(40)], Resampling()
    )
    assert all(point.risk.value == 0 and np.isnan(point.risk.high) for point in points)
