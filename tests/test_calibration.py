"""Temperature and threshold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_arrays
from scipy.stats import binomtest
from sklearn.metrics import log_loss

from ukraine_stance.calibration import Calibration, choose_threshold, fit_temperature


def _overconfident(n: int, factor: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gold drawn from true probabilities, and what a model with `factor` times their logits says."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 3))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gold = np.array([rng.choice(3, p=row) for row in true])
    stated = np.exp(factor * logits)
    return stated / stated.sum(axis=1, keepdims=True), gold


@pytest.mark.parametrize("factor", [0.25, 1.0, 4.0])
def test_the_fitted_temperature_undoes_a_wrong_confidence(factor: float) -> None:
    found = fit_temperature(*_overconfident(6000, factor))
    assert found.temperature == pytest.approx(factor, rel=0.1)
    assert found.threshold == 0


def test_calibration_never_worsens_the_log_loss_it_was_fitted_on() -> None:
    for seed in range(5):
        probabilities, gold = _overconfident(60, 3.0, seed)
        after = fit_temperature(probabilities, gold).apply(probabilities)
        assert log_loss(gold, after, labels=[0, 1, 2]) <= log_loss(gold, probabilities, labels=[0, 1, 2]) + 1e-6


def test_temperature_one_changes_nothing() -> None:
    probabilities, _ = _overconfident(50, 1.0)
    assert np.allclose(Calibration().apply(probabilities), probabilities, atol=1e-12)


@given(
    hypothesis_arrays.arrays(np.float64, (4, 3), elements=st.floats(1e-9, 1)),
    st.floats(0.05, 20),
)
def test_calibrated_rows_sum_to_one_and_keep_the_order_of_classes(raw: np.ndarray, temperature: float) -> None:
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    calibrated = Calibration(temperature).apply(probabilities)
    assert np.allclose(calibrated.sum(axis=1), 1)
    for before, after in zip(probabilities, calibrated, strict=True):
        assert (np.diff(after[np.argsort(before)]) >= 0).all()


def test_certain_rows_stay_finite_and_can_be_softened() -> None:
    certain = np.eye(3)
    calibrated = Calibration(2.0).apply(certain)
    assert np.isfinite(calibrated).all()
    assert (calibrated > 0).all()
    assert calibrated.argmax(axis=1).tolist() == [0, 1, 2]
    assert np.isfinite(fit_temperature(certain, np.array([1, 1, 1])).temperature)


def test_a_confident_mistake_raises_the_temperature() -> None:
    probabilities = np.array([[0.999, 0.0005, 0.0005]] * 4)
    assert fit_temperature(probabilities, np.array([0, 0, 0, 1])).temperature > 2


def test_no_rows_stay_no_rows() -> None:
    assert Calibration(2.0).apply(np.zeros((0, 3))).shape == (0, 3)


def test_nothing_to_calibrate_on_is_an_error() -> None:
    with pytest.raises(ValueError, match="no statements to calibrate on"):
        fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=np.int64))


@pytest.mark.parametrize(
    "values", [(0.0, 0.0), (-1.0, 0.0), (np.inf, 0.0), (np.nan, 0.0), (1.0, -0.1), (1.0, 1.1), (1.0, np.nan)]
)
def test_values_out_of_range_are_refused(values: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        Calibration(*values)


# The threshold

QUICK = settings(deadline=None, max_examples=40)


def _telling(n: int, seed: int, group_size: int = 1) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """True probabilities, gold drawn from them, and groups of equal statements."""
    rng = np.random.default_rng(seed)
    probabilities = np.repeat(rng.dirichlet(np.full(3, 0.6), size=n), group_size, axis=0)
    gold = (np.repeat(rng.random((n, 1)), group_size, axis=0) > probabilities[:, :2].cumsum(axis=1)).sum(axis=1)
    return probabilities, gold, [str(row // group_size) for row in range(n * group_size)]


@QUICK
@given(st.integers(0, 500), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_wanted_coverage_is_reached_by_as_few_as_can_be_and_a_smaller_one_never_lowers_the_threshold(
    seed: int, one: float, other: float
) -> None:
    data = _telling(50, seed)
    smaller, larger = (choose_threshold(Calibration(), *data, coverage=share) for share in sorted((one, other)))
    assert smaller.threshold >= larger.threshold
    for share, found in zip(sorted((one, other)), (smaller, larger), strict=True):
        answered = int((data[0].max(axis=1) >= found.threshold).sum())
        assert answered == int(np.ceil(share * 50 - 1e-9)) == round(50 * found.choice.coverage)


@QUICK
@given(st.integers(0, 200), st.floats(0.3, 0.99))
def test_a_wanted_precision_is_shown_by_the_largest_share_answered_or_none_is(seed: int, wanted: float) -> None:
    data = _telling(300, seed)
    found = choose_threshold(Calibration(), *data, precision=wanted)
    answered = data[0].max(axis=1) >= found.threshold
    right = data[0].argmax(axis=1) == data[1]
    assert found.choice.precision == pytest.approx(right[answered].mean())
    if not found.choice.reached:
        assert found.threshold == 0 and found.choice.best_low < wanted
        assert f"a precision of {wanted:g}" in found.choice.words and "answers everything" in found.choice.words
        return
    assert wanted <= found.choice.precision_low <= found.choice.precision
    for more in np.arange(round(found.choice.coverage * 20) + 1, 21) / 20:
        assert choose_threshold(Calibration(), *data, coverage=more).choice.precision_low < wanted


def test_the_best_lower_bound_told_is_a_precision_that_can_be_had() -> None:
    data = _telling(300, 0)
    missed = choose_threshold(Calibration(), *data, precision=0.999).choice
    assert not missed.reached
    assert choose_threshold(Calibration(), *data, precision=missed.best_low).choice.reached


def test_a_stricter_wish_never_answers_more() -> None:
    data = _telling(500, 1)
    found = [choose_threshold(Calibration(), *data, precision=wish) for wish in (0.7, 0.75, 0.8, 0.85)]
    assert all(one.choice.reached for one in found)
    thresholds = [one.threshold for one in found]
    assert thresholds == sorted(thresholds) and len(set(thresholds)) > 2


def test_the_temperature_is_applied_before_the_threshold_is_chosen() -> None:
    data = _telling(200, 2)
    found = choose_threshold(Calibration(2.0), *data, coverage=0.5)
    assert found.temperature == 2.0
    softened = Calibration(2.0).apply(data[0]).max(axis=1)
    assert (softened >= found.threshold).mean() == 0.5


def test_the_lower_bound_of_single_statements_is_that_of_clopper_and_pearson() -> None:
    probabilities, gold, groups = _telling(400, 3)
    right = int((probabilities.argmax(axis=1) == gold).sum())
    found = choose_threshold(Calibration(), probabilities, gold, groups, coverage=1.0).choice
    exact = binomtest(right, 400).proportion_ci(0.9, method="exact").low
    assert found.precision_low == pytest.approx(exact, abs=0.002)


def test_statements_that_go_together_count_as_one() -> None:
    alone = choose_threshold(Calibration(), *_telling(100, 4), coverage=1.0).choice
    together = choose_threshold(Calibration(), *_telling(100, 4, group_size=8), coverage=1.0).choice
    assert together.precision == alone.precision and (alone.groups, together.groups) == (100, 100)
    assert together.precision_low == pytest.approx(alone.precision_low, abs=0.01)


def test_a_few_right_answers_or_one_group_show_nothing() -> None:
    sure = np.tile([0.98, 0.01, 0.01], (10, 1))
    always_right = np.zeros(10, dtype=np.int64)
    few = choose_threshold(Calibration(), sure, always_right, [str(n) for n in range(10)], precision=0.9).choice
    assert not few.reached and few.precision == 1 and few.best_low == pytest.approx(0.05 ** (1 / 10))
    twice, right_twice, pairs = (
        np.repeat(sure, 2, axis=0),
        np.zeros(20, dtype=np.int64),
        [str(n // 2) for n in range(20)],
    )
    paired = choose_threshold(Calibration(), twice, right_twice, pairs, precision=0.9).choice
    assert 0.05 ** (1 / 8) < paired.best_low < few.best_low
    one_group = choose_threshold(Calibration(), sure, always_right, ["a"] * 10, precision=0.5).choice
    assert not one_group.reached and one_group.precision_low == 0


def test_a_wanted_precision_holds_on_new_statements_about_as_often_as_it_says() -> None:
    """Where confidence tells right from wrong the truth lies below what was wanted in at most 5 % of choices."""
    new = _telling(60_000, 999)
    confidence, right = new[0].max(axis=1), new[0].argmax(axis=1) == new[1]
    below = reached = 0
    for seed in range(150):
        found = choose_threshold(Calibration(), *_telling(300, seed), precision=0.75)
        reached += found.choice.reached
        below += found.choice.reached and right[confidence >= found.threshold].mean() < 0.75
    assert reached > 100
    assert below <= 0.05 * 150


@pytest.mark.parametrize("wish", [{}, {"precision": 0.5, "coverage": 0.5}])
def test_a_threshold_needs_exactly_one_wish(wish: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="either a precision or a coverage"):
        choose_threshold(Calibration(), *_telling(10, 0), **wish)
