"""Train every family of a benchmark's configs on its official split, and print published rows beside ours."""

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from experiments.benchmarks.reading import as_labelled, verified, without_repeats
from experiments.benchmarks.report import Scored, report

from ukraine_stance import classifier, fitting
from ukraine_stance import config as configs
from ukraine_stance.classifier import PROBABILITY_COLUMNS
from ukraine_stance.config import ExperimentConfig
from ukraine_stance.corpus import dataset
from ukraine_stance.corpus.dataset import Dataset
from ukraine_stance.errors import StanceError
from ukraine_stance.files import read_json, replacing, sha256_file, sha256_json, write_json
from ukraine_stance.models.ensemble import equal_weights, side_by_side
from ukraine_stance.progress import line
from ukraine_stance.project import Project

# No seed reaches TF-IDF: one training is all there is.
SEEDLESS = ("tfidf",)
TRAINED = ("tfidf", "minilm")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A public data set that a user has cloned; its data stays in their folder and in OUT.

    state is the project and commit that sha256 (over all files) and the published figures are for. metric is one of
    `evaluation.metrics.METRICS`. published holds model, figure and source; bars the least figure wanted of a family.
    """

    name: str
    state: str
    files: tuple[str, ...]
    sha256: str
    read: Callable[[Path], pd.DataFrame]
    metric: str
    published: tuple[tuple[str, float, str], ...]
    bars: dict[str, float]


def main(benchmark: Benchmark) -> None:
    """The command of one benchmark: `python -m experiments.NAME FOLDER --out OUT`."""
    parser = argparse.ArgumentParser(prog=f"python -m experiments.{benchmark.name}", description=benchmark.state)
    parser.add_argument("folder", type=Path, help=f"a clone of {benchmark.state}")
    parser.add_argument("--out", type=Path, required=True, help="trainings that stand here are not made again")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--families", nargs="+", choices=TRAINED, default=TRAINED)
    parser.add_argument("--report", action="store_true", help="train nothing: only print what stands in OUT")
    given = parser.parse_args()
    try:
        data = prepared(benchmark, given.folder, given.out)
        for family in given.families if not given.report else ():
            for seed in given.seeds[:1] if family in SEEDLESS else given.seeds:
                trained(benchmark, family, seed, data, given.out)
        found = scored(benchmark.name, given.out, given.seeds)
        print(
            report(benchmark, {**found, **{f"ensemble of {1 + number}": combined(found, number) for number in (1, 3)}})
        )
    except StanceError as fault:
        sys.exit(str(fault))


def prepared(benchmark: Benchmark, folder: Path, out: Path) -> Path:
    """OUT/data.csv, a labelled file with the official split in its column `fold`."""
    verified(folder, benchmark.files, benchmark.sha256, benchmark.state)
    rows = without_repeats(benchmark.read(folder))
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "data.csv") as temporary:
        as_labelled(rows).to_csv(temporary, index=False)
    return out / "data.csv"


def trained(benchmark: Benchmark, family: str, seed: int, data: Path, out: Path) -> None:
    """Fit one model and keep its answers to validation and test, unless the same training stands in OUT."""
    config, folder = _config(benchmark.name, family, seed, data), out / f"{family}-{seed}"
    identity = _identity(config, data)
    if (folder / "done.json").is_file() and read_json(folder / "done.json")["identity"] == identity:
        line(f"{folder}: done before")
        return
    rows = dataset.load(Project(Path.cwd()), config.data)
    began, used = perf_counter(), process_time()
    answers, facts = _answers(config, rows, folder)
    answers.to_parquet(folder / "answers.parquet", index=False)
    cost = {"seconds": round(perf_counter() - began), "cpu_seconds": round(process_time() - used)}
    write_json(folder / "done.json", {"identity": identity, **cost, "facts": facts})
    line(f"{folder}: {cost['seconds']} s")


def _config(benchmark: str, family: str, seed: int, data: Path) -> ExperimentConfig:
    path = Path("experiments") / benchmark / f"{family}.yaml"
    return configs.load(path, [f"data.files=[{data.resolve()}]", f"seed={seed}"]).config


def _identity(config: ExperimentConfig, data: Path) -> str:
    """Of a training: its rows, settings, seed and the versions of what computes it."""
    model = config.model.model_dump(mode="json")
    return sha256_json([sha256_file(data), model, config.seed, classifier.versions()])


def _answers(config: ExperimentConfig, rows: Dataset, folder: Path) -> tuple[pd.DataFrame, dict[str, object]]:
    """Probabilities before calibration; folder holds the model afterwards."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    workspace = folder / "checkpoints"
    fitted = fitting.fit(config, rows.part("train"), rows.part("validation"), rows.learned_sha256, folder, workspace)
    shutil.rmtree(workspace, ignore_errors=True)
    frames = []
    for part in ("validation", "test"):
        asked = rows.part(part)
        given = fitted.classifier.model.predict(list(asked["text"]), list(asked["target"])).probabilities
        columns = dict(zip(PROBABILITY_COLUMNS, given.T, strict=True))
        frames.append(asked[["id", "group", "target", "label"]].assign(part=part, **columns))
    return pd.concat(frames, ignore_index=True), {**fitted.facts, "history": list(fitted.history)}


def scored(benchmark: str, out: Path, seeds: Sequence[int]) -> dict[str, list[Scored]]:
    """For each family the trainings of its config on OUT/data.csv, both as they stand, by seed; others are named."""
    found: dict[str, list[Scored]] = {}
    for family in TRAINED:
        for seed in seeds:
            folder = out / f"{family}-{seed}"
            if not (folder / "done.json").is_file():
                continue
            identity = _identity(_config(benchmark, family, seed, out / "data.csv"), out / "data.csv")
            if read_json(folder / "done.json")["identity"] == identity:
                found.setdefault(family, []).append(_scored(folder))
            else:
                line(f"{folder}: of another config, data or library version; left out")
    return found


def combined(found: dict[str, list[Scored]], transformers: int) -> list[Scored]:
    """Ensembles of TF-IDF and so many transformers, as `model.weighing: equal` makes them of the same trainings.

    The first holds the transformers of the first seeds, the next those from the second seed on, and so round: as many
    ensembles as seeds, whose members overlap.
    """
    trained = found.get("minilm", [])
    if "tfidf" not in found or len(trained) < transformers:
        return []
    linear = found["tfidf"][0]
    rounds = range(len(trained) if len(trained) > transformers else 1)
    return [_ensemble(linear, [trained[(at + more) % len(trained)] for more in range(transformers)]) for at in rounds]


def _ensemble(linear: Scored, transformers: Sequence[Scored]) -> Scored:
    members = [linear, *transformers]
    families = ["tfidf", *("transformer" for _ in transformers)]
    answers = side_by_side(families, [member.probabilities for member in members])
    seconds = sum(member.seconds for member in members)
    return Scored(linear.answers, equal_weights(2).probabilities(answers), seconds)


def _scored(folder: Path) -> Scored:
    answers = pd.read_parquet(folder / "answers.parquet")
    probabilities = answers[list(PROBABILITY_COLUMNS)].to_numpy(dtype=np.float64)
    return Scored(answers, probabilities, float(read_json(folder / "done.json")["seconds"]))
