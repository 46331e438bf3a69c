"""Test one config on all saved folds, unseen outlets or a later period: plan, fit each round, measure together."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ukraine_stance import classifier, fitting, tracking
from ukraine_stance.config import ExperimentConfig, resolved_yaml
from ukraine_stance.corpus import dataset
from ukraine_stance.corpus.dataset import Dataset
from ukraine_stance.corpus.hold_out import HeldOut, Plan, Round, plan
from ukraine_stance.evaluation.out_of_fold import OutOfFold, ScoredRound, measure_out_of_fold
from ukraine_stance.evaluation.report import write_page
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.files import replacing, saying_why_unwritten, sha256_json, sole_writer, write_json
from ukraine_stance.progress import line
from ukraine_stance.project import Project
from ukraine_stance.rounds import Rounds, open_rounds


@dataclass(frozen=True, slots=True)
class Question:
    """What to hold out; `start`, a year, month or day, is where a held-out period begins."""

    held_out: HeldOut = "fold"
    start: str | None = None

    @property
    def part(self) -> str:
        """What the predictions of all rounds together are called."""
        return {"fold": "out of fold", "outlet": "unseen outlets", "period": f"from {self.start}"}[self.held_out]


def cross_validate(
    project: Project, config: ExperimentConfig, asked: Question, out: Path, force: bool = False
) -> Rounds:
    """Fit and test every round; the folder returned holds predictions, figures and page, and what was begun goes on.

    A round that is done is kept, whatever ends the work; a folder where all is done stays as it is. Raises UserMistake
    for data that cannot be used and for a folder of something else, ServiceGone when MLflow is on and does not answer
    before the first round.
    """
    data = dataset.load(project, config.data)
    planned = plan(data.frame, asked.held_out, asked.start, config.data.articles)
    if config.tracking.enabled:
        tracking.check(project)
    identity = _identity(config, asked, data, planned)
    facts = {"sha256": data.sha256, "rounds": [_sizes(one) for one in planned.rounds]}
    with saying_why_unwritten(out), sole_writer(out):
        rounds = open_rounds(out, identity, (resolved_yaml(config), facts, project.root), force)
        if rounds.results.exists():
            line(f"{out}: finished before, nothing is fitted; --force begins anew")
        else:
            try:
                _fit_and_measure(rounds, config, asked, planned)
            except KeyboardInterrupt:
                shutil.rmtree(rounds.workspace, ignore_errors=True)  # where Ctrl-C came while it was being removed
                line(f"{out}: keeps the rounds that are done; the same command goes on with the others")
                raise
        if config.tracking.enabled:
            _publish(project, rounds, config)
    return rounds


def _fit_and_measure(rounds: Rounds, config: ExperimentConfig, asked: Question, planned: Plan) -> None:
    shutil.rmtree(rounds.workspace, ignore_errors=True)  # of a process that was killed
    tested, fits = [], []
    for number, one in enumerate(planned.rounds):
        at, ids = f"round {number + 1} of {len(planned.rounds)}, {one.name}", list(one.test["id"])
        if rounds.is_done(number):
            line(f"{at}: done before")
        else:
            line(f"{at}: trains on {len(one.train)}, validates on {len(one.validation)}, tests {len(ids)}")
            _fit(rounds, number, one, config)
        scores, facts = rounds.read(number, ids)
        tested.append(ScoredRound(one.name, one.test, scores))
        fits.append({**_sizes(one), "facts": facts})
    how = Resampling(config.evaluation.bootstrap_samples, config.evaluation.confidence_level, config.seed)
    model = (config.name, f"cross-validation-{rounds.fingerprint[:12]}")
    shares = config.evaluation.field_shares
    _write(rounds, asked, fits, measure_out_of_fold(model, asked.part, tested, planned.notes, how, shares))


def _fit(rounds: Rounds, number: int, one: Round, config: ExperimentConfig) -> None:
    rounds.workspace.mkdir()
    try:
        checkpoints = rounds.workspace / "checkpoints"
        fitted = fitting.fit(config, one.train, one.validation, rounds.fingerprint, rounds.workspace, checkpoints)
        scores = fitted.classifier.score(list(one.test["text"]), list(one.test["target"]))
        rounds.keep(number, list(one.test["id"]), scores, fitted.facts)
    finally:
        shutil.rmtree(rounds.workspace, ignore_errors=True)


def _write(rounds: Rounds, asked: Question, fits: Sequence[dict[str, Any]], found: OutOfFold) -> None:
    write_page(found.together, rounds.run.evaluation, force=True)
    with replacing(rounds.run.predictions) as temporary:
        found.predictions.to_parquet(temporary, index=False, compression="zstd")
    about = {"hold_out": asked.held_out, "from": asked.start, "fingerprint": rounds.fingerprint}
    write_json(rounds.results, {**about, "fits": list(fits), **found.as_dict()})


def _publish(project: Project, rounds: Rounds, config: ExperimentConfig) -> None:
    with tracking.kept_unsent(rounds.run.folder, "the same command again sends it to MLflow"):
        tracking.publish_cross_validation(project, rounds.run, config.model_dump(mode="json"), rounds.results)


def _identity(config: ExperimentConfig, asked: Question, data: Dataset, planned: Plan) -> dict[str, Any]:
    """Everything that a figure depends on; where it is mirrored is none of it."""
    sides = [[list(rows["id"]) for rows in (one.train, one.validation, one.test)] for one in planned.rounds]
    return {
        "hold_out": asked.held_out,
        "from": asked.start,
        "config": config.model_dump(mode="json", exclude={"tracking"}),
        "data": sha256_json([data.frame.astype(str).to_numpy().tolist(), sides]),
        "versions": classifier.versions(),
    }


def _sizes(one: Round) -> dict[str, Any]:
    return {"name": one.name, "train": len(one.train), "validation": len(one.validation), "test": len(one.test)}
