"""TF-IDF over words and characters with logistic regression: the floor that every other model must beat."""

import hashlib
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import scipy.sparse as sp
from pydantic import ConfigDict
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER
from ukraine_stance.models import skops_files
from ukraine_stance.models.characters import CharacterTfidf
from ukraine_stance.models.contributions import explain_linear
from ukraine_stance.models.protocol import (
    Explanation,
    FitReport,
    IntArray,
    LabelledTexts,
    Prediction,
    Watch,
    read_settings,
)

_FILE = "model.skops"
_TARGETS_FILE = "targets.skops"
_CHARACTERS = "characters"


@dataclass(frozen=True, slots=True)
class TfidfSettings:
    """n-gram ranges are (shortest, longest); c is the inverse of the regularisation's strength.

    per_target lets every target weigh each term for itself, beside the weight that the term has toward all.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    word_ngrams: tuple[int, int]
    char_ngrams: tuple[int, int] | None
    min_documents: int
    sublinear: bool
    c: float
    class_weight: Literal["balanced"] | None
    per_target: bool = False


class TfidfModel:
    """Linear model on TF-IDF features; it reads the whole text and never the target's words.

    It ignores the target, or has weights for each that it learned and answers for any other by those shared by all.
    """

    family: ClassVar[str] = "tfidf"

    def __init__(
        self,
        settings: TfidfSettings,
        pipeline: Pipeline | None = None,
        by_target: dict[str, LogisticRegression] | None = None,
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._by_target = by_target or {}
        self._characters: CharacterTfidf | None = None

    def fit(
        self, train: LabelledTexts, validation: LabelledTexts, workspace: Path, watch: Watch | None = None
    ) -> FitReport:
        """Fit features and weights on `train` alone; nothing random is involved.

        Raises UserMistake when the settings leave no term of the training statements, ValueError when a stance has no
        training statement.
        """
        absent = [str(label) for column, label in enumerate(ORDER) if not (train.gold == column).any()]
        if absent:
            raise ValueError(f"no training statement is {' or '.join(absent)}")
        features, classifier = self._features(), self._classifier()
        try:
            matrix = features.fit_transform(list(train.texts))
        except ValueError as fault:
            raise UserMistake(
                f"model: no term of {len(train)} training statements is left; lower model.min_documents "
                f"({self._settings.min_documents}) or the n-gram sizes"
            ) from fault
        if self._settings.per_target:
            targets = sorted(set(train.targets))
            classifier.fit(_with_own_columns(matrix, train.targets, targets), train.gold)
            classifier, self._by_target = _divided(classifier, targets)
        else:
            classifier.fit(matrix, train.gold)
        self._pipeline = Pipeline([("features", features), ("classifier", classifier)])
        self._characters = None
        return FitReport(facts=(("terms", matrix.shape[1]), ("iterations", int(classifier.n_iter_.max()))))

    def predict(self, texts: Sequence[str], targets: Sequence[str]) -> Prediction:
        """Probabilities (n, 3); no text is ever truncated."""
        probabilities = np.zeros((len(texts), len(ORDER)))
        if not texts:
            return Prediction(probabilities, np.zeros(0, dtype=np.bool_))
        features = self._terms(texts)
        for pipeline, rows in self._answering(targets):
            probabilities[rows] = pipeline.named_steps["classifier"].predict_proba(features[rows])
        return Prediction(probabilities, np.zeros(len(texts), dtype=np.bool_))

    def explain(self, texts: Sequence[str], targets: Sequence[str], columns: Sequence[int]) -> list[Explanation]:
        """Exact contributions of every word: the weights and the baseline add up to the score."""
        found: dict[int, Explanation] = {}
        for pipeline, rows in self._answering(targets):
            explained = explain_linear(pipeline, [texts[row] for row in rows], [columns[row] for row in rows])
            found.update(zip(rows.tolist(), explained, strict=True))
        return [found[row] for row in range(len(texts))]

    def save(self, folder: Path) -> None:
        """Write model.skops, and targets.skops where targets have weights of their own."""
        for _, vectorizer in self._fitted.named_steps["features"].transformer_list:
            # numpy integers as values make skops write one file a term: quadratic in the vocabulary.
            vectorizer.vocabulary_ = {term: int(column) for term, column in vectorizer.vocabulary_.items()}
            # An address in memory, by which scikit-learn knows stop words that it has checked; it makes it anew.
            vars(vectorizer).pop("_stop_words_id", None)
        skops_files.write(self._fitted, folder / _FILE)
        if self._settings.per_target:
            skops_files.write(self._by_target, folder / _TARGETS_FILE)

    def fingerprint(self) -> str:
        """Hash of vocabularies, document frequencies and weights, whatever the version of skops."""
        digest = hashlib.sha256()
        for _, vectorizer in self._fitted.named_steps["features"].transformer_list:
            digest.update("\0".join(vectorizer.get_feature_names_out()).encode("utf-8", "surrogatepass"))
            digest.update(vectorizer.idf_.tobytes())
        shared = {"": self._fitted.named_steps["classifier"]}
        for target, classifier in sorted({**shared, **self._by_target}.items()):
            digest.update(target.encode() + classifier.coef_.tobytes() + classifier.intercept_.tobytes())
        return digest.hexdigest()

    def settings(self) -> dict[str, Any]:
        """The settings the model was built with."""
        return asdict(self._settings)

    @classmethod
    def load(cls, folder: Path, settings: dict[str, Any]) -> Self:
        """Read what `save` wrote; it holds nothing beyond what skops itself trusts, so nothing else is admitted."""
        known = read_settings(TfidfSettings, settings, folder)
        pipeline = _read_pipeline(folder / _FILE)
        return cls(known, pipeline, _read_by_target(folder / _TARGETS_FILE) if known.per_target else None)

    @property
    def _fitted(self) -> Pipeline:
        if self._pipeline is None:
            raise RuntimeError("the model is neither fitted nor loaded")
        return self._pipeline

    def _terms(self, texts: Sequence[str]) -> sp.csr_matrix:
        """What the fitted features transform the texts to (n, terms)."""
        parts = []
        for name, vectorizer in self._fitted.named_steps["features"].transformer_list:
            if name == _CHARACTERS:
                self._characters = self._characters or CharacterTfidf(vectorizer)
                parts.append(self._characters.transform(texts))
            else:
                parts.append(vectorizer.transform(texts))
        return sp.hstack(parts, format="csr")

    def _answering(self, targets: Sequence[str]) -> Iterator[tuple[Pipeline, IntArray]]:
        """For each set of weights that answers for some of the targets, the pipeline and the row numbers."""
        names = np.array([target if target in self._by_target else "" for target in targets], dtype=object)
        for name in sorted(set(names)):
            classifier = self._by_target.get(name, self._fitted.named_steps["classifier"])
            pipeline = Pipeline([("features", self._fitted.named_steps["features"]), ("classifier", classifier)])
            yield pipeline, np.flatnonzero(names == name)

    def _features(self) -> FeatureUnion:
        common = {"min_df": self._settings.min_documents, "sublinear_tf": self._settings.sublinear}
        # Numbers, hyphenated names and one-letter words count: "28-point plan", "F-16".
        words = TfidfVectorizer(
            ngram_range=self._settings.word_ngrams, token_pattern=r"(?u)\b\w+(?:[-'’]\w+)*\b", **common
        )
        parts = [("words", words)]
        if self._settings.char_ngrams is not None:
            chars = TfidfVectorizer(analyzer="char_wb", ngram_range=self._settings.char_ngrams, **common)
            parts.append((_CHARACTERS, chars))
        return FeatureUnion(parts)

    def _classifier(self) -> LogisticRegression:
        return LogisticRegression(C=self._settings.c, class_weight=self._settings.class_weight, max_iter=2000)


def _with_own_columns(matrix: sp.csr_matrix, targets: Sequence[str], known: Sequence[str]) -> sp.csr_matrix:
    """Terms (n, f) and a constant 1, for all targets, and once more for each known one: (n, (f + 1)(1 + k)).

    A row's own columns repeat it for its target and are 0 for the others. Source: Daumé 2007, Frustratingly easy domain
    adaptation.
    """
    matrix = sp.hstack([matrix, np.ones((matrix.shape[0], 1))], format="csr")
    own = [sp.diags_array([float(name == target) for name in targets]) @ matrix for target in known]
    return sp.hstack([matrix, *own], format="csr")


def _divided(
    fitted: LogisticRegression, targets: Sequence[str]
) -> tuple[LogisticRegression, dict[str, LogisticRegression]]:
    """The shared weights of a fit on `_with_own_columns` as one classifier, and for each target shared plus own."""
    shared, *own = np.split(fitted.coef_, 1 + len(targets), axis=1)
    by_target = {target: _with_weights(fitted, shared + weights) for target, weights in zip(targets, own, strict=True)}
    return _with_weights(fitted, shared), by_target


def _with_weights(fitted: LogisticRegression, weights: np.ndarray) -> LogisticRegression:
    """A classifier whose terms weigh as in the columns of weights (3, f + 1), the last of which is a constant."""
    one = copy(fitted)
    one.coef_, one.intercept_ = np.ascontiguousarray(weights[:, :-1]), fitted.intercept_ + weights[:, -1]
    one.n_features_in_ = one.coef_.shape[1]
    return one


def _read_pipeline(path: Path) -> Pipeline:
    pipeline = skops_files.read(path)
    if not isinstance(pipeline, Pipeline) or list(pipeline.named_steps) != ["features", "classifier"]:
        raise UserMistake(f"{path}: holds no model of ours; not loaded")
    return pipeline


def _read_by_target(path: Path) -> dict[str, LogisticRegression]:
    found = skops_files.read(path)
    if not isinstance(found, dict) or not all(isinstance(one, LogisticRegression) for one in found.values()):
        raise UserMistake(f"{path}: holds no weights of targets; not loaded")
    return found
