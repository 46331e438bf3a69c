"""TF-IDF over words and characters with logistic regression: the floor that every other model must beat."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self
from zipfile import ZIP_DEFLATED, BadZipFile

import numpy as np
import skops.io
from pydantic import ConfigDict
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline

from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER
from ukraine_stance.models.contributions import explain_linear
from ukraine_stance.models.protocol import Explanation, FitReport, LabelledTexts, Prediction, Watch, read_settings

_FILE = "model.skops"


@dataclass(frozen=True, slots=True)
class TfidfSettings:
    """n-gram ranges are (shortest, longest); c is the inverse of the regularisation's strength."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    word_ngrams: tuple[int, int]
    char_ngrams: tuple[int, int] | None
    min_documents: int
    sublinear: bool
    c: float
    class_weight: Literal["balanced"] | None


class TfidfModel:
    """Linear model on TF-IDF features of one target; it reads the whole text and ignores the target's words."""

    family: ClassVar[str] = "tfidf"

    def __init__(self, settings: TfidfSettings, pipeline: Pipeline | None = None) -> None:
        self._settings = settings
        self._pipeline = pipeline

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
        classifier.fit(matrix, train.gold)
        self._pipeline = Pipeline([("features", features), ("classifier", classifier)])
        return FitReport(facts=(("terms", matrix.shape[1]), ("iterations", int(classifier.n_iter_.max()))))

    def predict(self, texts: Sequence[str], targets: Sequence[str]) -> Prediction:
        """Probabilities (n, 3); no text is ever truncated."""
        if not texts:
            return Prediction(np.zeros((0, len(ORDER))), np.zeros(0, dtype=np.bool_))
        probabilities = self._fitted.predict_proba(list(texts))
        return Prediction(np.asarray(probabilities, dtype=np.float64), np.zeros(len(texts), dtype=np.bool_))

    def explain(self, texts: Sequence[str], targets: Sequence[str], columns: Sequence[int]) -> list[Explanation]:
        """Exact contributions of every word: the weights and the baseline add up to the score."""
        return explain_linear(self._fitted, texts, columns)

    def save(self, folder: Path) -> None:
        """Write model.skops, deflated."""
        for _, vectorizer in self._fitted.named_steps["features"].transformer_list:
            # numpy integers as values make skops write one file a term: quadratic in the vocabulary.
            vectorizer.vocabulary_ = {term: int(column) for term, column in vectorizer.vocabulary_.items()}
        skops.io.dump(self._fitted, folder / _FILE, compression=ZIP_DEFLATED, compresslevel=6)

    def fingerprint(self) -> str:
        """Hash of vocabularies, document frequencies and weights; skops files hold times and memory addresses too."""
        digest = hashlib.sha256()
        for _, vectorizer in self._fitted.named_steps["features"].transformer_list:
            digest.update("\0".join(vectorizer.get_feature_names_out()).encode("utf-8", "surrogatepass"))
            digest.update(vectorizer.idf_.tobytes())
        classifier = self._fitted.named_steps["classifier"]
        digest.update(classifier.coef_.tobytes() + classifier.intercept_.tobytes())
        return digest.hexdigest()

    def settings(self) -> dict[str, Any]:
        """The settings the model was built with."""
        return asdict(self._settings)

    @classmethod
    def load(cls, folder: Path, settings: dict[str, Any]) -> Self:
        """Read model.skops; our pipelines hold nothing beyond what skops itself trusts, so nothing else is admitted."""
        path = folder / _FILE
        if not path.is_file():
            raise UserMistake(f"{path}: missing; the model folder is incomplete, copy or train it again")
        return cls(read_settings(TfidfSettings, settings, folder), _read_pipeline(path))

    @property
    def _fitted(self) -> Pipeline:
        if self._pipeline is None:
            raise RuntimeError("the model is neither fitted nor loaded")
        return self._pipeline

    def _features(self) -> FeatureUnion:
        common = {"min_df": self._settings.min_documents, "sublinear_tf": self._settings.sublinear}
        # Numbers, hyphenated names and one-letter words count: "28-point plan", "F-16".
        words = TfidfVectorizer(
            ngram_range=self._settings.word_ngrams, token_pattern=r"(?u)\b\w+(?:[-'’]\w+)*\b", **common
        )
        parts = [("words", words)]
        if self._settings.char_ngrams is not None:
            chars = TfidfVectorizer(analyzer="char_wb", ngram_range=self._settings.char_ngrams, **common)
            parts.append(("characters", chars))
        return FeatureUnion(parts)

    def _classifier(self) -> LogisticRegression:
        return LogisticRegression(C=self._settings.c, class_weight=self._settings.class_weight, max_iter=2000)


def _read_pipeline(path: Path) -> Pipeline:
    try:
        foreign = skops.io.get_untrusted_types(file=path)
        pipeline = None if foreign else skops.io.load(path, trusted=[])
    except (BadZipFile, KeyError, TypeError, ValueError) as fault:
        raise UserMistake(f"{path}: cannot be read; copy or train the model again") from fault
    if foreign:
        raise UserMistake(f"{path}: holds types that no model of ours has ({', '.join(sorted(foreign))}); not loaded")
    if not isinstance(pipeline, Pipeline) or list(pipeline.named_steps) != ["features", "classifier"]:
        raise UserMistake(f"{path}: holds no model of ours; not loaded")
    return pipeline
