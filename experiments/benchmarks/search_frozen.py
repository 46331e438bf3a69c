"""Does a linear head on frozen sentence embeddings add to the other two? Judged on validation alone.

.venv/bin/python -m experiments.benchmarks.search_frozen OUT [OUT ...]

OUT is a benchmark's folder of trainings. The head is a logistic regression, weights of each target beside shared ones,
C chosen by five folds inside training. Ensembles are means of log-probabilities. The test is never looked at.
"""

import argparse
from itertools import chain, combinations
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from experiments.benchmarks.running import scored
from sklearn.linear_model import LogisticRegressionCV
from transformers import AutoModel

from ukraine_stance.evaluation.metrics import confusion, favor_against_f1, macro_f1
from ukraine_stance.labels import column_of
from ukraine_stance.models.ensemble import side_by_side
from ukraine_stance.models.network import read_tokenizer
from ukraine_stance.models.weights import locate

CHECKPOINT = "sentence-transformers/all-MiniLM-L6-v2"
MEMBERS = ("TF-IDF", "MiniLM", "frozen")
WAYS = list(chain.from_iterable(combinations(range(3), size) for size in (1, 2, 3)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, nargs="+")
    given = parser.parse_args()
    print("| data | " + " | ".join(" + ".join(MEMBERS[at] for at in way) for way in WAYS) + " |")
    print("| --- |" + " --- |" * len(WAYS))
    for out in given.out:
        found = scored(out.name, out, range(20))
        linear, gold = found["tfidf"][0], found["tfidf"][0].gold("validation")
        frozen = answers(pd.read_csv(out / "data.csv", dtype={"text": str}, keep_default_na=False))
        figures = []
        for network in found["minilm"]:
            three = [one.probabilities[one.there("validation")] for one in (linear, network)] + [frozen]
            logs = side_by_side(list(MEMBERS), three).reshape(len(gold), 3, 3)
            counts = [confusion(gold, logs[:, list(way)].mean(axis=1).argmax(axis=1)) for way in WAYS]
            figures.append([(float(favor_against_f1(one)), float(macro_f1(one))) for one in counts])
        cells = [f"{first:.3f} / {second:.3f}" for first, second in np.mean(figures, axis=0)]
        print(f"| {out.name} | " + " | ".join(cells) + " |", flush=True)
    print("\nmean of F1 favor and against / macro-F1, mean over the seeds of MiniLM")


def answers(rows: pd.DataFrame) -> np.ndarray:
    """Probabilities (n, 3) of the validation rows."""
    learned, asked = rows[rows["fold"] >= 2], rows[rows["fold"] == 1]
    targets = sorted(rows["target"].unique())
    head = LogisticRegressionCV(
        Cs=np.logspace(-1, 2, 7), cv=5, l1_ratios=(0.0,), scoring="f1_macro", class_weight="balanced", max_iter=3000,
        use_legacy_attributes=False,
    )  # fmt: skip
    head.fit(features(learned, targets), [column_of(label) for label in learned["label"]])
    return np.asarray(head.predict_proba(features(asked, targets)))


def features(rows: pd.DataFrame, targets: list[str]) -> np.ndarray:
    """The mean of the last layer's tokens, of length 1, and where there are several targets a copy for each."""
    folder = locate(CHECKPOINT, None, None)
    tokenizer, network = read_tokenizer(folder), AutoModel.from_pretrained(folder, use_safetensors=True).eval()
    found = []
    with torch.inference_mode():
        for at in range(0, len(rows), 64):
            texts = list(rows["text"][at : at + 64])
            encoded = tokenizer(texts, truncation=True, max_length=128, padding=True, return_tensors="pt")
            mask = encoded["attention_mask"][..., None]
            pooled = (network(**encoded).last_hidden_state * mask).sum(1) / mask.sum(1)
            found.append(torch.nn.functional.normalize(pooled, dim=-1).numpy())
    shared = np.concatenate(found)
    own = [shared * (rows["target"] == target).to_numpy()[:, None] for target in targets] if len(targets) > 1 else []
    return np.hstack([shared, *own])


if __name__ == "__main__":
    main()
