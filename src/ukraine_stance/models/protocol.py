"""What every model family offers; recipes and scoring know nothing else of a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from ukraine_stance.errors import UserMistake

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Settings = TypeVar("Settings")


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

    probabilities is (n, 3) in `labels.ORDER`, rows sum to 1; truncated is (n,), true where the text was longer than
    the model reads and only its beginning counted.
    """

    probabilities: FloatArray
    truncated: BoolArray


@dataclass(frozen=True, slots=True)
class FitReport:
    """How a fit went: one dictionary of numbers per epoch, and what a reader of the run should know."""

    history: tuple[dict[str, float], ...] = ()
    facts: tuple[tuple[str, Any], ...] = ()


class StanceModel(Protocol):
    """A classifier of statements into the three stances."""

    family: ClassVar[str]

    def fit(self, train: LabelledTexts, validation: LabelledTexts, workspace: Path) -> FitReport:
        """Learn from `train`; `validation` serves early stopping alone. Intermediate files go to `workspace`."""

    def predict(self, texts: Sequence[str], targets: Sequence[str]) -> Prediction:
        """Probabilities of each text toward its target; the answer for a text does not depend on its neighbours."""

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
