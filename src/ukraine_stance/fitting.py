"""Fit and calibrate the model of a config on given rows: the same for a training run and for every round of several."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ukraine_stance import classifier, models
from ukraine_stance.calibration import fit_temperature
from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.config import ExperimentConfig
from ukraine_stance.corpus.dataset import joined_groups
from ukraine_stance.evaluation.results import gold_columns
from ukraine_stance.models.protocol import LabelledTexts


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
) -> Fitted:
    """Learn from `training`, stop early and calibrate on `validation`, save into `folder`, and give what was saved.

    Rows have `text`, `target` and `label`; data_sha256 names them in the model's description. Intermediate files go to
    `workspace`. Raises UserMistake as the model's family does.
    """
    taught, tuned_on = _labelled(training), _labelled(validation)
    model = models.build(config.model, config.seed, config.members)
    report = model.fit(taught, tuned_on, workspace)
    calibration = fit_temperature(model.predict(tuned_on.texts, tuned_on.targets).probabilities, tuned_on.gold)
    trained_on = {"data": config.data.model_dump(mode="json"), "seed": config.seed, "sha256": data_sha256}
    saved = classifier.save(model, calibration, trained_on, folder)
    facts = {**dict(report.facts), "temperature": float(np.round(calibration.temperature, 4))}
    return Fitted(saved, report.history, facts)


def _labelled(rows: pd.DataFrame) -> LabelledTexts:
    return LabelledTexts(tuple(rows["text"]), tuple(rows["target"]), gold_columns(rows), tuple(joined_groups(rows)))
