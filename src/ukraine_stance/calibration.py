"""One temperature and one abstention threshold, the same for every model family."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import beta, t

from ukraine_stance.models.protocol import BoolArray, FloatArray, IntArray

# Probabilities below this count as this, so that one confident mistake does not make the loss infinite.
_SMALLEST = 1e-12

# Shares of validation answered that a wanted precision is tried at, the largest first. The bound is one-sided.
_COVERAGES = tuple(twentieth / 20 for twentieth in range(20, 0, -1))
_BOUND_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """What was wanted of a threshold, and what the validation fold gave with it; not what new text will give.

    coverage is the share of statements answered, precision the share of the answered that are labelled rightly,
    precision_low its one-sided 95 % lower bound over groups. reached is false where no threshold showed the wanted
    precision: the model then answers everything. best_low is the highest lower bound that any threshold showed.
    """

    wanted_precision: float | None
    wanted_coverage: float | None
    reached: bool
    statements: int
    groups: int
    coverage: float
    precision: float
    precision_low: float
    best_low: float

    @property
    def words(self) -> str:
        """What was wanted and what validation gave, in one sentence."""
        if not self.reached:
            return (
                f"no threshold shows a precision of {self.wanted_precision:g} on validation (the best lower bound is "
                f"{self.best_low:.3f}): the model answers everything; set abstention.precision lower, or a coverage"
            )
        wanted = (
            f"a precision of {self.wanted_precision:g}"
            if self.wanted_precision is not None
            else f"a coverage of {self.wanted_coverage:g}"
        )
        return (
            f"chosen on validation for {wanted}: there {self.coverage:.3f} of the statements are answered, "
            f"{self.precision:.3f} of them rightly (at least {self.precision_low:.3f})"
        )


@dataclass(frozen=True, slots=True)
class Calibration:
    """Divides log-probabilities by `temperature`; below `threshold` in confidence a model abstains (0: never).

    temperature is above 0 and finite, threshold from 0 to 1; else ValueError. choice tells how the threshold was
    chosen, None where none was wanted.
    """

    temperature: float = 1.0
    threshold: float = 0.0
    choice: ThresholdChoice | None = None

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


def choose_threshold(
    calibration: Calibration,
    probabilities: FloatArray,
    gold: IntArray,
    groups: Sequence[str],
    precision: float | None = None,
    coverage: float | None = None,
) -> Calibration:
    """The calibration with the lowest threshold that gives the wanted precision, or answers the wanted share.

    probabilities (n, 3) are the model's own on a validation fold, gold (n,) their columns; precision or coverage is
    given. Precision is accuracy on what is answered: one threshold serves the three labels alike, and unlike a label's
    own precision it is one minus the risk that selective classification bounds. It counts as reached when its lower
    bound over groups reaches it, tried at 20 shares answered from all to a twentieth. Where none does the threshold is
    0 and `choice.reached` false.

    The fold has served the temperature before, and the best of 20 is picked: in simulations of 500 groups the truth
    lay below what was wanted in at most 4 % of choices where confidence tells right from wrong, in 12 % where it tells
    nothing and the truth lies just below. Source: Geifman and El-Yaniv 2017, arXiv:1705.08500. Raises ValueError
    when n is 0, or not exactly one of the two is given.
    """
    if len(gold) == 0 or (precision is None) == (coverage is None):
        raise ValueError("choosing a threshold takes statements, and either a precision or a coverage")
    answers = calibration.apply(probabilities)
    confidence, right = answers.max(axis=1), answers.argmax(axis=1) == gold
    index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    shares = _COVERAGES if coverage is None else (coverage, *_COVERAGES)
    thresholds = [_threshold_answering(confidence, share) for share in shares]
    lows = [_lower_bound(right[confidence >= one], index[confidence >= one]) for one in thresholds]
    enough = [at for at, low in enumerate(lows) if precision is None or low >= precision]
    threshold = thresholds[enough[0]] if enough else 0.0
    answered = confidence >= threshold
    choice = ThresholdChoice(
        wanted_precision=precision,
        wanted_coverage=coverage,
        reached=bool(enough),
        statements=len(gold),
        groups=int(index.max()) + 1,
        coverage=float(answered.mean()),
        precision=float(right[answered].mean()),
        precision_low=_lower_bound(right[answered], index[answered]),
        best_low=max(lows),
    )
    return replace(calibration, threshold=threshold, choice=choice)


def _threshold_answering(confidence: FloatArray, share: float) -> float:
    """The threshold (n,) confidences have that answers the share or, where some are equal, a little more; 0 for all.

    It lies halfway to the next confidence below, so that a last digit that differs elsewhere changes no answer.
    """
    falling = np.sort(confidence)[::-1]
    last = falling[math.ceil(share * len(falling) - 1e-9) - 1]
    below = falling[falling < last]
    return float((last + below[0]) / 2) if len(below) else 0.0


def _lower_bound(right: BoolArray, groups: IntArray) -> float:
    """One-sided lower bound of the share that is right, statements of a group counting as fewer where they go together.

    Clopper and Pearson's bound on the effective number of statements; that is the number of groups where all is right
    or all wrong, which shows no spread. Source: Korn and Graubard 1998, Survey Methodology 24, 193-201.
    """
    _, index = np.unique(groups, return_inverse=True)
    hits, sizes = np.bincount(index, right), np.bincount(index)
    total, clusters, share = len(right), len(sizes), float(right.mean())
    if clusters < 2:
        return 0.0
    variance = float(((hits - share * sizes) ** 2).sum()) / total**2 * clusters / (clusters - 1)
    effective = min(total, share * (1 - share) / variance) if variance > 0 else clusters
    effective *= (t.ppf(_BOUND_LEVEL, total - 1) / t.ppf(_BOUND_LEVEL, clusters - 1)) ** 2
    found = effective * share
    return float(beta.ppf(1 - _BOUND_LEVEL, found, effective - found + 1)) if found > 0 else 0.0
