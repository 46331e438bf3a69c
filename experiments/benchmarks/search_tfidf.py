"""What helps TF-IDF? Cross-validation inside training and validation rows; the test is never looked at.

.venv/bin/python -m experiments.benchmarks.search_tfidf DATA.csv [DATA.csv ...] --out LINES.jsonl

DATA.csv is OUT/data.csv of a benchmark's command; `bundled` stands for our own statements, groups kept whole. Every
setting is fitted on the kernel of its features, which gives the same answers as the features and costs seconds: there
are many more terms than statements. Five folds, their answers pooled.
"""

import argparse
import json
import warnings
from functools import cache
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
import scipy.linalg
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC

from ukraine_stance.corpus.dataset import joined_groups, read_built
from ukraine_stance.evaluation.metrics import confusion, favor_against_f1, macro_f1
from ukraine_stance.labels import column_of
from ukraine_stance.project import Project

TOKEN = r"(?u)\b\w+(?:[-'’]\w+)*\b"

FEATURES: dict[str, dict[str, Any]] = {
    "words 1-1": {"ngram_range": (1, 1), "token_pattern": TOKEN},
    "words 1-2": {"ngram_range": (1, 2), "token_pattern": TOKEN},
    "words 1-3": {"ngram_range": (1, 3), "token_pattern": TOKEN},
    "chars 2-5": {"ngram_range": (2, 5), "analyzer": "char_wb"},
    "chars 3-5": {"ngram_range": (3, 5), "analyzer": "char_wb"},
    "chars 2-5 over spaces": {"ngram_range": (2, 5), "analyzer": "char"},
    "chars 3-6 over spaces": {"ngram_range": (3, 6), "analyzer": "char"},
}
PLAIN: dict[str, Any] = {
    "features": ("words 1-2", "chars 3-5"),
    "sublinear": True,
    "shared": 1.0,
    "own": 1.0,
    "classifier": "lr",
    "c": 2.0,
    "weight": "balanced",
}
WIDE = ("words 1-3", "chars 2-5")  # as the organisers of SemEval-2016 had them, in a linear SVM for each target
SETTINGS = [
    PLAIN,
    *({**PLAIN, "c": c} for c in (0.5, 8.0)),
    *({**PLAIN, "weight": weight} for weight in (None, "half")),
    {**PLAIN, "features": WIDE},
    {**PLAIN, "features": WIDE, "weight": None},
    *({**PLAIN, "shared": shared, "own": own} for shared, own in ((1.0, 0.0), (0.0, 1.0), (1.0, 3.0))),
    {**PLAIN, "features": WIDE, "shared": 0.0, "classifier": "svm", "weight": None, "c": 0.1},
    {**PLAIN, "classifier": "svm", "c": 0.1},
    {**PLAIN, "sublinear": False},
    {**PLAIN, "features": ("words 1-2",)},
    {**PLAIN, "features": ("words 1-1", "chars 3-5")},
    {**PLAIN, "features": ("words 1-2", "chars 2-5 over spaces")},
]


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    for name in given.data:
        rows = learned(name)
        several = rows["target"].nunique() > 1
        kernels = cache(
            lambda fold, feature, sublinear, rows=rows: _kernel(rows, folds(rows)[fold][0], feature, sublinear)
        )
        for how in SETTINGS:
            if (how["shared"], how["own"]) != (1.0, 1.0) and not several:
                continue
            began = process_time()
            line = {
                "data": Path(name).parent.name or name,
                **how,
                **figures(rows, how, kernels),
                "cpu_seconds": round(process_time() - began, 1),
            }
            print(json.dumps(line), flush=True)
            with given.out.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")


def learned(name: str) -> pd.DataFrame:
    """Training and validation rows with text, target, gold and unit, what no fold divides."""
    if name == "bundled":
        rows = read_built(Project(Path.cwd()))
        rows = rows[(rows["origin"] == "bundled") & (rows["fold"] > 0)].reset_index(drop=True)
        groups = joined_groups(rows)
    else:
        rows = pd.read_csv(name, dtype={"text": str}, keep_default_na=False)
        rows = rows[rows["fold"] > 0].reset_index(drop=True)
        groups = list(rows["id"])
    return rows.assign(gold=[column_of(label) for label in rows["label"]], unit=groups)


def folds(rows: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray]]:
    strata = rows["target"].astype(str) + rows["gold"].astype(str)
    return list(StratifiedGroupKFold(5, shuffle=True, random_state=0).split(rows, strata, rows["unit"]))


def _kernel(rows: pd.DataFrame, fit: np.ndarray, feature: str, sublinear: bool) -> np.ndarray:
    """Similarities (n, n) of all rows in the terms of those that a fold learns from."""
    vectorizer = TfidfVectorizer(sublinear_tf=sublinear, **FEATURES[feature]).fit(rows["text"].iloc[fit])
    matrix = vectorizer.transform(rows["text"])
    return np.asarray((matrix @ matrix.T).todense(), dtype=np.float32)


def figures(rows: pd.DataFrame, how: dict[str, Any], kernels: Any) -> dict[str, float]:
    answers = np.zeros(len(rows), dtype=np.int64)
    targets = rows["target"].to_numpy()
    same = (targets[:, None] == targets[None, :]).astype(np.float32)
    for number, (fit, held) in enumerate(folds(rows)):
        terms = sum(kernels(number, feature, how["sublinear"]) for feature in how["features"])
        # Terms shared by all targets, and with a constant once more for each alone.
        kernel = how["shared"] * terms + how["own"] * (terms + 1) * same if len(set(targets)) > 1 else terms
        inside = kernel[np.ix_(fit, fit)]
        root = scipy.linalg.cholesky(inside + 1e-4 * np.eye(len(fit), dtype=np.float32), lower=True)
        across = scipy.linalg.solve_triangular(root, kernel[np.ix_(fit, held)], lower=True).T
        answers[held] = classify(root, rows["gold"].to_numpy()[fit], across, how)
    counts = confusion(rows["gold"].to_numpy(), answers)
    return {
        "favor_against_f1": round(float(favor_against_f1(counts)), 4),
        "macro_f1": round(float(macro_f1(counts)), 4),
    }


def classify(fit: np.ndarray, gold: np.ndarray, held: np.ndarray, how: dict[str, Any]) -> np.ndarray:
    weight = how["weight"]
    if weight == "half":  # half the way to balanced, in powers
        counts = np.bincount(gold, minlength=3)
        weight = dict(enumerate((len(gold) / (3 * counts)) ** 0.5))
    if how["classifier"] == "svm":
        model = LinearSVC(C=how["c"], class_weight=weight, max_iter=2000)
    else:
        model = LogisticRegression(C=how["c"], class_weight=weight, max_iter=500)
    return np.asarray(model.fit(fit, gold).predict(held))


if __name__ == "__main__":
    main()
