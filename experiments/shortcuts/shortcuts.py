"""What tells the label without the statement being read? Grouped cross-validation on one thing at a time.

stance data build && .venv/bin/python experiments/shortcuts/shortcuts.py
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

from ukraine_stance.corpus.dataset import read_built
from ukraine_stance.corpus.names import masked
from ukraine_stance.corpus.splits import join_groups
from ukraine_stance.labels import ORDER
from ukraine_stance.project import Project

SEEDS = range(5)
# Words of sklearn's list that are no function words.
CONTENT = {
    *("amount", "bill", "bottom", "call", "computer", "cry", "describe", "detail", "empty", "fill", "find", "fire"),
    *("front", "full", "interest", "mill", "mine", "move", "name", "part", "serious", "show", "side", "sincere"),
    *(
        "system",
        "thick",
        "thin",
        "top",
        "cant",
        "con",
        "etc",
        "hasnt",
        "couldnt",
        "give",
        "found",
        "made",
        "see",
        "put",
    ),
}
FUNCTION_WORDS = sorted(ENGLISH_STOP_WORDS - CONTENT)
# Most macro-F1 that a cue may reach on all rows; on the constructed rows every one of them may reach 0.45.
BARS = {"length": 0.46, "holder": 0.55, "aspect": 0.52, "year": 0.45, "kind": 0.45}
CONSTRUCTED_BAR = 0.45


@dataclass(frozen=True)
class Cue:
    seen: Callable[[pd.DataFrame], Any]
    model: Callable[[], BaseEstimator]


def linear() -> LogisticRegression:
    return LogisticRegression(max_iter=3000, class_weight="balanced")


def one_column(name: str) -> Cue:
    return Cue(
        lambda rows: rows[[name]].astype(object).where(rows[[name]].notna(), "none").astype(str).to_numpy(),
        lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), linear()),
    )


def words(seen: Callable[[pd.DataFrame], Any]) -> Cue:
    return Cue(seen, lambda: make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), linear()))


def lengths(rows: pd.DataFrame) -> np.ndarray:
    return np.array([[len(text.split()), len(text)] for text in rows["text"]], dtype=float)


CUES = {
    # Twenty bins each of words and characters: any shape of dependence on length can be learned.
    "length": Cue(
        lengths, lambda: make_pipeline(KBinsDiscretizer(20, quantile_method="averaged_inverted_cdf"), linear())
    ),
    "holder": words(lambda rows: np.array([holder or "none" for holder in rows["holder"]])),
    "aspect": one_column("aspect"),
    "year": one_column("year"),
    "kind": one_column("kind"),
    "topic": one_column("topic"),
    "function words": Cue(
        lambda rows: rows["text"].to_numpy(),
        lambda: make_pipeline(CountVectorizer(vocabulary=FUNCTION_WORDS, binary=True), linear()),
    ),
    "text, names masked": words(lambda rows: np.array([masked(text) for text in rows["text"]])),
    "text": words(lambda rows: rows["text"].to_numpy()),
}


def main() -> int:
    rows = read_built(Project(Path.cwd()))
    rows = rows[rows["origin"] == "bundled"].reset_index(drop=True)
    contrasts = [name if isinstance(name, str) else None for name in rows["contrast_group"]]
    rows["tied"] = join_groups(list(rows["group"]), contrasts)
    sets = {
        "all": rows,
        **{kind: rows[rows["kind"] == kind].reset_index(drop=True) for kind in sorted(set(rows["kind"]))},
    }
    print(f"macro-F1 in {len(SEEDS)} grouped five-fold cross-validations: mean (lowest to highest)\n")
    print(
        "| seen | "
        + " | ".join(f"{name} ({len(chosen)})" for name, chosen in sets.items())
        + " | bar, all | bars held |"
    )
    print("| --- |" + " --- |" * (len(sets) + 2))
    broken = []
    for name, cue in CUES.items():
        scores = {part: [cross_validated(cue, chosen, seed) for seed in SEEDS] for part, chosen in sets.items()}
        means = {part: float(np.mean(found)) for part, found in scores.items()}
        held = name not in BARS or (means["all"] <= BARS[name] and means["constructed"] <= CONSTRUCTED_BAR)
        broken += [] if held else [name]
        cells = [f"{means[part]:.3f} ({min(found):.3f} to {max(found):.3f})" for part, found in scores.items()]
        bar = f"{BARS[name]:.2f}" if name in BARS else ""
        print(
            f"| {name} | " + " | ".join(cells) + f" | {bar} | {('yes' if held else 'NO') if bar else ''} |", flush=True
        )
    print(f"\nguessing in proportion to the labels: {1 / len(ORDER):.3f}; {len(FUNCTION_WORDS)} function words")
    for label in map(str, ORDER):
        print(f"\n{label}: " + ", ".join(f"{term} ({z:+.1f}, {n})" for term, z, n in telling(rows, label)))
    if broken:
        print(f"bars broken: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def cross_validated(cue: Cue, rows: pd.DataFrame, seed: int) -> float:
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    predicted = cross_val_predict(cue.model(), cue.seen(rows), rows["label"], groups=rows["tied"], cv=folds)
    return float(f1_score(rows["label"], predicted, average="macro"))


def telling(rows: pd.DataFrame, label: str, most: int = 30) -> list[tuple[str, float, int]]:
    """N-grams most tied to a label: z of the log odds with a prior of all rows (Monroe et al. 2008), and their rows."""
    counter = CountVectorizer(ngram_range=(1, 3), min_df=10, binary=True, token_pattern=r"(?u)\b\w+\b")
    counts = counter.fit_transform(rows["text"])
    own = np.asarray(counts[(rows["label"] == label).to_numpy()].sum(axis=0)).ravel()
    rest = np.asarray(counts[(rows["label"] != label).to_numpy()].sum(axis=0)).ravel()
    prior = (own + rest) * (500 / (own + rest).sum())
    total = prior.sum()
    odds = np.log((own + prior) / (own.sum() + total - own - prior))
    others = np.log((rest + prior) / (rest.sum() + total - rest - prior))
    z = (odds - others) / np.sqrt(1 / (own + prior) + 1 / (rest + prior))
    order = np.argsort(-z)[:most]
    terms = counter.get_feature_names_out()
    return [(terms[at], float(z[at]), int(own[at] + rest[at])) for at in order]


if __name__ == "__main__":
    sys.exit(main())
