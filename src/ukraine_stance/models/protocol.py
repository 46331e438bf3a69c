"""What every model family offers; recipes and scoring know nothing else of a model."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER

# How far from 1 a row of probabilities may add up to.
_OFF_BY = 1e-3

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Settings = TypeVar("Settings")

# Told the epoch, from 1, and the macro-F1 on validation after it; whatever it raises ends the training.
Watch = Callable[[int, float], None]


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Statements with their gold labels; texts, targets and gold have one length n.

    gold is (n,) column indices into `labels.ORDER`. groups, of length n too, tells what a model must not divide where
    it makes folds of its own (an article, a contrast group); empty where every statement stands for itself.
    """

    texts: tuple[str, ...]
    targets: tuple[str, ...]
    gold: IntArray
    groups: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    def rows(self, chosen: IntArray) -> "LabelledTexts":
        """The statements of the row numbers chosen, in that order."""
        texts, targets, groups = (
            tuple(values[row] for row in chosen) if values else () for values in (self.texts, self.targets, self.groups)
        )
        return LabelledTexts(texts, targets, self.gold[chosen], groups)


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of n statements, in their order.

    probabilities is (n, 3) in `labels.ORDER`, rows sum to 1, else UserMistake; truncated is (n,), true where the text
    was longer than the model reads and only its beginning counted.
    """

    probabilities: FloatArray
    truncated: BoolArray

    def __post_init__(self) -> None:
        wrong = first_improbable(self.probabilities)
        if wrong is not None:
            row = ", ".join(f"{value:g}" for value in self.probabilities[wrong])
            raise UserMistake(
                f"the model gives statement {wrong + 1} of {len(self.probabilities)} the probabilities {row}: they do "
                "not add up to 1, its weights are broken; train it again (a transformer with a lower "
                "model.learning_rate, where training diverged)"
            )


def first_improbable(probabilities: FloatArray) -> int | None:
    """The first row of (n, 3) that is not three numbers from 0 that add up to 1, to a thousandth; None where all are.

    Raises ValueError for another shape.
    """
    if probabilities.ndim != 2 or probabilities.shape[1] != len(ORDER):
        raise ValueError(f"probabilities of shape {probabilities.shape}, not (n, {len(ORDER)})")
    right = (probabilities >= 0).all(axis=1) & (np.abs(probabilities.sum(axis=1) - 1) < _OFF_BY)  # nan is neither
    return None if right.all() else int(np.flatnonzero(~right)[0])


@dataclass(frozen=True, slots=True)
class FitReport:
    """How a fit went: one dictionary of numbers per epoch, and what a reader of the run should know."""

    history: tuple[dict[str, float], ...] = ()
    facts: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """Code points `text[start:end]`, one word or a run of them, and what they add to the score of a class."""

    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a model gives a statement a class: `column` in `labels.ORDER`, and what each word adds to its score.

    score is the class's centred logit: its logit minus the mean of the three. Softmax does not change when one number
    is added to all three logits, so a logit alone means nothing; centred, three models' scores can be laid side by
    side. baseline is the score that the model gives when it sees no word. spans stand in the order of the text, do not
    overlap, and cover every word that the model read; a weight above 0 speaks for the class. method says how the
    weights were found and whether they add up.
    """

    column: int
    score: float
    baseline: float
    spans: tuple[Span, ...]
    method: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the class's label."""
        return {"label": str(ORDER[self.column]), **asdict(self), "spans": [asdict(span) for span in self.spans]}


class StanceModel(Protocol):
    """A classifier of statements into the three stances."""

    family: ClassVar[str]

    def fit(
        self, train: LabelledTexts, validation: LabelledTexts, workspace: Path, watch: Watch | None = None
    ) -> FitReport:
        """Learn from `train`; `validation` serves early stopping alone. Intermediate files go to `workspace`.

        watch is told of every epoch, where the family has epochs.
        """

    def predict(self, texts: Sequence[str], targets: Sequence[str]) -> Prediction:
        """Probabilities of each text toward its target; the answer for a text does not depend on its neighbours."""

    def explain(self, texts: Sequence[str], targets: Sequence[str], columns: Sequence[int]) -> list[Explanation]:
        """Why each text gets the score it gets for the class in its column of `labels.ORDER`, before calibration."""

    def save(self, folder: Path) -> None:
        """Write weights and vocabulary into an empty folder, without pickle."""

    def fingerprint(self) -> str:
        """SHA-256 of what was learned: equal for equal trainings, whatever the file's form adds."""

    def settings(self) -> dict[str, Any]:
        """Plain values that `load` needs beside the folder; they are stored as JSON."""

    @classmethod
    def load(cls, folder: Path, settings: dict[str, Any]) -> "StanceModel":
        """Read what `save` wrote. Raises UserMistake when the folder is incomplete or foreign."""


def read_settings(kind: type[Settings], values: dict[str, Any], folder: Path) -> Settings:
    """Settings as JSON holds them, as the dataclass that a family keeps. Raises UserMistake naming every fault."""
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as fault:
        said = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in fault.errors())
        raise UserMistake(f"{folder}: its settings are not those of such a model ({said})") from fault
