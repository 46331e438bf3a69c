"""A model as people use it: with its calibration, its targets and a golden batch that is checked on load."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from ukraine_stance import models
from ukraine_stance.calibration import Calibration
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import read_json, sha256_file, sha256_json, write_json
from ukraine_stance.labels import ORDER, TARGET
from ukraine_stance.models.protocol import Explanation, StanceModel
from ukraine_stance.tables import are_empty

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

_TARGETS_SHOWN = 5

_SURROGATE = re.compile(r"[\ud800-\udfff]")

_LIBRARIES = ("ukraine-stance", "scikit-learn", "skops", "numpy", "torch", "transformers", "tokenizers", "safetensors")


@dataclass(frozen=True, slots=True)
class StanceClassifier:
    """Predicts the stance of statements toward a target; `model_id` names these weights wherever they stand.

    targets are those learned from, the most frequent first; target is asked about where none is named: ours where the
    model learned it, else the first. trained_on tells the data: the config's `data` section, its seed, and the sha256
    of the rows learned from.
    """

    model: StanceModel
    calibration: Calibration
    model_id: str
    targets: tuple[str, ...] = (TARGET,)
    trained_on: dict[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """What is asked about where no target is named."""
        return _target(self.targets)

    def predict(self, statements: "Sequence[str] | pd.Series[str] | pd.DataFrame") -> pd.DataFrame:
        """One row per statement, in order, with the columns of OUTPUT_COLUMNS.

        A frame needs a column `text` and gives its other columns back before ours; frame and series keep their index.
        A column `target` names what each row is asked about. stance is empty where the model abstains. Raises
        UserMistake when a text is missing or empty, a column bears the name of one of ours, or no target is named to a
        model of several.
        """
        frame = _frame(statements)
        texts = _texts(frame)
        named = frame["target"] if "target" in frame else None
        scores = self.score(texts, self.asked(named, len(texts))).set_axis(frame.index)
        return frame.assign(**{name: scores[name] for name in OUTPUT_COLUMNS})

    def score(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> pd.DataFrame:
        """Our output columns alone, for texts already known to be good: n rows in, n rows out.

        targets, one for each text, takes the place of the model's own target.
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

    def asked(self, named: Iterable[Any] | None, count: int) -> list[str]:
        """The target of each of `count` rows; named are the cells of a column `target`, None where there is no column.

        A target that the model did not learn is asked about all the same. Raises UserMistake naming the first row
        without a target where the model learned several: it would be answered about a target that nobody chose.
        """
        cells = [None] * count if named is None else list(named)
        empty = [row for row, cell in enumerate(cells) if not isinstance(cell, str) or not cell.strip()]
        if empty and len(self.targets) > 1:
            where = "no column 'target'" if named is None else f"row {empty[0]}: target is empty"
            shown = ", ".join(self.targets[:_TARGETS_SHOWN]) + (" ..." if len(self.targets) > _TARGETS_SHOWN else "")
            raise UserMistake(
                f"{where}; the model learned {len(self.targets)} targets ({shown}): name one for every statement"
            )
        return [cell if isinstance(cell, str) and cell.strip() else self.target for cell in cells]

    def explain(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> list[Explanation]:
        """Why each text gets its most probable stance, word by word; for texts already known to be good, as `score`.

        Scores and weights are those before calibration: its temperature divides all of a model's alike.
        """
        targets = [self.target] * len(texts) if targets is None else targets
        columns = self.model.predict(texts, targets).probabilities.argmax(axis=1)
        return self.model.explain(texts, targets, columns.tolist())


def save(
    model: StanceModel,
    calibration: Calibration,
    trained_on: dict[str, Any],
    folder: Path,
    targets: Sequence[str] = (TARGET,),
) -> StanceClassifier:
    """Write `folder/model/` and `folder/model.json`, read them back, and return the classifier that was read.

    What is evaluated is thus what was saved. targets are those of the rows learned from, one for each row.
    """
    learned = tuple(target for target, _ in Counter(targets).most_common())
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
        "target": _target(learned),
        "targets": list(learned),
        "trained_on": trained_on,
        "labels": [str(label) for label in ORDER],
        "settings": model.settings(),
        "calibration": asdict(calibration),
        "files": hashes,
        "versions": versions(),
    }
    # How a threshold was chosen changes no answer.
    answers = {"temperature": calibration.temperature, "threshold": calibration.threshold}
    # One target is named as before there were several: the model keeps its name.
    identity = [fresh.fingerprint(), described["settings"], answers, learned[0] if len(learned) == 1 else learned]
    model_id = f"{model.family}-{sha256_json(identity)[:12]}"
    classifier = StanceClassifier(fresh, calibration, model_id, learned, trained_on)
    golden = classifier.score(_GOLDEN_TEXTS)[list(PROBABILITY_COLUMNS)]
    described |= {
        "model_id": model_id,
        "golden": {"texts": list(_GOLDEN_TEXTS), "probabilities": golden.to_numpy().tolist()},
    }
    write_json(folder / DESCRIPTION, described)
    return classifier


def _target(learned: Sequence[str]) -> str:
    return TARGET if TARGET in learned else learned[0]


def load(folder: Path) -> StanceClassifier:
    """Read a model folder; every file is held to its hash and the golden batch is scored anew.

    Raises UserMistake, naming the file and the fault, when the folder is no model of ours, was changed, or gives other
    probabilities with the libraries installed here.
    """
    described = _description(folder)
    _check_files(folder / FOLDER, described.files)
    model = models.load(described.family, folder / FOLDER, described.settings)
    calibration, name = described.calibration, described.model_id
    classifier = StanceClassifier(
        model, calibration, name, described.targets or (described.target,), described.trained_on
    )
    _check_golden(folder, classifier, described)
    return classifier


