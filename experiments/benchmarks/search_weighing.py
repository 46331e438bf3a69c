"""How to weigh an ensemble's members? Cross-validation inside the validation answers that benchmark commands left.

.venv/bin/python -m experiments.benchmarks.search_weighing OUT [OUT ...]

OUT is a benchmark's folder of trainings. The test is never looked at. Figures are means over twenty divisions in five.
"""

import argparse
from pathlib import Path

import numpy as np
from experiments.benchmarks.running import scored
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from ukraine_stance.evaluation.metrics import confusion, favor_against_f1, macro_f1
from ukraine_stance.models.ensemble import side_by_side

WAYS = {
    "TF-IDF alone": None,
    "MiniLM alone": None,
    "equal": None,
    **{f"c={c} {weight}": (c, weight) for c in (0.01, 0.03, 0.1, 1.0) for weight in (None, "balanced")},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="+")
    given = parser.parse_args()
    print("| data | " + " | ".join(WAYS) + " |")
    print("| --- |" + " --- |" * len(WAYS))
    for out in given.out:
        found = scored(out.name, out, range(20))
        gold = found["tfidf"][0].gold("validation")
        rows = [[figures(gold, answers(found["tfidf"][0], one), way) for way in WAYS] for one in found["minilm"]]
        means = np.mean(rows, axis=0)
        print(f"| {out.name} | " + " | ".join(f"{first:.3f} / {second:.3f}" for first, second in means) + " |")
    print("\nmean of F1 favor and against / macro-F1")


def answers(linear: object, network: object) -> np.ndarray:
    there = linear.there("validation")
    return side_by_side(["tfidf", "transformer"], [linear.probabilities[there], network.probabilities[there]])


def figures(gold: np.ndarray, logs: np.ndarray, way: str) -> tuple[float, float]:
    fixed = {"TF-IDF alone": logs[:, :3], "MiniLM alone": logs[:, 3:], "equal": logs[:, :3] + logs[:, 3:]}
    predicted = [fixed[way].argmax(axis=1)] if way in fixed else [_out_of_fold(gold, logs, way, n) for n in range(20)]
    counts = [confusion(gold, one) for one in predicted]
    return float(np.mean([favor_against_f1(one) for one in counts])), float(np.mean([macro_f1(one) for one in counts]))


def _out_of_fold(gold: np.ndarray, logs: np.ndarray, way: str, division: int) -> np.ndarray:
    c, weight = WAYS[way]
    found = np.zeros(len(gold), dtype=np.int64)
    for fit, held in StratifiedKFold(5, shuffle=True, random_state=division).split(logs, gold):
        model = LogisticRegression(C=c, class_weight=weight, max_iter=2000).fit(logs[fit], gold[fit])
        found[held] = model.predict(logs[held])
    return found


if __name__ == "__main__":
    main()
