"""How good is each model on how many training statements? Held-out statements, unseen outlets, real article sentences.

stance data build --articles DIR
.venv/bin/python experiments/learning_curve/learning_curve.py experiments/runs/learning_curve
.venv/bin/python experiments/learning_curve/learning_curve.py experiments/runs/learning_curve --report

Every fit appends a line to OUT/scores.jsonl; given again, the fits that stand there are left out.
"""

import argparse
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

from ukraine_stance import config as configs
from ukraine_stance import models
from ukraine_stance.corpus import dataset
from ukraine_stance.evaluation.metrics import confusion, macro_f1
from ukraine_stance.evaluation.results import gold_columns
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.project import Project

SIZES = (100, 250, 500, 1000, 2000)
CONFIGS = {name: Path(f"configs/train/{name}.yaml") for name in ("tfidf", "minilm")}
TESTS = {"test": "held-out statements", "unseen": "of unseen outlets", "articles": "article sentences"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="training subsets and initial weights, 0 and up")
    parser.add_argument("--report", action="store_true", help="only print the table and draw the figure")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    scores = given.out / "scores.jsonl"
    if not given.report:
        for line in fits(scores, given.seeds, given.out):
            with scores.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
    report(pd.read_json(scores, lines=True), given.out)


def fits(scores: Path, seeds: int, out: Path) -> Iterator[dict[str, object]]:
    data = dataset.load(Project(Path.cwd()), configs.load(CONFIGS["tfidf"], []).config.data)
    training, validation = data.part("train"), data.part("validation")
    lines = scores.read_text(encoding="utf-8").splitlines() if scores.exists() else []
    done = {(row["model"], row["asked"], row["seed"], row["data"]) for row in map(json.loads, lines)}
    for seed in range(seeds):
        for asked in [size for size in SIZES if size < len(training)] + [len(training)]:
            rows = subset(training, asked, seed)
            tests = test_sets(data, rows, validation)
            for name, path in CONFIGS.items():
                if (name, asked, seed, data.sha256) in done:
                    continue
                began = perf_counter()
                model = models.build(configs.load(path, []).config.model, seed)
                model.fit(labelled(rows), labelled(validation), out / "workspace")
                line = {"model": name, "asked": asked, "statements": len(rows), "seed": seed, "data": data.sha256}
                for test, chosen in tests.items():
                    predicted = model.predict(tuple(chosen["text"]), tuple(chosen["target"])).probabilities
                    counts = confusion(gold_columns(chosen), predicted.argmax(axis=1).astype(np.int64))
                    line |= {test: float(macro_f1(counts)), f"{test}_statements": len(chosen)}
                yield line | {"seconds": round(perf_counter() - began, 1)}


def subset(training: pd.DataFrame, asked: int, seed: int) -> pd.DataFrame:
    """Whole groups in random order until there are enough statements."""
    groups = training["group"].drop_duplicates().sample(frac=1, random_state=seed)
    sizes = training["group"].value_counts()
    reached = sizes[groups].cumsum().to_numpy()
    kept = groups.iloc[: int(np.searchsorted(reached, asked)) + 1]
    return training[training["group"].isin(kept)].reset_index(drop=True)


def test_sets(data: dataset.Dataset, rows: pd.DataFrame, validation: pd.DataFrame) -> dict[str, pd.DataFrame]:
    test = data.part("test")
    known = {*rows["outlet"].dropna(), *validation["outlet"].dropna()}
    return {
        "test": test,
        "unseen": test[test["outlet"].notna() & ~test["outlet"].isin(known)].reset_index(drop=True),
        "articles": data.part("articles"),
    }


def labelled(rows: pd.DataFrame) -> LabelledTexts:
    return LabelledTexts(tuple(rows["text"]), tuple(rows["target"]), gold_columns(rows))


def report(scores: pd.DataFrame, out: Path) -> None:
    newest = scores[scores["data"] == scores["data"].iloc[-1]]
    print("| model | training statements | seeds | " + " | ".join(TESTS.values()) + " | seconds |")
    print("| --- |" + " --- |" * (len(TESTS) + 3))
    for (name, asked), found in newest.groupby(["model", "asked"]):
        cells = [f"{found[test].mean():.3f} ({found[test].min():.3f} to {found[test].max():.3f})" for test in TESTS]
        print(f"| {name} | {asked} | {len(found)} | " + " | ".join(cells) + f" | {found['seconds'].median():.0f} |")
    largest = newest[newest["asked"] == newest["asked"].max()]
    sizes = ", ".join(f"{words} {largest[f'{test}_statements'].max()}" for test, words in TESTS.items())
    print(f"\nmacro-F1, mean (lowest to highest) over seeds; statements: {sizes}")
    draw(newest, out / "learning_curve.svg")


def draw(scores: pd.DataFrame, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "learning_curve"
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(TESTS), figsize=(11, 3.6), sharey=True, layout="constrained")
    for panel, (test, words) in zip(panels, TESTS.items(), strict=True):
        for name, color in zip(CONFIGS, ("#1b6ca8", "#c8553d"), strict=True):
            found = scores[scores["model"] == name].groupby("asked")[test].agg(["mean", "min", "max"])
            panel.plot(found.index, found["mean"], marker="o", color=color, label=name)
            panel.fill_between(found.index, found["min"], found["max"], color=color, alpha=0.15, linewidth=0)
        panel.set_xscale("log")
        sizes = [size for size, after in pairwise([*found.index, np.inf]) if after > 1.2 * size]  # no labels on another
        panel.set_xticks(sizes, list(map(str, sizes)), rotation=45)
        panel.set_xticks([], minor=True)
        panel.set_title(words)
        panel.set_xlabel("training statements")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("macro-F1 (mean; lowest to highest seed)")
    panels[0].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
