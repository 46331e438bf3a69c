"""Several models as one, all alike or weighed by a logistic regression learned from statements they had not seen.

Members of one family that differ by their seed answer together, by the mean of their log-probabilities. Source: Wolpert
1992, Stacked generalization; Ting and Witten 1999 for probabilities as its input.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

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
    IntArray,
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
    weighing: Literal["learned", "equal"] = "learned"
    transformers: int = 1


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the logistic regression over m families' log-probabilities: coefficients (3, 3 m), intercepts (3,)."""

    coefficients: FloatArray
    intercepts: FloatArray

    def probabilities(self, answers: FloatArray) -> FloatArray:
        """What the families' answers (n, 3 m) of `side_by_side` come to, (n, 3)."""
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
        weights: Weights | None = None,
    ) -> None:
        self._settings = settings
        self._new_members = new_members
        self._members = list(members)
        self._weights = weights

    def fit(
        self, train: LabelledTexts, validation: LabelledTexts, workspace: Path, watch: Watch | None = None
    ) -> FitReport:
        """Learn the members from all of `train`, and where asked their weights from answers to what they had not seen.

        These are parts of `train`, each answered by members that learned the others; no group is divided. watch is told
        of the epochs of the first transformer that learns from all. Raises UserMistake when such a part lacks a label,
        ValueError when `train` does.
        """
        absent = [str(label) for column, label in enumerate(ORDER) if not (train.gold == column).any()]
        if absent:
            raise ValueError(f"no training statement is {' or '.join(absent)}")
        learned = self._settings.weighing == "learned"
        if learned:
            answers = self._out_of_fold(train, validation, workspace)
            self._weights = learned_weights(answers, train.gold, self._settings.c)
        self._members = [new() for new in self._new_members]
        names = _names(self._members)
        reports = [
            member.fit(train, validation, workspace / "all" / name, watch if name == TransformerModel.family else None)
            for name, member in zip(names, self._members, strict=True)
        ]
        if not learned:
            self._weights = equal_weights(len({member.family for member in self._members}))
        history = tuple(entry for report in reports for entry in report.history)
        facts = [
            (f"{member}.{name}", value)
            for member, report in zip(names, reports, strict=True)
            for name, value in report.facts
        ]
        return FitReport(history, (("out_of_fold_statements", len(train) if learned else 0), *facts))

    def predict(self, texts: Sequence[str], targets: Sequence[str]) -> Prediction:
        """Probabilities (n, 3); truncated where any member read only the beginning."""
        if self._weights is None:
            raise RuntimeError("the model is neither fitted nor loaded")
        given = [member.predict(texts, targets) for member in self._members]
        families = [member.family for member in self._members]
        probabilities = self._weights.probabilities(side_by_side(families, [one.probabilities for one in given]))
        return Prediction(probabilities, np.logical_or.reduce([one.truncated for one in given]))

    def explain(self, texts: Sequence[str], targets: Sequence[str], columns: Sequence[int]) -> list[Explanation]:
        """Each word by what the score loses when it is cut out of the text: as many predictions as words."""
        return explain_by_deletion(texts, targets, columns, self.predict)

    def save(self, folder: Path) -> None:
        """Write weights.json and a folder for each member, in the form of its family."""
        for name, member in zip(_names(self._members), self._members, strict=True):
            (folder / name).mkdir()
            member.save(folder / name)
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
        members = zip(_names(self._members), self._members, strict=True)
        return {**asdict(self._settings), "members": {name: member.settings() for name, member in members}}

    @classmethod
    def load(cls, folder: Path, settings: dict[str, Any]) -> Self:
        """Read what `save` wrote; every member is read by its own family."""
        own = dict(settings)
        described = own.pop("members", None)
        families = [name.partition("-")[0] for name in described] if isinstance(described, dict) else []
        if not families or not set(families) <= set(_MEMBERS):
            raise UserMistake(f"{folder}: its settings are not those of such a model (members: {described!r:.80})")
        members = [
            _MEMBERS[family].load(folder / name, of_member)
            for family, (name, of_member) in zip(families, described.items(), strict=True)
        ]
        return cls(
            read_settings(EnsembleSettings, own, folder),
            members=members,
            weights=_read_weights(folder / _FILE, len(set(families))),
        )

    def _out_of_fold(self, train: LabelledTexts, validation: LabelledTexts, workspace: Path) -> FloatArray:
        """The families' answers (n, 3 m) to every training statement, none of which they had learned from."""
        answers: FloatArray | None = None
        folds = StratifiedGroupKFold(self._settings.folds, shuffle=True, random_state=self._settings.seed)
        groups = train.groups or tuple(map(str, range(len(train))))
        for number, (learned, held) in enumerate(folds.split(train.texts, train.gold, groups), start=1):
            part = train.rows(learned)
            if len(np.unique(part.gold)) < len(ORDER):
                raise UserMistake(
                    f"model.folds: {self._settings.folds} parts of the training statements leave one without a label; "
                    "lower it, or add statements"
                )
            members = [new() for new in self._new_members]
            for name, member in zip(_names(members), members, strict=True):
                member.fit(part, validation, workspace / f"part-{number}" / name)
            given = self._answers(members, train.rows(held))
            answers = np.full((len(train), given.shape[1]), np.nan) if answers is None else answers
            answers[held] = given
        assert answers is not None
        return answers

    @staticmethod
    def _answers(members: Sequence[StanceModel], asked: LabelledTexts) -> FloatArray:
        given = [member.predict(asked.texts, asked.targets).probabilities for member in members]
        return side_by_side([member.family for member in members], given)


