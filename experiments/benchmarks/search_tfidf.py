"""What helps TF-IDF? Cross-validation inside training and validation rows; the test is never looked at.

.venv/bin/python -m experiments.benchmarks.search_tfidf DATA.csv [DATA.csv ...] --out LINES.jsonl

DATA.csv is what a benchmark's command wrote; `bundled` stands for our own statements, groups kept whole.
"""

import argparse
import json
from itertools import product
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import LinearSVC

from ukraine_stance.corpus.dataset import joined_groups, read_built
from ukraine_stance.evaluation.metrics import confusion, favor_against_f1, macro_f1
from ukraine_stance.labels import column_of
from ukraine_stance.project import Project

TOKEN = r"(?u)\b\w+(?:[-'’]\w+)*\b"
HASHTAG = r"(?u)[#@]?\b\w+(?:[-'’]\w+)*\b"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stage", choices=STAGES, default="features")
    given = parser.parse_args()
    for name in given.data:
        rows = learned(name)
        for how in STAGES[given.stage]:
            began = process_time()
            figures = cross_validated(rows, how)
            line = {"data": Path(name).stem, **how, **figures, "cpu_seconds": round(process_time() - began, 1)}
            print(json.dumps(line), flush=True)
            with given.out.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")


def learned(name: str) -> pd.DataFrame:
    """Training and validation rows with text, target, gold and group."""
    if name == "bundled":
        rows = read_built(Project(Path.cwd()))
        rows = rows[(rows["origin"] == "bundled") & (rows["fold"] > 0)].reset_index(drop=True)
        groups = joined_groups(rows)
    else:
        rows = pd.read_csv(name, dtype={"text": str}, keep_default_na=False)
        rows = rows[rows["fold"] > 0].reset_index(drop=True)
        groups = list(rows["group"] if "group" in rows else rows["id"])
    return rows.assign(gold=[column_of(label) for label in rows["label"]], unit=groups)


def cross_validated(rows: pd.DataFrame, how: dict[str, Any]) -> dict[str, float]:
    """Figures over the pooled answers of five folds."""
    strata = rows["target"].astype(str) + rows["gold"].astype(str)
    answers = np.zeros(len(rows), dtype=np.int64)
    for fit, held in StratifiedGroupKFold(5, shuffle=True, random_state=0).split(rows, strata, rows["unit"]):
        answers[held] = answer(rows.iloc[fit], rows.iloc[held], how)
    asked = rows.get("asked", pd.Series(True, index=rows.index)).to_numpy(dtype=bool)
    counts = confusion(rows["gold"].to_numpy()[asked], answers[asked])
    return {"favor_against_f1": round(float(favor_against_f1(counts)), 4), "macro_f1": round(float(macro_f1(counts)), 4)}


def answer(fit: pd.DataFrame, held: pd.DataFrame, how: dict[str, Any]) -> np.ndarray:
    if how["per_target"] != "separate":
        return classify(fit, held, how)
    found = pd.Series(0, index=held.index)
    for target, some in held.groupby("target"):
        found[some.index] = classify(fit[fit["target"] == target], some, how)
    return found.to_numpy()


def classify(fit: pd.DataFrame, held: pd.DataFrame, how: dict[str, Any]) -> np.ndarray:
    parts = [vectorizer.set_params(sublinear_tf=how["sublinear"], min_df=how["min_df"]) for vectorizer in vectorizers(how)]
    first = sp.hstack([part.fit_transform(fit["text"]) for part in parts], format="csr")
    second = sp.hstack([part.transform(held["text"]) for part in parts], format="csr")
    if how["per_target"] == "interaction":
        targets = sorted(set(fit["target"]))
        first, second = interacting(first, fit["target"], targets), interacting(second, held["target"], targets)
    if how["classifier"] == "svm":
        model = LinearSVC(C=how["c"], class_weight=how["class_weight"], dual=True, max_iter=3000)
    else:
        model = LogisticRegression(C=how["c"], class_weight=how["class_weight"], max_iter=2000)
    return np.asarray(model.fit(first, fit["gold"]).predict(second))


def vectorizers(how: dict[str, Any]) -> list[TfidfVectorizer]:
    words = TfidfVectorizer(ngram_range=how["words"], token_pattern=HASHTAG if how.get("hashtags") else TOKEN)
    if how["chars"] is None:
        return [words]
    return [words, TfidfVectorizer(analyzer=how.get("analyzer", "char_wb"), ngram_range=how["chars"])]


def interacting(matrix: sp.csr_matrix, targets: pd.Series, known: list[str]) -> sp.csr_matrix:
    """Every feature for all targets together, and again for its own target alone (Daumé 2007)."""
    matrix = sp.hstack([matrix, np.ones((matrix.shape[0], 1))], format="csr")  # each target has its own shares of labels
    own = [sp.diags((targets == target).to_numpy(dtype=float)) @ matrix for target in known]
    return sp.hstack([matrix, *own], format="csr")


PLAIN = {"words": (1, 2), "chars": (3, 5), "sublinear": True, "min_df": 1, "c": 8.0, "class_weight": "balanced", "classifier": "lr", "per_target": "one"}


def _around(**changed: Any) -> dict[str, Any]:
    return {**PLAIN, **changed}


STAGES: dict[str, list[dict[str, Any]]] = {
    "targets": [
        _around(per_target=way, classifier=kind, c=c)
        for way, (kind, c) in product(
            ("one", "separate", "interaction"), (("lr", 0.5), ("lr", 2.0), ("lr", 8.0), ("svm", 0.1), ("svm", 0.5))
        )
    ],
    "features": [
        _around(c=2.0, per_target="interaction", **changed)
        for changed in (
            {}, {"class_weight": None}, {"c": 0.5}, {"sublinear": False}, {"analyzer": "char"}, {"hashtags": True},
            {"words": (1, 3), "chars": (2, 5)}, {"words": (1, 1)}, {"chars": (2, 4)},
        )
    ],
    "one": [
        _around(c=c, class_weight=weight, **changed)
        for c, weight, changed in (
            (0.5, "balanced", {}), (2.0, "balanced", {}), (2.0, None, {}), (8.0, "balanced", {}), (0.5, None, {}),
            (2.0, "balanced", {"words": (1, 3), "chars": (2, 5)}), (2.0, "balanced", {"words": (1, 1)}),
            (2.0, "balanced", {"chars": None}), (2.0, "balanced", {"analyzer": "char"}), (2.0, "balanced", {"sublinear": False}),
            (0.1, "balanced", {"classifier": "svm"}),
        )
    ],
}


if __name__ == "__main__":
    main()
