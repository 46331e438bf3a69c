"""The run folder: the record of a training run. MLflow mirrors it; nothing else is needed to use or judge the run."""

import os
import platform
import shlex
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
from ukraine_stance.differences import difference
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import (
    has_writer,
    read_json,
    replacing,
    replacing_folder,
    sha256_file,
    sha256_json,
    write_json,
    write_text,
)
from ukraine_stance.models import processes

# Which instructions of the processor the libraries of numbers may use, where somebody says it: other ones, other bits.
_INSTRUCTIONS = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
)
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
    def asked(self) -> Path:
        """Everything that the results depend on; a run that is resumed is held to it."""
        return self.folder / "asked.json"

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
    def study(self) -> Path:
        """The trials of a sweep, which has neither results nor a model of its own."""
        return self.folder / "study.db"

    @property
    def is_finished(self) -> bool:
        """Whether all was written: metrics are, and they come last."""
        return self.metrics.is_file()

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


def start(folder: Path, config_yaml: str, data: dict[str, Any], asked: dict[str, Any], root: Path) -> Run:
    """Make the run folder with config and provenance, whole and before any work.

    asked is everything that the results depend on, as plain values: who resumes the run is held to it. Raises
    UserMistake when the folder already exists.
    """
    if folder.exists():
        onward = f"go on with it: {resuming(folder)}, or " if is_begun(folder) else ""
        raise UserMistake(f"{folder}: exists already; {onward}give another --out, or --force to replace it")
    with replacing_folder(folder) as temporary:
        record_origin(temporary, config_yaml, data, root)
        write_json(Run(temporary).asked, asked)
    return Run(folder)


def record_origin(folder: Path, config_yaml: str, data: dict[str, Any], root: Path) -> None:
    """Write config and provenance, as every run folder has them, into a folder that is there."""
    write_text(Run(folder).config, config_yaml)
    write_json(Run(folder).provenance, {**_provenance(root), "data": data})


def surroundings() -> dict[str, Any]:
    """What decides the bits of a result besides config and data: versions, our code, processor, threads, processes."""
    return {
        "versions": {"python": platform.python_version(), **classifier.versions()},
        "code": code_sha256(),
        "processor": _processor(),
        "threads": _threads(),
        "processes": processes.count(),
        "instructions": {name: os.environ[name] for name in _INSTRUCTIONS if name in os.environ},
    }


def code_sha256() -> str:
    """Hash of the package's own modules."""
    package = Path(__file__).parent
    return sha256_json({str(path.relative_to(package)): sha256_file(path) for path in package.rglob("*.py")})


def is_begun(folder: Path) -> bool:
    """Whether the folder is a run that has not come to its end."""
    return Run(folder).asked.is_file() and not Run(folder).is_finished


def resuming(folder: Path) -> str:
    """The command that goes on with a run from the current folder, by as many processes and machines as began it."""
    path = Run(folder).provenance
    began = read_json(path) if path.is_file() else {}
    total, here = began.get("processes", 1), began.get("processes_here", 1)
    machines = f"--nnodes {total // here} " if total > here else ""
    command = "stance" if total == 1 else f"torchrun {machines}--nproc-per-node {here} -m ukraine_stance.cli"
    root = began.get("root", "")
    elsewhere = f" --root {shlex.quote(root)}" if root and Path(root) != Path.cwd() else ""
    return f"{command} train --resume {shlex.quote(str(folder))}{elsewhere}"


def refuse_unfinished(folder: Path) -> None:
    """Raise UserMistake, with the command that goes on, where the folder is a run that has not come to its end."""
    if is_begun(folder):
        onward = "it is being trained, wait for it" if has_writer(folder) else f"go on with: {resuming(folder)}"
        raise UserMistake(f"{folder}: this run did not finish; {onward}")


def open_begun(folder: Path) -> Run:
    """A run that can be resumed, or is finished. Raises UserMistake for any other folder."""
    run = Run(folder)
    if not run.is_finished and not all(path.is_file() for path in (run.asked, run.config, run.provenance)):
        raise UserMistake(f"{folder}: no run that can be resumed; give the folder that stance train was making")
    return run


def reopen(run: Run, asked: dict[str, Any]) -> None:
    """Clear an interrupted run of all but its checkpoints, and note in its provenance that it goes on.

    Raises UserMistake, naming what differs, where what is asked now is not what was asked when it began.
    """
    differing = difference(read_json(run.asked), asked)
    if differing:
        raise UserMistake(f"{run.folder}: cannot go on, it would not give the same result ({differing}); train anew")
    provenance = read_json(run.provenance)
    resumed = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "command": sys.argv}
    write_json(run.provenance, {**provenance, "resumed": [*provenance.get("resumed", ()), resumed]})
    kept = {path.name for path in (run.config, run.provenance, run.asked, run.mirror, run.workspace)}
    for path in run.folder.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def new_folder(runs: Path, name: str) -> Path:
    """A free folder name: the UTC second and the config's name, numbered where two runs start at once."""
    stamp = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{name}"
    candidates = (runs / (stamp if number == 1 else f"{stamp}-{number}") for number in range(1, 1000))
    return next(folder for folder in candidates if not folder.exists())


def open_finished(folder: Path) -> Run:
    """A run that can be published. Raises UserMistake for a folder that is no finished run."""
    refuse_unfinished(folder)
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

    An interruption leaves the new one to be resumed and the old one aside, until `drop_replaced`. Raises UserMistake
    when what stands there is no run folder.
    """
    if not force or not folder.exists():
        yield
        return
    if not Run(folder).provenance.is_file():
        raise UserMistake(f"{folder}: exists and is no run folder; not replaced")
    aside = _aside(folder)
    if aside.exists() and is_begun(folder):  # the run that it was to replace still stands aside
        shutil.rmtree(folder)
    else:
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
        raise
    drop_replaced(folder)


def drop_replaced(folder: Path) -> None:
    """Remove the run that a finished one has replaced."""
    shutil.rmtree(_aside(folder), ignore_errors=True)


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
        "processor": _processor(),
        "processor_count": os.cpu_count(),
        "threads": _threads(),
        "processes": processes.count(),
        "processes_here": processes.count_here(),
        "root": str(root.resolve()),
        "versions": {name: installed.get(name, "absent") for name in _LIBRARIES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _threads() -> int:
    """Threads that a library of numbers starts here: OMP_NUM_THREADS, else one for each processor that is ours."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _aside(folder: Path) -> Path:
    whole = folder.resolve()  # "." has no name
    return whole.with_name(f".{whole.name}.replaced")


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
