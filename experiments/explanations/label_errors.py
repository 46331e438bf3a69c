"""Does the list of doubted labels find wrong labels? Known mistakes are planted in the held-out labels and looked for.

stance data build && .venv/bin/pip install cleanlab && .venv/bin/python experiments/explanations/label_errors.py RUN ...

Every RUN is a run folder. Planted: labels of statements changed by chance. Disputed: coders' votes differ on them.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from ukraine_stance import classifier
from ukraine_stance.corpus.votes import plain_labels
from ukraine_stance.evaluation.errors import doubted_labels
from ukraine_stance.evaluation.held_out import held_out_parts
from ukraine_stance.labels import ORDER
from ukraine_stance.project import Project

SEEDS = 20
PLANTED = 0.05
DEPTHS = (25, 50, 100)


def planted(rows: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, set[str]]:
    """Rows with some labels changed to one of the two others, and the ids of those."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(rows), round(PLANTED * len(rows)), replace=False)
    labels = list(rows["label"])
    for row in chosen:
        labels[row] = str(rng.choice([str(label) for label in ORDER if label != labels[row]]))
    return rows.assign(label=labels), set(rows["id"].iloc[chosen])


def share(ids: list[str], wanted: set[str]) -> float:
    return sum(one in wanted for one in ids) / max(len(ids), 1)


def main(runs: list[Path]) -> None:
    models = [classifier.load(run) for run in runs]
    parts, _ = held_out_parts(Project(Path().resolve()), models, [run.name for run in runs])
    rows = parts["test"]
    disputed = {row.id for row in rows.itertuples() if len(set(plain_labels(row.votes, row.id).values())) > 1}
    columns = " | ".join(f"first {depth}" for depth in DEPTHS)
    print(f"{len(rows)} statements, {len(disputed)} disputed ({share(list(rows['id']), disputed):.3f})")
    print(f"\n| model | doubted | {columns} | all doubted |\n| --- | --- {'| --- ' * (len(DEPTHS) + 1)}|")
    for model, run in zip(models, runs, strict=True):
        scores = model.score(list(rows["text"]), list(rows["target"]))
        as_it_is = [one.id for one in doubted_labels("test", rows, (run.name, scores)).listed]
        found = [share(as_it_is[:depth], disputed) for depth in (*DEPTHS, None)]
        print(f"| {run.name}, disputed | {len(as_it_is)} | {' | '.join(f'{one:.3f}' for one in found)} |")
        by_seed = []
        for seed in range(SEEDS):
            changed, wrong = planted(rows, seed)
            listed = [one.id for one in doubted_labels("test", changed, (run.name, scores)).listed]
            by_seed.append([len(listed), *(share(listed[:depth], wrong) for depth in (*DEPTHS, None))])
        count, *mean = np.mean(by_seed, axis=0)
        print(f"| {run.name}, planted | {count:.0f} | {' | '.join(f'{one:.3f}' for one in mean)} |")


main([Path(run) for run in sys.argv[1:]])
