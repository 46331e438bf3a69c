"""What fine-tuning MiniLM costs as data grows: examples 1k, 10k, 100k and 32, 128, 512 tokens each, time and memory.

    python experiments/training_speed/growth.py experiments/runs/growth

Each cell is a process of its own that begins the training of configs/train/minilm.yaml by the package's own way, but
without R-Drop, which reads every example twice: so many texts, drawn and joined from the bundled statements, each cut
at exactly so many tokens. All of them are tokenised and hashed, as for a whole training; then a fixed number of steps
of 16 examples is timed after two that warm up, and the training is given up. So memory (the process's peak) is that of
the whole data with network and optimiser, while the time of an epoch is that before the first step plus the steps' time
extrapolated to all examples. Validation (100 texts) and checkpoints are not in it.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from ukraine_stance import models
from ukraine_stance.config import load as load_config
from ukraine_stance.corpus import dataset
from ukraine_stance.labels import ORDER, TARGET
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.project import Project

CONFIG = Path(__file__).parents[2] / "configs" / "train" / "minilm.yaml"
WARM_UP = 2
COLORS = ("#1b6ca8", "#c8553d", "#5a8f3c")


class Enough(Exception):
    """So many steps were timed."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--examples", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--tokens", type=int, nargs="+", default=[32, 128, 512])
    parser.add_argument("--steps", type=int, default=8, help="timed in each cell")
    parser.add_argument("--root", type=Path, default=Path(), help="project with built data")
    parser.add_argument("--cell", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.cell:
        print(json.dumps(cell(asked.root, asked.examples[0], asked.tokens[0], asked.steps)))
        return
    asked.out.mkdir(parents=True, exist_ok=True)
    cells = []
    for tokens in asked.tokens:
        for examples in asked.examples:
            cells.append(in_process(asked, examples, tokens))
            print(f"{examples} examples of {tokens} tokens: {cells[-1]}", file=sys.stderr, flush=True)
    (asked.out / "growth.jsonl").write_text("".join(json.dumps(one) + "\n" for one in cells))
    report(cells, asked.steps)
    draw(cells, asked.out / "growth.svg")


def in_process(asked: argparse.Namespace, examples: int, tokens: int) -> dict[str, Any]:
    words = [
        __file__, asked.out, "--cell", "--examples", examples, "--tokens", tokens, "--steps", asked.steps,
        "--root", asked.root,
    ]  # fmt: skip
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{examples} examples of {tokens} tokens: ended with {done.returncode}\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def cell(root: Path, examples: int, tokens: int, steps: int) -> dict[str, Any]:
    """Begin a training of so many examples; give seconds before its first step, examples per second and peak memory."""
    import torch
    from transformers import Trainer

    config = load_config(CONFIG, [f"model.max_tokens={tokens}", "model.r_drop=0.0"]).config
    statements = dataset.load(Project(root), config.data).part("train")["text"]
    train, validation = texts(statements, examples, tokens, 0), texts(statements, 100, tokens, 1)
    times, sizes = [], []
    step = Trainer.training_step

    def timed(self: Trainer, network: Any, inputs: Any, *more: Any, **named: Any) -> Any:
        times.append(time.perf_counter())
        sizes.append(tuple(inputs["input_ids"].shape))
        if len(times) > WARM_UP + steps:
            raise Enough
        return step(self, network, inputs, *more, **named)

    Trainer.training_step = timed
    base = peak_mib()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as workspace:
        try:
            models.build(config.model, config.seed).fit(train, validation, Path(workspace))
        except Enough:
            pass
        else:
            raise SystemExit(f"{examples} examples have fewer than {WARM_UP + steps + 1} batches")
    counted = sizes[WARM_UP : WARM_UP + steps]
    assert {length for _, length in counted} == {tokens}
    rate = sum(size for size, _ in counted) / (times[WARM_UP + steps] - times[WARM_UP])
    return {
        "examples": examples,
        "tokens": tokens,
        "seconds_before": round(times[0] - began, 2),
        "examples_per_second": round(rate, 2),
        "epoch_seconds": round(times[0] - began + examples / rate, 1),
        "peak_mib": round(peak_mib()),
        "mib_without_training": round(base),
        "threads": torch.get_num_threads(),
    }


def texts(statements: Any, count: int, tokens: int, seed: int) -> LabelledTexts:
    """Statements joined at random until a text has as many words as it shall have tokens, so that all are cut there."""
    random = np.random.default_rng((seed, count, tokens))
    words = [statement.split() for statement in statements]
    shortest = min(map(len, words))
    made = []
    for _ in range(count):
        text: list[str] = []
        while len(text) < tokens:
            for number in random.integers(len(words), size=1 + (tokens - len(text)) // (4 * shortest)):
                text += words[number]
        made.append(" ".join(text[: tokens + 1]))
    return LabelledTexts(tuple(made), (TARGET,) * count, np.arange(count) % len(ORDER))


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes on Linux


def report(cells: list[dict[str, Any]], steps: int) -> None:
    print(f"{steps} steps timed in each cell, {cells[0]['threads']} threads; the time of an epoch is extrapolated\n")
    print("| tokens | examples | s before the first step | examples/s | s an epoch | peak memory, MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for one in cells:
        print(
            f"| {one['tokens']} | {one['examples']:,} | {one['seconds_before']:.1f} | "
            f"{one['examples_per_second']:.1f} | {one['epoch_seconds']:,.0f} | {one['peak_mib']:,} |"
        )


def draw(cells: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "growth"
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    lengths = sorted({one["tokens"] for one in cells})
    sizes = sorted({one["examples"] for one in cells})
    shown = (("epoch_seconds", "seconds an epoch (extrapolated)"), ("peak_mib", "peak memory, MiB"))
    for panel, (name, words) in zip(panels, shown, strict=True):
        for length, color in zip(lengths, COLORS, strict=False):
            found = sorted((one["examples"], one[name]) for one in cells if one["tokens"] == length)
            panel.plot(*zip(*found, strict=True), marker="o", color=color, label=f"{length} tokens")
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
        panel.set_xticks([], minor=True)
        panel.set_xlabel("training examples")
        panel.set_title(words)
        panel.grid(alpha=0.3)
    panels[0].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
