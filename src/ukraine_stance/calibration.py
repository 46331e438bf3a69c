"""One temperature and one abstention threshold, the same for every model family."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from ukraine_stance.models.protocol import FloatArray, IntArray

# Probabilities below this count as this, so that one confident mistake does not make the loss infinite.
_SMALLEST = 1e-12


@dataclass(frozen=True, slots=True)
class Calibration:
    """Divides log-probabilities by `temperature`; below `threshold` in confidence a model abstains (0: never).

    temperature is above 0 and finite, threshold from 0 to 1; else ValueError.
    """

    temperature: float = 1.0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.temperature < math.inf or not 0 <= self.threshold <= 1:
            raise ValueError(f"temperature {self.temperature} or threshold {self.threshold} is out of range")

    def apply(self, probabilities: FloatArray) -> FloatArray:
        """Calibrated probabilities (n, 3); the order of the classes within a row stays."""
        logits = np.log(np.maximum(probabilities, _SMALLEST)) / self.temperature
        scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), dtype=np.float64)


def fit_temperature(probabilities: FloatArray, gold: IntArray) -> Calibration:
    """Temperature with the smallest log loss on a validation fold; probabilities (n, 3), gold (n,) columns.

    Source: Guo et al. 2017, arXiv:1706.04599. Raises ValueError when n is 0.
    """
    if len(gold) == 0:
        raise ValueError("no statements to calibrate on")

    def log_loss(log_temperature: float) -> float:
        calibrated = Calibration(float(np.exp(log_temperature))).apply(probabilities)
        return float(-np.mean(np.log(np.maximum(calibrated[np.arange(len(gold)), gold], _SMALLEST))))

    found = minimize_scalar(log_loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return Calibration(float(np.exp(found.x)))
