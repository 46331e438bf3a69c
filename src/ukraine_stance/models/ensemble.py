"""Several models as one: a logistic regression weighs the members' answers, learned from statements they had not seen.

Source: Wolpert 1992, Stacked generalization; Ting and Witten 1999 for probabilities as its input.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import ConfigDict
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from ukraine_stance.errors import UserMistake
from ukraine_stance.files import read_json, write_json
from ukraine_stance.labels import ORDER
from ukraine_stance.models.deletion import explain_by_deletion
from ukraine_stance.models.protocol import (
    Explanation,
    FitReport,
    FloatArray,
    LabelledTexts,
    Prediction,
    StanceModel,
    Watch,
    read_settings,
)
from ukraine_stance.models.tfidf import TfidfModel
from ukraine_stance.models.transformer import TransformerModel

_FILE = "weights.json"
_MEMBERS: dict[str, type[StanceModel]] = {TfidfModel.family: TfidfModel, TransformerModel.family: TransformerModel}

# Members that say 0 are not infinitely sure.
_SMALLEST = 1e-6


@dataclass(frozen=True, slots=True)
class EnsembleSettings:
    """What a run of the family is; the names and units are those of `config.EnsembleConfig`."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    folds: int
    c: float
    seed: int


@dataclass(frozen=True, slots=True)
class _Weights:
    """Of the logistic regression over the members' log-probabilities: coefficients (3, 3 m), intercepts (3,)."""

    coefficients: FloatArray
    intercepts: FloatArray

    def probabilities(self, answers: FloatArray) -> FloatArray:
        logits = answers @ self.coefficients.T + self.intercepts
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float64)


class EnsembleModel:
    """TF-IDF and transformer together; it reads the target where a member does."""

    family: ClassVar[str] = "ensemble"

    def __init__(
        self,
        settings: EnsembleSettings,
        new_members: Sequence[Callable[[], StanceModel]] = (),
        members: Sequence[StanceModel] = (),
        weights: _Weights | None = None,
    ) -> None:
        self._settings = settings
        self._new_members = new_members
        self._members = list(members)
        self._weights = weights

    def fit(
        self, train: LabelledTexts, validation: LabelledTexts, workspace: Path, watch: Watch | None = None
    ) -> FitReport:
        """Learn the weights from out-of-fold answers of the members, then the members from all of `train`.

        No group of `train` is divided. Raises UserMistake when a part of `train` lacks a label, ValueError when `train`
        does.
        """
        absent = [str(label) for column, label in enumerate(ORDER) if not (train.gold == column).any()]
        if absent:
            raise ValueError(f"no training statement is {' or '.join(absent)}")
        answers = self._out_of_fold(train, validation, workspace)
        weighing = LogisticRegression(C=self._settings.c, max_iter=2000).fit(answers, train.gold)
        self._weights = _Weights(weighing.coef_, weighing.intercept_)
        self._members = [new() for new in self._new_members]
        reports = [member.fit(train, validation, workspace / "all" / member.family) for member in self._members]
        history = tuple(entry for report in reports for entry in report.history)
        facts = [
            (f"{member.family}.{name}", value)
            for member, report in zip(self._members, reports, strict=True)
            for name, value in report.facts
        ]
        return FitReport(history, (("out_of_fold_statements", len(train)), *facts))

    def predict(self, texts: Sequence[str], targets: Sequence[str]) -> Prediction:
        """Probabilities (n, 3); truncated where any member read only the beginning."""
        if self._weights is None:
            raise RuntimeError("the model is neither fitted nor loaded")
        given = [member.predict(texts, targets) for member in self._members]
        probabilities = self._weights.probabilities(_features([one.probabilities for one in given]))
        return Prediction(probabilities, np.logical_or.reduce([one.truncated for one in given]))

    def explain(self, texts: Sequence[str], targets: Sequence[str], columns: Sequence[int]) -> list[Explanation]:
        """Each word by what the score loses when it is cut out of the text: as many predictions as words."""
        return explain_by_deletion(texts, targets, columns, self.predict)

    def save(self, folder: Path) -> None:
        """Write weights.json and a folder for each member, in the form of its family."""
        for member in self._members:
            (folder / member.family).mkdir()
            member.save(folder / member.family)
        assert self._weights is not None
        write_json(folder / _FILE, {name: values.tolist() for name, values in asdict(self._weights).items()})

    def fingerprint(self) -> str:
        """Hash of the members' fingerprints and the weights."""
        assert self._weights is not None
        digest = hashlib.sha256("".join(member.fingerprint() for member in self._members).encode())
        digest.update(self._weights.coefficients.tobytes() + self._weights.intercepts.tobytes())
        return digest.hexdigest()

    def settings(self) -> dict[str, Any]:
        """The settings the model was built with, and each member's."""
        return {**asdict(self._settings), "members": {member.family: member.settings() for member in self._members}}

    @classmethod
    def load(cls, folder: Path, settings: dict[str, Any]) -> Self:
        """Read what `save` wrote; every member is read by its own family."""
        own = dict(settings)
        described = own.pop("members", None)
        if not isinstance(described, dict) or not described or not set(described) <= set(_MEMBERS):
            raise UserMistake(f"{folder}: its settings are not those of such a model (members: {described!r:.80})")
        members = [_MEMBERS[family].load(folder / family, of_member) for family, of_member in described.items()]
        return cls(
            read_settings(EnsembleSettings, own, folder),
            members=members,
            weights=_read_weights(folder / _FILE, len(members)),
        )

    def _out_of_fold(self, train: LabelledTexts, validation: LabelledTexts, workspace: Path) -> FloatArray:
        """The members' answers (n, 3 m) to every training statement, none of which they had learned from."""
        answers = np.full((len(train), len(ORDER) * len(self._new_members)), np.nan)
        folds = StratifiedGroupKFold(self._settings.folds, shuffle=True, random_state=self._settings.seed)
        groups = train.groups or tuple(map(str, range(len(train))))
        for number, (learned, held) in enumerate(folds.split(train.texts, train.gold, groups), start=1):
            part, unseen = train.rows(learned), train.rows(held)
            if len(np.unique(part.gold)) < len(ORDER):
                raise UserMistake(
                    f"model.folds: {self._settings.folds} parts of the training statements leave one without a label; "
                    "lower it, or add statements"
                )
            given = []
            for new in self._new_members:
                member = new()
                member.fit(part, validation, workspace / f"part-{number}" / member.family)
                given.append(member.predict(unseen.texts, unseen.targets).probabilities)
            answers[held] = _features(given)
        return answers


def _features(probabilities: Sequence[FloatArray]) -> FloatArray:
    """Log-probabilities of every member side by side, (n, 3 m)."""
    return np.log(np.maximum(np.concatenate(probabilities, axis=1), _SMALLEST))


def _read_weights(path: Path, members: int) -> _Weights:
    if not path.is_file():
        raise UserMistake(f"{path}: missing; the model folder is incomplete, copy or train it again")
    try:
        plain = read_json(path)
        weights = _Weights(*(np.asarray(plain[name], dtype=np.float64) for name in ("coefficients", "intercepts")))
    except (ValueError, KeyError, TypeError) as fault:
        raise UserMistake(f"{path}: cannot be read; copy or train the model again") from fault
    wanted = (len(ORDER), len(ORDER) * members)
    if weights.coefficients.shape != wanted or weights.intercepts.shape != wanted[:1]:
        raise UserMistake(f"{path}: holds no weights of {members} members; copy or train the model again")
    return weights
