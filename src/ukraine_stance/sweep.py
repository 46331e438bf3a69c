"""Search for better values of an experiment on its validation fold; the test is never looked at."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ukraine_stance import classifier, fitting, runs, tracking
from ukraine_stance.config import ExperimentConfig, SearchSpace, SweepConfig, resolved_yaml, search_space
from ukraine_stance.config.schema import LONGEST_NAME
from ukraine_stance.corpus import dataset
from ukraine_stance.corpus.dataset import Dataset
from ukraine_stance.errors import ServiceGone, UserMistake
from ukraine_stance.evaluation.metrics import METRICS, confusion
from ukraine_stance.evaluation.results import gold_columns, predicted_columns
from ukraine_stance.files import replacing_folder, saying_why_unwritten, sha256_json, sole_writer, write_text
from ukraine_stance.models import processes
from ukraine_stance.progress import line
from ukraine_stance.project import Project
from ukraine_stance.records import TrialResult
from ukraine_stance.runs import Run

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

_BEST = "best.yaml"
_TRIALS = "trials.csv"
_ASKED = "asked"
_REFUSED = "refused"
# What the best config's name ends in.
_SWEPT = "-swept"
# Trials before the sampler and the pruner learn from them.
_DRAWN_FIRST = 8
# Of a config: as the search's figure for a trial, and what early stopping goes by.
_METRIC = "macro_f1"

Show: TypeAlias = Callable[[Sequence[TrialResult]], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sweep:
    """The folder of a sweep with all its trials, in order; best.yaml there is the best one's config, ready to train."""

    folder: Path
    trials: tuple[TrialResult, ...]

    @property
    def best_config(self) -> Path:
        """Config of the best trial."""
        return self.folder / _BEST

    @property
    def best(self) -> TrialResult:
        """The trial of the highest score among those that ran to their end."""
        return max((one for one in self.trials if one.outcome == "completed"), key=lambda one: one.score or 0.0)


def sweep(project: Project, wanted: SweepConfig, out: Path | None = None) -> Sweep:
    """Try values until there are as many trials as wanted; a folder that holds some of the same sweep is gone on with.

    A trial learns from the training folds and is judged on the validation fold, with the experiment's own seed. Raises
    UserMistake for values that the experiment does not take, before any is tried, and for a folder of another sweep.
    """
    space = search_space(wanted)
    base = space.base
    if processes.count() > 1:
        raise UserMistake("a sweep is of one process: start it without torchrun or accelerate launch")
    for experiment in space.experiments_of("checkpoint"):
        fitting.find_weights(experiment)
    data = dataset.load(project, base.data)
    if base.tracking.enabled:
        tracking.check(project)
        tracking.mark_dead(project)
    folder = out or runs.new_folder(project.runs, f"sweep-{base.name}")
    with saying_why_unwritten(folder), sole_writer(folder):
        study = _open(folder, project, space, data)
        missing = wanted.trials - len(_ended(study))
        with _mirrored(project, folder, base, missing > 0) as show:
            done = _try(study, space, missing, data, folder, show)
            _write(done, study, space)
        if base.tracking.enabled:
            _publish(project, done, base)
    return done


@contextmanager
def _mirrored(project: Project, folder: Path, base: ExperimentConfig, goes_on: bool) -> Iterator[Show]:
    """Show in MLflow that the sweep runs, where it does and MLflow is on; gives what shows the trials that ended.

    A store that goes away meanwhile is left alone from then on: to wait for it at every trial would cost minutes.
    """
    if not base.tracking.enabled or not goes_on:
        yield lambda trials: None
        return
    mirror = tracking.open_sweep(project, Run(folder), base.model_dump(mode="json"))
    gone = False

    def show(trials: Sequence[TrialResult]) -> None:
        nonlocal gone
        if gone:
            return
        try:
            tracking.send_trials(project, mirror, trials)
        except ServiceGone as fault:
            gone = True
            _log.warning("%s\n%s: the sweep goes on; what is missing there is sent at its end", fault, folder)

    try:
        yield show
    except BaseException as fault:
        tracking.fail(project, mirror, isinstance(fault, KeyboardInterrupt))
        raise


def _try(study: "Study", space: SearchSpace, missing: int, data: Dataset, folder: Path, show: Show) -> Sweep:
    if missing <= 0:
        line(f"{folder}: finished before, nothing is tried")
    try:
        show([_result(one) for one in _ended(study)])  # before an interruption, or while the store was away
        _search(study, space, missing, data, folder, show)
    except KeyboardInterrupt:
        line(f"{folder}: keeps {len(_ended(study))} trials; the same command with --out {folder} goes on")
        raise
    finally:
        shutil.rmtree(_workspace(folder), ignore_errors=True)
    done = Sweep(folder, tuple(map(_result, _ended(study))))
    if all(one.outcome != "completed" for one in done.trials):
        raise UserMistake(f"{folder}: no trial came to its end; give other values, and another --out")
    return done


def _open(folder: Path, project: Project, space: SearchSpace, data: Dataset) -> "Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    wanted, base = space.wanted, space.base
    asked = {
        "sweep": wanted.model_dump(mode="json", exclude={"trials", "config"}),
        "whole": [key for key in (*wanted.uniform, *wanted.log_uniform) if space.is_whole(key)],
        "experiment": base.model_dump(mode="json", exclude={"tracking"}),
        "data": data.learned_sha256,
        "versions": classifier.versions(),
        "code": runs.code_sha256(),
    }
    if not folder.exists() or not any(folder.iterdir()):
        _begin(folder, project, base, data, sha256_json(asked))
    if not Run(folder).study.is_file():
        raise UserMistake(f"{folder}: exists and is no sweep; give another --out")
    study = _study(folder)
    if study.user_attrs.get(_ASKED) != sha256_json(asked):
        raise UserMistake(
            f"{folder}: holds a sweep of another experiment, other values, data, library versions or code; "
            "give another --out"
        )
    study.pruner = optuna.pruners.MedianPruner(_DRAWN_FIRST) if wanted.prune else optuna.pruners.NopPruner()
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # of a process that was killed
    return study


