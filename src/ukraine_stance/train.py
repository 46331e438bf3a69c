"""Train one model from one config: data, fit, calibrate, evaluate, save, publish."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from ukraine_stance import fitting, runs, tracking
from ukraine_stance.classifier import OUTPUT_COLUMNS, StanceClassifier
from ukraine_stance.config import ExperimentConfig, resolved_yaml
from ukraine_stance.config import load as load_config
from ukraine_stance.corpus import dataset
from ukraine_stance.corpus.dataset import PARTS, Dataset
from ukraine_stance.errors import ServiceGone
from ukraine_stance.evaluation import behaviour
from ukraine_stance.evaluation.assessment import EXPLAINED, Measures, assess
from ukraine_stance.evaluation.card import Origin, model_card
from ukraine_stance.evaluation.report import write_page
from ukraine_stance.evaluation.results import Evaluation
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.files import (
    read_json,
    saying_why_unwritten,
    sha256_json,
    sole_writer,
    write_json,
    write_text,
)
from ukraine_stance.models import processes
from ukraine_stance.progress import line
from ukraine_stance.project import Project
from ukraine_stance.runs import Run
from ukraine_stance.tracking import Mirror

_EVALUATED = ("validation", "test", "articles")


def train(project: Project, config: ExperimentConfig, out: Path | None = None, force: bool = False) -> Run:
    """One run, in `out` or a new folder of the project's runs; the run returned is complete.

    Raises UserMistake for data that cannot be used, ServiceGone when MLflow is on and does not answer before training.
    A store that goes away later costs a warning: the run is complete and can be published again. A run that is
    interrupted or killed goes on with `resume`.
    """
    _share_out(config)
    fitting.find_weights(config)  # before there is a run of them, which could not be gone on with
    data = dataset.load(project, config.data)
    _check_tracking(project, config)
    folder = out or runs.new_folder(project.runs, config.name)
    with saying_why_unwritten(folder), sole_writer(folder):
        with runs.replaced(folder, force):
            run = runs.start(folder, resolved_yaml(config), _data_facts(data), _asked(config, data), project.root)
            mirror = _start_mirror(project, run, config)
            _work(project, run, config, data, mirror)
        if mirror is not None:
            _publish(project, run, config)
    return run


def resume(project: Project, folder: Path) -> Run:
    """Go on with an interrupted run, to the bits that it would have had without the interruption; a finished one stays.

    Raises UserMistake where config, data, versions, code, processor or threads are not those that it began with, and as
    `train` does.
    """
    run = runs.open_begun(folder)
    config = load_config(run.config).config
    with saying_why_unwritten(folder), sole_writer(folder):
        if run.is_finished:
            line(f"{folder}: finished before, nothing is trained")
            shutil.rmtree(run.workspace, ignore_errors=True)
        else:
            data = dataset.load(project, config.data)
            runs.reopen(run, _asked(config, data))
            _check_tracking(project, config)
            mirror = tracking.reopen(project, run, config.model_dump(mode="json")) if config.tracking.enabled else None
            _work(project, run, config, data, mirror)
        runs.drop_replaced(folder)
        if config.tracking.enabled:
            _publish(project, run, config)
    return run


def _work(project: Project, run: Run, config: ExperimentConfig, data: Dataset, mirror: Mirror | None) -> None:
    try:
        _fit_and_evaluate(run, config, data)
    except BaseException as fault:
        interrupted = isinstance(fault, KeyboardInterrupt)
        if interrupted:
            line(f"{run.folder}: interrupted; go on with: {runs.resuming(run.folder)}")
        if mirror is not None:
            tracking.fail(project, mirror, interrupted)
        raise


def _share_out(config: ExperimentConfig) -> None:
    """Refuse batches that several processes cannot divide, and say so where there is nothing that they could share."""
    networks = [one for one in (config.model, *config.members) if one.family == "transformer"]
    for one in networks:
        processes.share(one.batch_size)
    if processes.count() > 1 and not networks:
        line(f"{processes.count()} processes: this model is trained by one of them, the others wait")


def _check_tracking(project: Project, config: ExperimentConfig) -> None:
    """Stop before any work where the store does not answer; mark in it what died since it was last asked."""
    if config.tracking.enabled:
        tracking.check(project)
        tracking.mark_dead(project)


def _start_mirror(project: Project, run: Run, config: ExperimentConfig) -> Mirror | None:
    if not config.tracking.enabled:
        return None
    try:
        return tracking.start(project, run, config.tracking.experiment, config.name)
    except ServiceGone:
        runs.remove(run.folder)
        raise


def _asked(config: ExperimentConfig, data: Dataset) -> dict[str, Any]:
    """Everything that the results depend on; where they are mirrored is none of it."""
    asked = {
        "config": config.model_dump(mode="json", exclude={"tracking"}),
        "data": sha256_json(data.frame.astype(str).to_numpy().tolist()),
        **runs.surroundings(),
    }
    if any(getattr(one, "reproducible", "strict") == "seeded" for one in (config.model, *config.members)):
        del asked["threads"]  # then no bits are promised
    return asked


def _fit_and_evaluate(run: Run, config: ExperimentConfig, data: Dataset) -> None:
    training, validation = data.part("train"), data.part("validation")
    fitted = fitting.fit(config, training, validation, data.learned_sha256, run.folder, run.workspace)
    write_json(run.history, {"epochs": list(fitted.history), "facts": fitted.facts})
    found = _evaluate(fitted.classifier, config, data)
    write_page(found, run.evaluation, force=False)
    origin = Origin(config, read_json(run.provenance), data, fitted.classifier.calibration)
    write_text(run.card, model_card(found, origin))
    metrics = {"model_id": fitted.classifier.model_id, "parts": [result.as_dict() for result in found.results]}
    run.record_results(metrics, _predictions(found))
    shutil.rmtree(run.workspace, ignore_errors=True)


def _evaluate(trained: StanceClassifier, config: ExperimentConfig, data: Dataset) -> Evaluation:
    parts = {name: rows for name in _EVALUATED if not (rows := data.part(name)).empty}
    asked = config.evaluation
    wanted = Measures(
        Resampling(asked.bootstrap_samples, asked.confidence_level, config.seed),
        tuple(behaviour.read_suites(behaviour.PACKAGED)),
        field_shares=asked.field_shares,
        explained=EXPLAINED,
    )
    return assess([trained], [config.name], parts, wanted)


def _predictions(found: Evaluation) -> pd.DataFrame:
    """One row per statement of every part, with the model's columns."""
    frames = [
        pd.concat([rows[["id", "group", "label"]].assign(part=part), found.predictions[part][0]], axis=1)
        for part, rows in found.rows.items()
    ]
    return pd.concat(frames, ignore_index=True)[["id", "part", "group", "label", *OUTPUT_COLUMNS]]


def _publish(project: Project, run: Run, config: ExperimentConfig) -> None:
    with tracking.kept_unsent(run.folder, f"send it to MLflow with: stance publish {run.folder}"):
        tracking.publish(project, run, config.model_dump(mode="json"))


def _data_facts(data: Dataset) -> dict[str, Any]:
    rows = {name: dict(Counter(data.part(name)["label"])) for name in PARTS}
    return {"sha256": data.sha256, "rows": rows}
