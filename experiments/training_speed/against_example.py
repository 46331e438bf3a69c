"""Fine-tuning MiniLM by transformers' own example script at its defaults, and by us: examples per second, macro-F1.

    python experiments/training_speed/against_example.py --example run_classification.py

The script is examples/pytorch/text-classification/run_classification.py of github.com/huggingface/transformers, at the
tag of the installed version (`pip show transformers`); it needs the package `evaluate` besides ours. None of it is
here. It gets the same statements in CSV files and nothing but what it cannot do without (files, folders, what to do,
and a metric that it otherwise downloads and here never computes); so it reads the statement alone, pads to 128 tokens,
takes batches of 8 in fp32. Ours is configs/train/minilm.yaml for as many epochs: without R-Drop, where every example
is read once as in the script, and as it stands, where it is read twice.

In each round the three are trained, each in a process of its own, with other seeds each time, the example second.
Examples per second are examples times epochs by the Trainer's own train_runtime of both: it leaves out imports and
tokenising, and holds whatever each does while it trains (ours: validation after each epoch, sealed checkpoints; the
example: a checkpoint every 500 steps). Beside them stands the floor: the operations that the statements need without
padding (counted by torch) at the rate that one large matrix product reaches here.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ukraine_stance import models
from ukraine_stance.config import load as load_config
from ukraine_stance.corpus import dataset
from ukraine_stance.evaluation.results import gold_columns
from ukraine_stance.evaluation.uncertainty import Estimate, Resampling, repeated, repeated_difference
from ukraine_stance.fitting import labelled
from ukraine_stance.models.weights import locate
from ukraine_stance.project import Project

CONFIG = Path(__file__).parents[2] / "configs" / "train" / "minilm.yaml"
PARTS = ("train", "validation", "test")

EXAMPLE = "run_classification.py at its defaults"
# Ours by name, with what is changed of the config.
OURS = {"ours, every example read once": ("model.r_drop=0.0",), "ours, minilm.yaml as it is": ()}

# The example asks for a metric before it trains; its own would be downloaded. Without --do_eval none is computed.
METRIC = """
import datasets
import evaluate

class Accuracy(evaluate.Metric):
    def _info(self):
        features = datasets.Features({"predictions": datasets.Value("int32"), "references": datasets.Value("int32")})
        return evaluate.MetricInfo(description="", citation="", features=features)

    def _compute(self, predictions, references):
        return {"accuracy": sum(map(int.__eq__, predictions, references)) / len(references)}
"""


@dataclass
class Trained:
    examples_per_second: float
    predicted: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--example", type=Path, help="run_classification.py of transformers, at the installed version")
    parser.add_argument("--epochs", type=int, default=3, help="of both; 3 is the example's default")
    parser.add_argument("--rounds", type=int, default=1, help="each trains ours, the example, ours with R-Drop")
    parser.add_argument("--statements", type=int, help="train and test on so many, for a trial")
    parser.add_argument("--root", type=Path, default=Path(), help="project with built data")
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--set", action="append", default=[], help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ours:
        train_ours(asked.ours, asked.epochs, asked.seed, asked.set)
    elif asked.example is None or not asked.example.is_file():
        parser.error("--example: give run_classification.py; where it is had stands at the top of this script")
    else:
        compare(asked)


def compare(asked: argparse.Namespace) -> None:
    data = dataset.load(Project(asked.root), load_config(CONFIG).config.data)
    rows = {part: some(data.part(part), asked.statements) for part in PARTS}
    found: dict[str, list[Trained]] = {EXAMPLE: [], **{name: [] for name in OURS}}
    once, as_configured = OURS
    with tempfile.TemporaryDirectory() as folder:
        files = write_files(rows, Path(folder))
        for number in range(asked.rounds):
            found[once].append(run_ours(files, asked.epochs, 7 + 2 * number, OURS[once]))
            found[EXAMPLE].append(run_example(asked.example, files, asked.epochs, 42 + number))
            found[as_configured].append(run_ours(files, asked.epochs, 8 + 2 * number, OURS[as_configured]))
            for name, ratio in ((name, ratios(found, name)[-1]) for name in OURS):
                print(f"round {number + 1}, {name}: {ratio:.2f} times the example's rate", file=sys.stderr, flush=True)
    report(rows["test"], found)
    print(f"\n{len(rows['train'])} statements, {asked.epochs} epochs, {threads()} threads")
    floor(rows["train"])


def ratios(found: dict[str, list[Trained]], name: str) -> list[float]:
    """Examples per second beside the example's, round by round."""
    pairs = zip(found[name], found[EXAMPLE], strict=True)
    return [one.examples_per_second / other.examples_per_second for one, other in pairs]


def some(rows: pd.DataFrame, count: int | None) -> pd.DataFrame:
    return rows.sample(min(count, len(rows)), random_state=0) if count else rows


