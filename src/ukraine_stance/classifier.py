"""A model as people use it: with its calibration, its target and a golden batch that is checked on load."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ukraine_stance import models
from ukraine_stance.calibration import Calibration
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import read_json, sha256_file, sha256_json, write_json
from ukraine_stance.labels import ORDER, TARGET
from ukraine_stance.models.protocol import StanceModel

# A saved model is these two in one folder.
DESCRIPTION = "model.json"
FOLDER = "model"
_FORMAT = 1

PROBABILITY_COLUMNS = tuple(f"p_{label}" for label in ORDER)
OUTPUT_COLUMNS = ("stance", *PROBABILITY_COLUMNS, "confidence", "truncated", "model_id")

# Scored when a model is saved and again when it is loaded: other numbers mean other weights or another library.
_GOLDEN_TEXTS = (
    "The coalition will send two more air-defence batteries before winter.",
    "We will not pay for somebody else's war, the deputy said.",
    "The delegations met for three hours and left without a statement.",
    "Ohne Strom kein Winter: 40 generators reached the town.",
    "x",
)
_GOLDEN_TOLERANCE = 1e-3

_LIBRARIES = ("ukraine-stance", "scikit-learn", "skops", "numpy", "torch", "transformers", "tokenizers", "safetensors")


@dataclass(frozen=True, slots=True)
class StanceClassifier:
    """Predicts the stance of statements toward one target; `model_id` names these weights wherever they stand.

    trained_on tells the data: the config's `data` section, its seed, and the dataset's sha256.
    """

    model: StanceModel
    calibration: Calibration
    model_id: str
    target: str = TARGET
    trained_on: dict[str, Any] = field(default_factory=dict)

    def predict(self, statements: "Sequence[str] | pd.Series[str] | pd.DataFrame") -> pd.DataFrame:
        """One row per statement, in order, with the columns of OUTPUT_COLUMNS.

        A frame needs a column `text` and gives its other columns back before ours. stance is empty where the model
        abstains. Raises UserMistake when a text is missing or empty, or a column bears the name of one of ours.
        """
        frame = statements if isinstance(statements, pd.DataFrame) else pd.DataFrame({"text": list(statements)})
        texts = _texts(frame)
        return pd.concat([frame.reset_index(drop=True), self.score(texts)], axis=1)

    def score(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> pd.DataFrame:
        """Our output columns alone, for texts already known to be good: n rows in, n rows out.

        targets takes the place of the model's own target, one for each text.
        """
        targets = [self.target] * len(texts) if targets is None else targets
        prediction = self.model.predict(texts, targets)
        probabilities = self.calibration.apply(prediction.probabilities)
        confidence = probabilities.max(axis=1) if len(texts) else np.zeros(0)
        labels = np.asarray(ORDER, dtype=object)[probabilities.argmax(axis=1)] if len(texts) else np.zeros(0, object)
        stance = [
            str(x) if sure >= self.calibration.threshold else "" for x, sure in zip(labels, confidence, strict=True)
        ]
        columns: dict[str, Any] = {"stance": pd.Series(stance, dtype="str")}
        columns |= {name: probabilities[:, column] for column, name in enumerate(PROBABILITY_COLUMNS)}
        columns |= {"confidence": confidence, "truncated": prediction.truncated, "model_id": self.model_id}
        return pd.DataFrame(columns, index=range(len(texts)))


def save(model: StanceModel, calibration: Calibration, trained_on: dict[str, Any], folder: Path) -> StanceClassifier:
    """Write `folder/model/` and `folder/model.json`, read them back, and return the classifier that was read.

    What is evaluated is thus what was saved.
    """
    weights = folder / FOLDER
    weights.mkdir()
    model.save(weights)
    fresh = models.load(model.family, weights, model.settings())
    hashes = {
        str(path.relative_to(weights)): sha256_file(path) for path in sorted(weights.rglob("*")) if path.is_file()
    }
    described = {
        "format": _FORMAT,
        "family": model.family,
        "target": TARGET,
        "trained_on": trained_on,
        "labels": [str(label) for label in ORDER],
        "settings": model.settings(),
        "calibration": asdict(calibration),
        "files": hashes,
        "versions": _versions(),
    }
    model_id = f"{model.family}-{sha256_json([hashes, described['calibration'], TARGET])[:12]}"
    classifier = StanceClassifier(fresh, calibration, model_id, trained_on=trained_on)
    golden = classifier.score(_GOLDEN_TEXTS)[list(PROBABILITY_COLUMNS)]
    described |= {
        "model_id": model_id,
        "golden": {"texts": list(_GOLDEN_TEXTS), "probabilities": golden.to_numpy().tolist()},
    }
    write_json(folder / DESCRIPTION, described)
    return classifier


def load(folder: Path) -> StanceClassifier:
    """Read a model folder; every file is held to its hash and the golden batch is scored anew.

    Raises UserMistake, naming the file and the fault, when the folder is no model of ours, was changed, or gives other
    probabilities with the libraries installed here.
    """
    described = _description(folder)
    for name, expected in described["files"].items():
        path = folder / FOLDER / name
        if not path.is_file():
            raise UserMistake(f"{path}: missing; the model folder is incomplete, copy or train it again")
        if sha256_file(path) != expected:
            raise UserMistake(f"{path}: differs from the file that was saved with the model; copy or train it again")
    model = models.load(described["family"], folder / FOLDER, described["settings"])
    classifier = StanceClassifier(
        model,
        Calibration(**described["calibration"]),
        described["model_id"],
        described["target"],
        described["trained_on"],
    )
    _check_golden(folder, classifier, described)
    return classifier


def _description(folder: Path) -> dict[str, Any]:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise UserMistake(
            f"{folder}: no model here (no {DESCRIPTION}); give a run folder, runs:/ID or models:/NAME@ALIAS"
        )
    try:
        described: dict[str, Any] = read_json(path)
        known = described["format"] == _FORMAT and tuple(described["labels"]) == ORDER
    except (ValueError, KeyError, TypeError) as fault:
        raise UserMistake(
            f"{path}: not a model description of ours ({fault}); copy or train the model again"
        ) from fault
    if not known:
        raise UserMistake(
            f"{path}: format {described['format']}, labels {described['labels']}; this version cannot use it"
        )
    return described


def _check_golden(folder: Path, classifier: StanceClassifier, described: dict[str, Any]) -> None:
    golden = described["golden"]
    scored = classifier.score(golden["texts"])
    difference = float(np.abs(scored[list(PROBABILITY_COLUMNS)].to_numpy() - np.asarray(golden["probabilities"])).max())
    if difference > _GOLDEN_TOLERANCE:
        changed = [
            f"{name} {was} -> {_versions()[name]}"
            for name, was in described["versions"].items()
            if was != _versions()[name]
        ]
        raise UserMistake(
            f"{folder}: the model gives other probabilities here than when it was saved (by up to {difference:.4f}); "
            f"versions that changed: {', '.join(changed) or 'none'}; install those of the run or train again"
        )


def _texts(frame: pd.DataFrame) -> list[str]:
    if "text" not in frame:
        raise UserMistake(f"no column 'text' (columns: {', '.join(map(str, frame.columns)) or 'none'})")
    clashes = [name for name in OUTPUT_COLUMNS if name in frame]
    if clashes:
        raise UserMistake(f"columns {', '.join(clashes)} would be written by the model; rename or drop them first")
    for row, text in enumerate(frame["text"]):
        if not isinstance(text, str) or not text.strip():
            raise UserMistake(f"row {row}: text is {text!r}; every statement must be a string with words in it")
    return [str(text) for text in frame["text"]]


def _versions() -> dict[str, str]:
    return {name: _version(name) for name in _LIBRARIES}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "absent"