def _begin(folder: Path, project: Project, base: ExperimentConfig, data: Dataset, asked: str) -> None:
    """Make the folder with all that a sweep goes on from, or no folder at all, whenever the process is killed."""
    facts = {"sha256": data.sha256, "rows": {name: len(data.part(name)) for name in ("train", "validation")}}
    with replacing_folder(folder) as temporary:
        runs.record_origin(temporary, resolved_yaml(base), facts, project.root)
        _study(temporary).set_user_attr(_ASKED, asked)


def _study(folder: Path) -> "Study":
    import optuna
    from sqlalchemy.pool import NullPool

    # No connection outlives its use: the folder of a new study is renamed.
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{Run(folder).study.absolute()}", engine_kwargs={"poolclass": NullPool}
    )
    return optuna.create_study(storage=storage, study_name="sweep", direction="maximize", load_if_exists=True)


def _search(study: "Study", space: SearchSpace, missing: int, data: Dataset, folder: Path, show: Show) -> None:
    import optuna

    wanted = space.wanted
    for _ in range(missing):
        ended = len(_ended(study))
        # Drawn from the seed and the trials that ended alone: a sweep that was killed goes on as if it had not been.
        # Not from their sum: the sweep of the next seed would be this one from its second trial on.
        drawn_from = int(np.random.SeedSequence([wanted.seed, ended]).generate_state(1)[0])
        study.sampler = optuna.samplers.TPESampler(n_startup_trials=_DRAWN_FIRST, seed=drawn_from)
        trial = study.ask()
        values = _drawn(trial, space)
        trial.set_user_attr("values", values)
        said = ", ".join(f"{key}={text}" for key, text in values.items())
        try:
            score = _score(space.experiment(values), data, trial, folder, wanted.prune)
        except optuna.TrialPruned:
            told = study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            line(f"trial {ended + 1} of {wanted.trials}: pruned ({said})")
        except UserMistake as fault:  # values that fit the schema and not the data, or not one another
            trial.set_user_attr(_REFUSED, str(fault))
            told = study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            line(f"trial {ended + 1} of {wanted.trials}: refused ({said}): {fault}")
        else:
            told = study.tell(trial, score)
            line(f"trial {ended + 1} of {wanted.trials}: validation macro-F1 {score:.3f} ({said})")
        show([_result(told)])


def _drawn(trial: "Trial", space: SearchSpace) -> dict[str, str]:
    wanted = space.wanted
    values: dict[str, str] = {}
    for ranges, by_factors in ((wanted.uniform, False), (wanted.log_uniform, True)):
        for key, (low, high) in ranges.items():
            suggest: Any = trial.suggest_int if space.is_whole(key) else trial.suggest_float
            values[key] = repr(suggest(key, low, high, log=by_factors))
    for key, choices in wanted.choices.items():
        values[key] = trial.suggest_categorical(key, [json.dumps(choice) for choice in choices])
    return values


def _score(config: ExperimentConfig, data: Dataset, trial: "Trial", folder: Path, prune: bool) -> float:
    """Validation macro-F1 of a config. Raises optuna.TrialPruned where an epoch shows that it is not worth the rest."""
    import optuna

    def watch(epoch: int, macro_f1: float) -> None:
        trial.report(macro_f1, epoch)
        if prune and trial.should_prune():
            raise optuna.TrialPruned

    workspace = _workspace(folder)
    shutil.rmtree(workspace, ignore_errors=True)
    workspace.mkdir()
    training, validation = data.part("train"), data.part("validation")
    checkpoints = workspace / "checkpoints"
    fitted = fitting.fit(config, training, validation, data.learned_sha256, workspace, checkpoints, watch)
    answers = predicted_columns(fitted.classifier.score(list(validation["text"]), list(validation["target"])))
    return float(METRICS[_METRIC](confusion(gold_columns(validation), answers)))


def _workspace(folder: Path) -> Path:
    return folder / "work"


def _ended(study: "Study") -> "Sequence[FrozenTrial]":
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _result(trial: "FrozenTrial") -> TrialResult:
    from optuna.trial import TrialState

    assert trial.datetime_start is not None and trial.datetime_complete is not None
    score = trial.value if trial.value is not None else trial.intermediate_values.get(trial.last_step or 0)
    cut_off: Literal["refused", "pruned"] = "refused" if _REFUSED in trial.user_attrs else "pruned"
    return TrialResult(
        trial.number,
        trial.user_attrs["values"],
        score,
        "completed" if trial.state == TrialState.COMPLETE else cut_off,
        trial.datetime_start.timestamp(),
        trial.datetime_complete.timestamp(),
    )


def _write(done: Sweep, study: "Study", space: SearchSpace) -> None:
    name = space.base.name[: LONGEST_NAME - len(_SWEPT)].rstrip("-") + _SWEPT
    best = space.experiment({**done.best.values, "name": name})
    write_text(done.best_config, resolved_yaml(best))
    write_text(
        done.folder / _TRIALS,
        study.trials_dataframe(attrs=("number", "value", "duration", "params", "state")).to_csv(index=False),
    )


def _publish(project: Project, done: Sweep, base: ExperimentConfig) -> None:
    with tracking.kept_unsent(done.folder, f"the same command with --out {done.folder} sends it to MLflow"):
        tracking.publish_sweep(project, Run(done.folder), base.model_dump(mode="json"), done.trials, done.best_config)