def write_files(rows: dict[str, pd.DataFrame], folder: Path) -> Path:
    for part, chosen in rows.items():
        chosen[["text", "target", "label", "group", "contrast_group"]].to_parquet(folder / f"{part}.parquet")
        with (folder / f"{part}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(("sentence", "label"))
            # Numbers, because the installed datasets library keeps the column's type and a name cannot be learned.
            writer.writerows(zip(chosen["text"], gold_columns(chosen), strict=True))
    (folder / "accuracy.py").write_text(METRIC)
    return folder


def run_example(script: Path, files: Path, epochs: int, seed: int) -> Trained:
    model = load_config(CONFIG).config.model
    out = files / f"example-{seed}"
    words = [
        "--model_name_or_path", locate(model.checkpoint, None, model.checkpoint_sha256), "--output_dir", out,
        *(word for part in PARTS for word in (f"--{part}_file", files / f"{part}.csv")),
        "--metric_name", files / "accuracy.py", "--do_train", "--do_predict",
        "--num_train_epochs", epochs, "--seed", seed,
    ]  # fmt: skip
    start([script, *words], files)
    told = json.loads((out / "train_results.json").read_text())
    lines = (out / "predict_results.txt").read_text(encoding="utf-8").splitlines()[1:]
    columns = [int(line.split("\t")[1]) for line in lines]
    return Trained(told["train_samples"] * epochs / told["train_runtime"], np.asarray(columns))


def run_ours(files: Path, epochs: int, seed: int, sets: Sequence[str]) -> Trained:
    words = [Path(__file__), "--ours", files, "--epochs", epochs, "--seed", seed]
    start([*words, *(word for changed in sets for word in ("--set", changed))], files)
    told = json.loads((files / f"ours-{seed}.json").read_text())
    return Trained(told["examples"] * epochs / told["train_runtime"], np.asarray(told["predicted"]))


def start(words: list[Any], files: Path) -> None:
    """Run a script of Python's, shown on failure alone; both see the same threads and reach no network."""
    surroundings = {
        **os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(files / "cache"), "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        env=surroundings,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        sys.exit(f"{words[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}")


def train_ours(files: Path, epochs: int, seed: int, sets: Sequence[str]) -> None:
    """Fit as `stance train` does, without its evaluation, and note what the Trainer measured."""
    from transformers import Trainer

    runtimes = []
    train = Trainer.train

    def noted(self: Trainer, *arguments: Any, **named: Any) -> Any:
        done = train(self, *arguments, **named)
        runtimes.append(done.metrics["train_runtime"])
        return done

    Trainer.train = noted
    taught, tuned_on, test = (labelled(pd.read_parquet(files / f"{part}.parquet")) for part in PARTS)
    changed = [f"model.epochs={epochs}", f"model.patience={epochs}", *sets]
    model = models.build(load_config(CONFIG, changed).config.model, seed)
    with tempfile.TemporaryDirectory() as workspace:
        model.fit(taught, tuned_on, Path(workspace))
    predicted = model.predict(test.texts, test.targets).probabilities.argmax(axis=1)
    told = {"train_runtime": runtimes[0], "examples": len(taught), "predicted": predicted.tolist()}
    (files / f"ours-{seed}.json").write_text(json.dumps(told))


def report(test: pd.DataFrame, found: dict[str, list[Trained]]) -> None:
    gold, groups, how = gold_columns(test), list(test["group"]), Resampling()
    answers = {name: [one.predicted for one in trained] for name, trained in found.items()}
    print("| | trainings | examples/s, median (lowest to highest) | macro-F1 on the test fold, mean of trainings |")
    print("| --- | --- | --- | --- |")
    for name, trained in found.items():
        rates = [one.examples_per_second for one in trained]
        scored = repeated(gold, answers[name], groups, how)["macro_f1"]
        speed = f"{np.median(rates):.1f} ({min(rates):.1f} to {max(rates):.1f})"
        print(f"| {name} | {len(trained)} | {speed} | {words(scored)} |")
    for name in OURS:
        times = ratios(found, name)
        pair = repeated_difference(gold, answers[EXAMPLE], answers[name], groups, how)["macro_f1"]
        print(
            f"\n{name}: {np.median(times):.2f} times the example's rate ({min(times):.2f} to {max(times):.2f} in the "
            f"rounds), macro-F1 minus the example's {words(pair, signed=True)}, paired on {len(test)} statements"
        )


def words(found: Estimate, signed: bool = False) -> str:
    form = "+.3f" if signed else ".3f"
    return f"{found.value:{form}} [{found.low:{form}}, {found.high:{form}}]"


def threads() -> int:
    import torch

    return torch.get_num_threads()


def floor(train: pd.DataFrame) -> None:
    """What the statements, read as ours does, would take at the rate of a large product and nothing else."""
    import torch
    from steps import matmul_rate, operations
    from transformers.utils import logging

    from ukraine_stance.models.finetuning import _network, use_bf16
    from ukraine_stance.models.network import read_tokenizer

    logging.set_verbosity_error()
    model = load_config(CONFIG).config.model
    source = locate(model.checkpoint, None, model.checkpoint_sha256)
    encoded = read_tokenizer(source)(
        list(train["text"]), list(train["target"]), truncation="only_first", max_length=128
    )
    tokens = float(np.mean([len(ids) for ids in encoded["input_ids"]]))
    network = _network(source, model)
    each, padded = operations(network, round(tokens)), operations(network, 128)
    for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        if name == "fp32" or use_bf16("auto"):
            rate = matmul_rate(dtype)
            print(
                f"floor, {name} product at {rate / 1e9:.0f} GFLOP/s: {rate / each:.0f} examples/s "
                f"of {tokens:.1f} tokens ({each / 1e9:.2f} GFLOP), "
                f"{rate / padded:.0f} padded to 128 ({padded / 1e9:.2f} GFLOP)"
            )


if __name__ == "__main__":
    main()