def side_by_side(families: Sequence[str], probabilities: Sequence[FloatArray]) -> FloatArray:
    """Log-probabilities (n, 3 m) of m families, in their order; members of one family stand together, as their mean.

    families names the family of each array (n, 3) of probabilities.
    """
    logs = [np.log(np.maximum(one, _SMALLEST)) for one in probabilities]
    pairs = groupby(zip(families, logs, strict=True), key=lambda pair: pair[0])
    return np.concatenate([np.mean([one for _, one in members], axis=0) for _, members in pairs], axis=1)


def learned_weights(answers: FloatArray, gold: IntArray, c: float) -> Weights:
    """Weights that make the most of answers (n, 3 m) to n statements of gold columns (n,)."""
    weighing = LogisticRegression(C=c, max_iter=2000).fit(answers, gold)
    return Weights(weighing.coef_, weighing.intercept_)


def equal_weights(families: int) -> Weights:
    """Weights by which so many families answer together by the mean of their log-probabilities."""
    return Weights(np.tile(np.eye(len(ORDER)) / families, families), np.zeros(len(ORDER)))


def _names(members: Sequence[StanceModel]) -> list[str]:
    """A folder's name for each member: its family, numbered from the second on."""
    families = [member.family for member in members]
    before = [families[:at].count(family) for at, family in enumerate(families)]
    return [f"{family}-{count + 1}" if count else family for family, count in zip(families, before, strict=True)]


def _read_weights(path: Path, members: int) -> Weights:
    if not path.is_file():
        raise UserMistake(f"{path}: missing; the model folder is incomplete, copy or train it again")
    try:
        plain = read_json(path)
        weights = Weights(*(np.asarray(plain[name], dtype=np.float64) for name in ("coefficients", "intercepts")))
    except (ValueError, KeyError, TypeError) as fault:
        raise UserMistake(f"{path}: cannot be read; copy or train the model again") from fault
    wanted = (len(ORDER), len(ORDER) * members)
    if weights.coefficients.shape != wanted or weights.intercepts.shape != wanted[:1]:
        raise UserMistake(f"{path}: holds no weights of {members} members; copy or train the model again")
    return weights
