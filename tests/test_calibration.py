"""Temperature and threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_arrays
from sklearn.metrics import log_loss

from ukraine_stance.calibration import Calibration, fit_temperature


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
