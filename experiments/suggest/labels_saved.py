"""Does `stance data suggest` save labels? TF-IDF grown from 100 statements by suggestion and by chance, side by side.

stance data build && .venv/bin/python experiments/suggest/labels_saved.py
"""

from pathlib import Path

import numpy as np
import pandas as pd

from ukraine_stance import config as configs
from ukraine_stance import models
from ukraine_stance.calibration import fit_temperature
from ukraine_stance.classifier import PROBABILITY_COLUMNS
from ukraine_stance.corpus import dataset
from ukraine_stance.evaluation.metrics import confusion, macro_f1
from ukraine_stance.evaluation.results import gold_columns
from ukraine_stance.labels import ORDER
from ukraine_stance.models.protocol import LabelledTexts, StanceModel
from ukraine_stance.progress import bar
from ukraine_stance.project import Project
from ukraine_stance.suggest import suggest

START, STEP, MOST = 100, 100, 1000
NEWS_NEUTRAL = 0.85
LABELS, EACH = tuple(map(str, ORDER)), 3  # of each label, so that a first model can be trained
SEEDS = range(10)


def main() -> None:
    experiment = configs.load(Path("configs/train/tfidf.yaml"), []).config
    data = dataset.load(Project(Path.cwd()), experiment.data)
    training, validation, test = (data.part(name) for name in ("train", "validation", "test"))
    for name, pool in {
        "as the dataset is": training,
        f"like news, {NEWS_NEUTRAL:.0%} neutral": like_news(training),
    }.items():
        print(f"\n## Pool {name}: {len(pool)} statements\n")
        report(pool, validation, test, experiment)
    print(f"\ntest macro-F1 on {len(test)} statements, {len(SEEDS)} seeds")


def like_news(training: pd.DataFrame) -> pd.DataFrame:
    """All neutral statements, and of the others so few that neutral has its share."""
    neutral = training["label"] == "neutral"
    others = round(neutral.sum() * (1 - NEWS_NEUTRAL) / NEWS_NEUTRAL)
    kept = pd.concat([training[neutral], training[~neutral].sample(others, random_state=0)])
    return kept.sort_index().reset_index(drop=True)


def report(
    pool: pd.DataFrame, validation: pd.DataFrame, test: pd.DataFrame, experiment: configs.ExperimentConfig
) -> None:
    sizes = [*range(START, min(MOST, len(pool)) + 1, STEP)]
    curves: dict[str, list[list[float]]] = {"chance": [], "suggest": []}
    with bar("growing training sets", len(SEEDS) * 2) as advance:
        for seed in SEEDS:
            for way, curve in curves.items():
                curve.append(grown(way, pool, validation, test, sizes, seed, experiment))
                advance(1)
    chance, chosen = (np.array(curve) for curve in curves.values())
    print("| labelled | by chance | suggested | difference, mean of seeds (lowest to highest) |")
    print("| --- | --- | --- | --- |")
    for at, size in enumerate(sizes):
        difference = chosen[:, at] - chance[:, at]
        print(
            f"| {size} | {chance[:, at].mean():.3f} | {chosen[:, at].mean():.3f} | "
            f"{difference.mean():+.3f} ({difference.min():+.3f} to {difference.max():+.3f}) |"
        )
    for size in (400, 800):
        goal = chance[:, sizes.index(size)].mean()
        reached = [next((s for s, score in zip(sizes, curve, strict=True) if score >= goal), None) for curve in chosen]
        known = [size - one for one in reached if one is not None]
        print(
            f"\nlabels saved on the way to what {size} by chance reach ({goal:.3f}): median {np.median(known):.0f} "
            f"(lowest {min(known)}, highest {max(known)}; {len(known)} of {len(reached)} seeds reached it)"
        )


def grown(
    way: str,
    pool: pd.DataFrame,
    validation: pd.DataFrame,
    test: pd.DataFrame,
    sizes: list[int],
    seed: int,
    experiment: configs.ExperimentConfig,
) -> list[float]:
    """Test macro-F1 after each step; both ways begin with the same statements, which hold every label."""
    order = list(np.random.default_rng(seed).permutation(len(pool)))
    needed = [row for label in LABELS for row in [at for at in order if pool["label"].iloc[at] == label][:EACH]]
    order = needed + [row for row in order if row not in set(needed)]
    labelled = order[:START]
    scores = []
    for size in sizes:
        while len(labelled) < size:
            rest = [row for row in order if row not in set(labelled)]
            labelled += next_rows(way, model, pool, validation, rest, seed)  # noqa: F821 - of the round before
        model = models.build(experiment.model, seed)
        model.fit(rows(pool.iloc[labelled]), rows(validation), Path())
        predicted = model.predict(tuple(test["text"]), tuple(test["target"])).probabilities.argmax(axis=1)
        scores.append(float(macro_f1(confusion(gold_columns(test), predicted.astype(np.int64)))))
    return scores


def next_rows(
    way: str, model: StanceModel, pool: pd.DataFrame, validation: pd.DataFrame, rest: list[int], seed: int
) -> list[int]:
    if way == "chance":
        return rest[:STEP]
    temperature = fit_temperature(
        model.predict(tuple(validation["text"]), tuple(validation["target"])).probabilities, gold_columns(validation)
    )
    waiting = pool.iloc[rest]
    probabilities = temperature.apply(model.predict(tuple(waiting["text"]), tuple(waiting["target"])).probabilities)
    scores = pd.DataFrame(probabilities, columns=list(PROBABILITY_COLUMNS))
    return [rest[position] for position in suggest(list(waiting["text"]), scores, STEP, seed).positions]


def rows(chosen: pd.DataFrame) -> LabelledTexts:
    return LabelledTexts(tuple(chosen["text"]), tuple(chosen["target"]), gold_columns(chosen))


if __name__ == "__main__":
    main()
