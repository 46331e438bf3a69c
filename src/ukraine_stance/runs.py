"""The run folder: the record of a training run. MLflow mirrors it; nothing else is needed to use or judge the run."""

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pandas as pd

from ukraine_stance import classifier
from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import read_json, replacing, write_json, write_text

_LIBRARIES = (
    "ukraine-stance", "scikit-learn", "transformers", "tokenizers", "torch", "datasets", "mlflow", "skops",
    "safetensors", "numpy", "scipy", "pandas", "pyarrow", "sentencex", "trafilatura",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder; its files are written whole, so one that exists can be read."""

    folder: Path

    @property
    def config(self) -> Path:
        """The resolved config."""
        return self.folder / "config.yaml"

    @property
    def provenance(self) -> Path:
        """Where the run comes from: code, data, machine, versions."""
        return self.folder / "provenance.json"

    @property
    def metrics(self) -> Path:
        """Results of every part, with intervals."""
        return self.folder / "metrics.json"

    @property
    def history(self) -> Path:
        """Figures of each epoch and facts of the fit."""
        return self.folder / "history.json"

    @property
    def predictions(self) -> Path:
        """One row per statement of validation, test and articles: id, part, group, label and the model's columns."""
        return self.folder / "predictions.parquet"

    @property
    def evaluation(self) -> Path:
        """Folder with the page of results and its data."""
        return self.folder / "evaluation"

    @property
    def card(self) -> Path:
        """The model card, in the hub's format and under the hub's name for it."""
        return self.folder / "README.md"

    @property
    def mirror(self) -> Path:
        """Which MLflow run mirrors this one, and whether it is complete."""
        return self.folder / "mlflow.json"

    @property
    def workspace(self) -> Path:
        """Checkpoints while training; gone when the run is finished."""
        return self.folder / "checkpoints"

    def record_results(self, metrics: dict[str, Any], predictions: pd.DataFrame) -> None:
        """Write predictions, then metrics: a run with metrics is complete."""
        with replacing(self.predictions) as temporary:
            predictions.to_parquet(temporary, index=False, compression="zstd")
        write_json(self.metrics, metrics)

    def load(self) -> StanceClassifier:
        """The run's model. Raises UserMistake when the run did not finish or its files were changed."""
        return classifier.load(self.folder)


def start(folder: Path, config_yaml: str, data: dict[str, Any], root: Path) -> Run:
    """Make the run folder with config and provenance before any work. Raises UserMistake when it already exists."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError as fault:
        raise UserMistake(f"{folder}: exists already; give another --out, or --force to replace it") from fault
    record_origin(folder, config_yaml, data, root)
    return Run(folder)


def record_origin(folder: Path, config_yaml: str, data: dict[str, Any], root: Path) -> None:
    """Write config and provenance, as every run folder has them, into a folder that is there."""
    write_text(Run(folder).config, config_yaml)
    write_json(Run(folder).provenance, {**_provenance(root), "data": data})


def new_folder(runs: Path, name: str) -> Path:
    """A free folder name: the UTC second and the config's name, numbered where two runs start at once."""
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{name}"
    candidates = (runs / (stamp if number == 1 else f"{stamp}-{number}") for number in range(1, 1000))
    return next(folder for folder in candidates if not folder.exists())


def open_finished(folder: Path) -> Run:
    """A run that can be published. Raises UserMistake for a folder that is no finished run."""
    run = Run(folder)
    needed = (run.config, run.provenance, run.metrics, run.history, run.predictions, folder / classifier.DESCRIPTION)
    missing = [path.name for path in needed if not path.is_file()]
    if missing:
        raise UserMistake(f"{folder}: not a finished run (no {', no '.join(missing)})")
    for path in (run.provenance, run.metrics, run.history):
        try:
            read_json(path)
        except ValueError as fault:
            raise UserMistake(f"{path}: damaged ({fault}); the run cannot be published") from fault
    return run


@contextmanager
def replaced(folder: Path, force: bool) -> Iterator[None]:
    """With `force`, set the run that stands at `folder` aside while a new one is made there; a failure brings it back.

    Raises UserMistake when what stands there is no run folder.
    """
    if not force or not folder.exists():
        yield
        return
    if not Run(folder).provenance.is_file():
        raise UserMistake(f"{folder}: exists and is no run folder; not replaced")
    aside = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def remove(folder: Path) -> None:
    """Remove a run folder that nothing was learned in."""
    shutil.rmtree(folder, ignore_errors=True)


def read_metrics(run: Run) -> dict[str, Any]:
    """What `record_results` wrote."""
    metrics: dict[str, Any] = read_json(run.metrics)
    return metrics


def _provenance(root: Path) -> dict[str, Any]:
    installed = {distribution.name: distribution.version for distribution in distributions()}
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "started_unix": time.time(),
        "command": sys.argv,
        "commit": _git(root, "rev-parse", "HEAD"),
        "uncommitted_changes": _git(root, "status", "--porcelain", "--untracked-files=no") not in ("", None),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor_count": os.cpu_count(),
        "versions": {name: installed.get(name, "absent") for name in _LIBRARIES},
    }


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
