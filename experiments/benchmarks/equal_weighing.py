"""Does the plain mean of TF-IDF and a transformer do what learned weights do, on our own statements?

.venv/bin/python -m experiments.benchmarks.equal_weighing TFIDF_RUN TRANSFORMER_RUN ENSEMBLE_RUN

Reads the three run folders' predictions.parquet: the same rows, calibrated probabilities. macro-F1.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from ukraine_stance.classifier import PROBABILITY_COLUMNS
from ukraine_stance.evaluation.uncertainty import Resampling, bootstrap, paired_difference
from ukraine_stance.labels import column_of
from ukraine_stance.models.ensemble import equal_weights, side_by_side
from ukraine_stance.runs import Run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs=3)
    given = parser.parse_args()
    tables = [pd.read_parquet(Run(folder).predictions).set_index(["part", "id"]) for folder in given.runs]
    rows = tables[0]
    probabilities = [table.loc[rows.index, list(PROBABILITY_COLUMNS)].to_numpy() for table in tables]
    mean = equal_weights(2).probabilities(side_by_side(["tfidf", "transformer"], probabilities[:2]))
    answers = [one.argmax(axis=1) for one in (mean, *probabilities)]
    for part in rows.index.unique("part"):
        there = rows.index.get_level_values("part") == part
        gold = np.array([column_of(label) for label in rows["label"][there]])
        groups, how = list(rows["group"][there]), Resampling()
        own = bootstrap(gold, answers[0][there], groups, how)["macro_f1"]
        print(f"{part}: equal mean {own.value:.3f} [{own.low:.3f}, {own.high:.3f}]")
        for name, other in zip(("TF-IDF", "transformer", "ensemble"), answers[1:], strict=True):
            found = paired_difference(gold, other[there], answers[0][there], groups, how)["macro_f1"]
            print(f"{part}: equal mean minus {name} {found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]")


if __name__ == "__main__":
    main()