class _Golden(BaseModel):
    texts: Annotated[list[str], Field(min_length=1)]
    probabilities: list[tuple[float, float, float]]

    @model_validator(mode="after")
    def _one_row_each(self) -> Self:
        if len(self.texts) != len(self.probabilities):
            raise ValueError(f"{len(self.texts)} texts, {len(self.probabilities)} rows of probabilities")
        return self


def _seed_is_a_number(trained_on: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(trained_on.get("seed", 0), int):
        raise ValueError(f"seed is {trained_on['seed']!r}, no whole number")
    return trained_on


class _Description(BaseModel):
    """What `save` writes into model.json; models of one target were once saved without `targets`."""

    format: int
    family: str
    target: str
    targets: tuple[str, ...] = ()
    trained_on: Annotated[dict[str, Any], AfterValidator(_seed_is_a_number)]
    labels: tuple[str, ...]
    settings: dict[str, Any]
    calibration: Calibration
    files: Annotated[dict[str, str], Field(min_length=1)]
    versions: dict[str, str]
    model_id: Annotated[str, Field(min_length=1)]
    golden: _Golden


def _description(folder: Path) -> _Description:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise UserMistake(
            f"{folder}: no model here (no {DESCRIPTION}); give a run folder, runs:/ID or models:/NAME@ALIAS"
        )
    try:
        described = read_json(path)
        found = (described["format"], tuple(described["labels"]))
        if found != (_FORMAT, ORDER):
            raise UserMistake(f"{path}: format {found[0]}, labels {list(found[1])}; this version cannot use it")
        return _Description.model_validate(described)
    except (ValueError, KeyError, TypeError) as fault:
        raise UserMistake(
            f"{path}: not a model description of ours ({_said(fault)}); copy or train the model again"
        ) from fault


def _said(fault: Exception) -> str:
    if isinstance(fault, ValidationError):
        return "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in fault.errors())
    return f"no {fault}" if isinstance(fault, KeyError) else str(fault)


def _check_files(weights: Path, files: dict[str, str]) -> None:
    for name, expected in files.items():
        path = weights / name
        if not path.resolve().is_relative_to(weights.resolve()):
            raise UserMistake(f"{weights.parent / DESCRIPTION}: names {name}, which is not in {weights}; not loaded")
        if not path.is_file():
            raise UserMistake(f"{path}: missing; the model folder is incomplete, copy or train it again")
        if sha256_file(path) != expected:
            raise UserMistake(f"{path}: differs from the file that was saved with the model; copy or train it again")
    # A file more could change how the others are read; hidden ones are left by file managers and read by nobody.
    known = {weights / name for name in files}
    for path in sorted(weights.rglob("*")):
        if path.is_file() and path not in known and not path.name.startswith("."):
            raise UserMistake(f"{path}: was not saved with the model; remove it")


def _check_golden(folder: Path, classifier: StanceClassifier, described: _Description) -> None:
    scored = classifier.score(described.golden.texts)[list(PROBABILITY_COLUMNS)].to_numpy()
    difference = float(np.abs(scored - np.asarray(described.golden.probabilities)).max())
    if not difference <= _GOLDEN_TOLERANCE:  # nan is not within it
        now = versions()
        changed = [
            f"{name} {was} -> {now.get(name, 'absent')}"
            for name, was in described.versions.items()
            if was != now.get(name, "absent")
        ]
        raise UserMistake(
            f"{folder}: the model gives other probabilities here than when it was saved (by up to {difference:.4f}); "
            f"versions that changed: {', '.join(changed) or 'none'}; install those of the run or train again"
        )


def _frame(statements: "Sequence[str] | pd.Series[str] | pd.DataFrame") -> pd.DataFrame:
    if isinstance(statements, pd.DataFrame):
        return statements
    if isinstance(statements, pd.Series):
        return pd.DataFrame({"text": statements})
    if isinstance(statements, str | bytes | Mapping) or not isinstance(statements, Iterable):
        raise UserMistake(f"statements are one {type(statements).__name__}; give a list of strings, or a frame")
    return pd.DataFrame({"text": list(statements)}, dtype=object)


def _texts(frame: pd.DataFrame) -> list[str]:
    if list(frame.columns).count("text") != 1:
        raise UserMistake(f"not one column 'text' (columns: {', '.join(map(str, frame.columns)) or 'none'})")
    clashes = [name for name in OUTPUT_COLUMNS if name in frame]
    if clashes:
        raise UserMistake(f"columns {', '.join(clashes)} would be written by the model; rename or drop them first")
    texts = list(frame["text"])
    for row, (text, is_empty) in enumerate(zip(texts, are_empty(texts).to_pylist(), strict=True)):
        if is_empty:
            raise UserMistake(
                f"row {row}: text is {repr(text)[:40]}; every statement must be a string with words in it"
            )
        if _SURROGATE.search(text):
            raise UserMistake(f"row {row}: text holds half a character (a lone surrogate); decode it anew")
    return [str(text) for text in texts]


def versions() -> dict[str, str]:
    """Versions installed here of the libraries that a model's answers may depend on."""
    return {name: _version(name) for name in _LIBRARIES}


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "absent"
