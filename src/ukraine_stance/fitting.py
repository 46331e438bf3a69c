"""Fit and calibrate the model of a config on given rows: the same for a training run and for every round of several."""

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ukraine_stance import classifier, models
from ukraine_stance.calibration import Calibration, choose_threshold, fit_temperature
from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.config import AbstentionConfig, EncoderConfig, ExperimentConfig
from ukraine_stance.corpus.dataset import joined_groups
from ukraine_stance.evaluation.results import gold_columns
from ukraine_stance.models.protocol import LabelledTexts, StanceModel, Watch
from ukraine_stance.models.weights import locate


@dataclass(frozen=True, slots=True)
class Fitted:
    """A classifier as it was saved, the figures of each epoch, and what a reader should know of the fit."""

    classifier: StanceClassifier
    history: tuple[dict[str, float], ...]
    facts: dict[str, Any]


def fit(
    config: ExperimentConfig,
    training: pd.DataFrame,
    validation: pd.DataFrame,
    data_sha256: str,
    folder: Path,
    workspace: Path,
    watch: Watch | None = None,
) -> Fitted:
    """Learn from `training`, stop early and calibrate on `validation`, save into `folder`, and give what was saved.

    Rows have `text`, `target` and `label`; data_sha256 names them in the model's description. Intermediate files go to
    `workspace`; watch is told of every epoch. Raises UserMistake as the model's family does.
    """
    taught, tuned_on = labelled(training), labelled(validation)
    model = models.build(config.model, config.seed, config.members)
    report = model.fit(taught, tuned_on, workspace, watch)
    calibration = _calibrate(model, tuned_on, config.abstention)
    trained_on = {"data": config.data.model_dump(mode="json"), "seed": config.seed, "sha256": data_sha256}
    saved = classifier.save(model, calibration, trained_on, folder, taught.targets)
    facts = {**dict(report.facts), "temperature": float(np.round(calibration.temperature, 4))}
    if calibration.choice is not None:
        facts["abstention"] = {"threshold": calibration.threshold, **asdict(calibration.choice)}
    return Fitted(saved, report.history, facts)


def find_weights(config: ExperimentConfig) -> None:
    """Raise UserMistake or ServiceGone, as `locate` does, where a checkpoint of the config cannot be had."""
    for section, one in (("model", config.model), *((member.family, member) for member in config.members)):
        if isinstance(one, EncoderConfig):
            locate(one.checkpoint, one.revision, one.checkpoint_sha256, section)


def _calibrate(model: StanceModel, validation: LabelledTexts, wanted: AbstentionConfig) -> Calibration:
    """Temperature, and the threshold that is wanted; one that cannot be reached costs a warning, not the training."""
    probabilities = model.predict(validation.texts, validation.targets).probabilities
    fitted = fit_temperature(probabilities, validation.gold)
    if wanted.precision is None and wanted.coverage is None:
        return fitted
    gold, groups = validation.gold, validation.groups
    found = choose_threshold(fitted, probabilities, gold, groups, wanted.precision, wanted.coverage)
    if found.choice and not found.choice.reached:
        logging.getLogger(__name__).warning("%s", found.choice.words)
    return found


def labelled(rows: pd.DataFrame) -> LabelledTexts:
    """Rows with text, target and label in the form that models read, with what must not be divided."""
    return LabelledTexts(tuple(rows["text"]), tuple(rows["target"]), gold_columns(rows), tuple(joined_groups(rows)))
