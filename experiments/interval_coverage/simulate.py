"""How often does a 95 % interval hold the truth? Groups of statements drawn from a known world, several methods.

.venv/bin/python experiments/interval_coverage/simulate.py experiments/runs/interval_coverage
.venv/bin/python experiments/interval_coverage/simulate.py experiments/runs/interval_coverage --quick
.venv/bin/python experiments/interval_coverage/simulate.py experiments/runs/interval_coverage --report

Each cell (world, groups) appends its lines to OUT/coverage.jsonl; given again, the cells that stand there are left out.
The whole takes about twenty minutes of one core (set OMP_NUM_THREADS=1); OUT/coverage.csv holds every cell's coverages.
The method named "shipped" is the package's own: `student_interval`, and `none_or_all` for shares of 0 or 1.
"""

import argparse
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from scipy.special import expit, logit, ndtr, softmax
from scipy.stats import norm
from scipy.stats import t as student

from ukraine_stance.evaluation.agreement import alpha, cohen_kappa
from ukraine_stance.evaluation.metrics import SHARES, accuracy, f1, favor_against_f1, macro_f1, precision, recall
from ukraine_stance.evaluation.reliability import BINS, SPANS
from ukraine_stance.evaluation.uncertainty import SHARE, SIGNED, none_or_all, student_interval
from ukraine_stance.labels import ORDER
from ukraine_stance.models.protocol import FloatArray

Lines = list[dict[str, object]]
Ends = tuple[FloatArray, FloatArray]

LEVEL = 0.95
GROUPS = (3, 5, 8, 12, 20, 30, 40, 80, 160, 500)
WITHIN = (0.93, 0.97)

# Sums of a group: two confusion matrices, confidence less right ones in each bin, squared error, minus log of gold's.
FIRST, SECOND, BIN, BRIER, LOG = slice(0, 9), slice(9, 18), slice(18, 18 + BINS), 18 + BINS, 19 + BINS

# Statements in a group: as in the test fold (334, 134 and 40 of 508 groups) and as in an article.
PAGES = ((1, 2, 3), (334 / 508, 134 / 508, 40 / 508))
ARTICLES = (tuple(range(5, 26)), None)

# Gold in rows: how the demo's TF-IDF and MiniLM label the test fold; and what one coder says where another says gold.
MODELS = (
    ((0.51, 0.21, 0.28), (0.34, 0.43, 0.23), (0.15, 0.13, 0.72)),
    ((0.65, 0.20, 0.15), (0.42, 0.49, 0.09), (0.24, 0.08, 0.68)),
)
CODERS = 2 * (((0.97, 0.005, 0.025), (0.005, 0.96, 0.035), (0.015, 0.015, 0.97)),)
BALANCED, NEWS, RARE = (0.33, 0.25, 0.42), (0.30, 0.05, 0.65), (0.28, 0.02, 0.70)


@dataclass(frozen=True)
class World:
    """Where groups come from.

    gold_correlation is that of two statements of one group having the same gold label; group_effect the standard
    deviation, in log odds, of what a group does to each label's chance and to the model's skill.
    """

    name: str
    sizes: tuple[tuple[int, ...], tuple[float, ...] | None]
    shares: tuple[float, float, float]
    gold_correlation: float
    group_effect: float
    labelling: tuple[tuple[tuple[float, ...], ...], ...] = MODELS


WORLDS = (
    World("pages, balanced", PAGES, BALANCED, 0.05, 0.4),
    World("pages, news", PAGES, NEWS, 0.05, 0.4),
    World("articles, balanced", ARTICLES, BALANCED, 0.1, 0.6),
    World("articles, news", ARTICLES, NEWS, 0.1, 0.6),
    World("articles, balanced, strong", ARTICLES, BALANCED, 0.3, 1.3),
    World("articles, news, strong", ARTICLES, NEWS, 0.3, 1.3),
    World("pages, rare", PAGES, RARE, 0.05, 0.4),
    World("articles, rare", ARTICLES, RARE, 0.1, 0.6),
    World("two coders, pages", PAGES, BALANCED, 0.05, 0.4, CODERS),
    World("two coders, articles", ARTICLES, NEWS, 0.1, 0.6, CODERS),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--quick", action="store_true", help="100 datasets a cell, up to 40 groups: about a minute")
    parser.add_argument("--report", action="store_true", help="only print the tables and draw the figure")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    lines = given.out / "coverage.jsonl"
    if not given.report:
        datasets, groups = (100, GROUPS[:7]) if given.quick else (2000, GROUPS)
        done = set()
        if lines.exists():
            done = {(row["world"], row["groups"]) for row in map(json.loads, lines.read_text("utf-8").splitlines())}
        for world in WORLDS:
            truth = whole_world(world)
            for count in groups:
                if (world.name, count) not in done:
                    halved = count > 160 or world.labelling is CODERS
                    found = cell(world, truth, count, datasets // 2 if halved else datasets)
                    with lines.open("a", encoding="utf-8") as stream:
                        stream.writelines(json.dumps(row) + "\n" for row in found)
    report(pd.read_json(lines, lines=True), given.out)


def draw(world: World, datasets: int, groups: int, rng: np.random.Generator) -> FloatArray:
    """Sums (datasets, groups, 35) of groups with a share of each label, a lean and a skill of their own."""
    values, weights = world.sizes
    sizes = rng.choice(values, size=datasets * groups, p=weights)
    group = np.repeat(np.arange(datasets * groups), sizes)
    count = len(group)
    rows = np.arange(count)
    spread = (1 - world.gold_correlation) / world.gold_correlation
    shares = rng.standard_gamma(np.array(world.shares) * spread, size=(datasets * groups, 3)) + 1e-12
    shares /= shares.sum(axis=1, keepdims=True)
    gold = (rng.random(count)[:, None] > shares.cumsum(axis=1)[group, :2]).sum(axis=1)
    sums = np.zeros((datasets * groups, 20 + BINS))
    # Half of what a group does, and most of what makes a statement hard, is the same for both models.
    lean, skill = rng.standard_normal((datasets * groups, 3)), rng.standard_normal(datasets * groups)
    hard = rng.standard_normal((count, 3))
    for model, matrix in enumerate(world.labelling):
        own_lean, own_skill = rng.standard_normal(lean.shape), rng.standard_normal(skill.shape)
        noise = np.sqrt(0.7) * hard + np.sqrt(0.3) * rng.standard_normal(hard.shape)
        score = np.log(matrix)[gold] - np.log(-np.log(np.clip(ndtr(noise), 1e-15, 1 - 1e-15)))
        score += (world.group_effect * np.sqrt(0.5) * (lean + own_lean))[group]
        score[rows, gold] += (world.group_effect * np.sqrt(0.5) * (skill + own_skill))[group]
        predicted = score.argmax(axis=1)
        np.add.at(sums, (group, 9 * model + 3 * gold + predicted), 1)
        if model == 0:
            probabilities = softmax(0.6 * score, axis=1)  # a little too sure
            confidence = probabilities.max(axis=1)
            bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
            np.add.at(sums, (group, BIN.start + bins), confidence - (predicted == gold))
            np.add.at(sums, (group, BRIER), ((probabilities - np.eye(3)[gold]) ** 2).sum(axis=1))
            np.add.at(sums, (group, LOG), -np.log(probabilities[rows, gold]))
    return sums.reshape(datasets, groups, -1)


def whole_world(world: World, groups: int = 400_000, at_once: int = 10_000) -> FloatArray:
    """Every figure (names,) of so many groups that its own error, below 0.0005 for macro-F1, does not count."""
    rng = np.random.default_rng(1)
    return measure(sum(draw(world, 1, at_once, rng)[0].sum(axis=0) for _ in range(groups // at_once)))


OVERALL = {"macro_f1": macro_f1, "favor_against_f1": favor_against_f1, "accuracy": accuracy}
BY_LABEL = {"precision": precision, "recall": recall, "f1": f1}
CONFUSION = [*OVERALL, *(f"{name}_{label}" for label in ORDER for name in BY_LABEL)]
NAMES = [
    *CONFUSION,
    "alpha",
    "kappa",
    "calibration_error",
    "brier_score",
    "log_loss",
    "difference_macro_f1",
    "difference_accuracy",
]
SPAN = {"alpha": SIGNED, "kappa": SIGNED, **SPANS, "difference_macro_f1": SIGNED, "difference_accuracy": SIGNED}


def measure(sums: FloatArray) -> FloatArray:
    """Every figure (..., names) of sums (..., 35)."""
    one, two = (sums[..., part].reshape(*sums.shape[:-1], 3, 3) for part in (FIRST, SECOND))
    count = one.sum(axis=(-2, -1))
    by_label = [metric(one) for metric in BY_LABEL.values()]
    return np.stack(
        [
            *(metric(one) for metric in OVERALL.values()),
            *(figures[..., column] for column in range(len(ORDER)) for figures in by_label),
            alpha(one + one.swapaxes(-2, -1)),
            cohen_kappa(one),
            np.abs(sums[..., BIN]).sum(axis=-1) / count,
            sums[..., BRIER] / count,
            sums[..., LOG] / count,
            macro_f1(two) - macro_f1(one),
            accuracy(two) - accuracy(one),
        ],
        axis=-1,
    )


def cell(world: World, truth: FloatArray, groups: int, datasets: int, samples: int = 1000, at_once: int = 20) -> Lines:
    """One line for each method and figure: coverage, mean width, share without interval."""
    rng = np.random.default_rng([groups, WORLDS.index(world)])
    held: dict[str, list[FloatArray]] = {}
    for _ in range(datasets // at_once):
        sums = draw(world, at_once, groups, rng)
        times = rng.multinomial(groups, np.full(groups, 1 / groups), size=samples).astype(float)
        for method, (low, high) in intervals(sums, times).items():
            there = np.isfinite(low) & np.isfinite(high) & (high - low > 1e-12)
            inside = np.where(there, (low <= truth) & (truth <= high), np.nan)
            held.setdefault(method, []).append(np.stack([inside, np.where(there, high - low, np.nan)]))
    lines = []
    for method, parts in held.items():
        inside, width = np.concatenate(parts, axis=1)
        for column, figure in enumerate(NAMES):
            defined = int((~np.isnan(inside[:, column])).sum())
            if defined:
                lines.append(
                    {
                        "world": world.name,
                        "groups": groups,
                        "method": method,
                        "figure": figure,
                        "truth": round(float(truth[column]), 4),
                        "coverage": round(float(np.nanmean(inside[:, column])), 4),
                        "width": round(float(np.nanmean(width[:, column])), 4),
                        "without": round(1 - defined / len(inside), 4),
                    }
                )
    return lines


def intervals(sums: FloatArray, times: FloatArray) -> dict[str, Ends]:
    """Ends (datasets, names) by method, from sums (datasets, groups, 35) and times drawn (samples, groups)."""
    groups = sums.shape[1]
    whole = sums.sum(axis=1)
    value, drawn, rest = measure(whole), measure(times @ sums), measure(whole[:, None] - sums)
    # (datasets, names, samples), undefined ones last.
    ordered = np.sort(np.moveaxis(drawn, 1, -1), axis=-1)
    defined = (~np.isnan(ordered)).sum(axis=-1)
    quantile = partial(quantiles, ordered, defined)
    tail = (1 - LEVEL) / 2
    low, high = quantile(tail), quantile(1 - tail)
    wide = student.ppf(1 - tail, groups - 1) * np.sqrt(groups / (groups - 1))
    error = np.sqrt(groups / (groups - 1)) * np.nanstd(drawn, axis=1)
    sure = (~np.isnan(rest)).all(axis=1)
    jackknife = np.sqrt((groups - 1) / groups * ((rest - value[:, None]) ** 2).sum(axis=1))
    bias, skew = bias_and_skew(value, ordered, defined, rest)

    def bca(z: float) -> FloatArray:
        return quantile(np.nan_to_num(norm.cdf(bias + (bias + z) / (1 - skew * (bias + z))), nan=0.5))

    found = {
        "percentile": (low, high),
        "basic": (2 * value - high, 2 * value - low),
        "BCa": (bca(norm.ppf(tail)), bca(norm.ppf(1 - tail))),
        "percentile, expanded": (quantile(norm.cdf(-wide)), quantile(norm.cdf(wide))),
        "standard error, t": (value - error * wide_t(groups), value + error * wide_t(groups)),
        "jackknife, t": (value - jackknife * wide_t(groups), value + jackknife * wide_t(groups)),
        "jackknife, t, log odds": on_log_odds(value, jackknife * wide_t(groups)),
        "bootstrap-t": studentised(sums, times, value),
        "groups ignored": ignoring_groups(whole, value),
        "shipped": shipped(value, np.moveaxis(drawn, 1, 0), np.moveaxis(rest, 1, 0), measure(sums)),
    }
    enough = defined >= 0.95 * len(times)  # as the package had it
    for names, there in ((list(found)[:5], enough), (list(found)[5:7], sure)):
        found |= {name: tuple(np.where(there, end, np.nan) for end in found[name]) for name in names}
    return found


def wide_t(groups: int) -> float:
    return float(student.ppf((1 + LEVEL) / 2, groups - 1))


def shipped(value: FloatArray, drawn: FloatArray, rest: FloatArray, alone: FloatArray) -> Ends:
    """The package's own method, figure by figure.

    drawn is (samples, datasets, names), rest (groups, datasets, names), alone (datasets, groups, names).
    """
    each = [
        student_interval(value[:, n], drawn[..., n], rest[..., n], LEVEL, SPAN.get(name, SHARE))
        for n, name in enumerate(NAMES)
    ]
    low, high = np.stack([low for low, _ in each], axis=-1), np.stack([high for _, high in each], axis=-1)
    holding = (~np.isnan(alone)).sum(axis=1)
    for column in [column for column, name in enumerate(NAMES) if name in SHARES]:
        for dataset in np.flatnonzero(np.isin(value[:, column], SHARE)):
            ends = none_or_all(value[dataset, column], int(holding[dataset, column]), LEVEL)
            low[dataset, column], high[dataset, column] = ends
    return low, high


def on_log_odds(value: FloatArray, half: FloatArray) -> Ends:
    """Wald's interval on the scale of log odds, for those figures that are shares."""
    share = np.array([name not in SPAN for name in NAMES])
    centre, step = logit(np.where(share, value, np.nan)), half / (value * (1 - value))
    return expit(centre - step), expit(centre + step)


def quantiles(ordered: FloatArray, defined: FloatArray, at: FloatArray | float) -> FloatArray:
    """Linear between the defined resamples (..., samples)."""
    place = np.broadcast_to(at, defined.shape) * np.maximum(defined - 1, 0)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, np.maximum(defined - 1, 0))
    one, two = (np.take_along_axis(ordered, index[..., None], axis=-1)[..., 0] for index in (below, above))
    return one + (place - below) * (two - one)


def bias_and_skew(value: FloatArray, ordered: FloatArray, defined: FloatArray, rest: FloatArray) -> Ends:
    """z0 and a of BCa: Efron and Tibshirani 1993, chapter 14."""
    below = (ordered < value[..., None]).sum(axis=-1) + (ordered == value[..., None]).sum(axis=-1) / 2
    moved = rest.mean(axis=1, keepdims=True) - rest
    return norm.ppf(below / defined), (moved**3).sum(axis=1) / (6 * (moved**2).sum(axis=1) ** 1.5)


def ignoring_groups(whole: FloatArray, value: FloatArray) -> Ends:
    """The delta method for independent statements (Takahashi et al. 2022), of the first model's confusion matrix."""
    step = 1e-4
    steps = np.zeros((9, whole.shape[-1]))
    steps[:, FIRST] = step * np.eye(9)
    influence = (measure(whole[:, None] + steps) - value[:, None]) / step
    error = np.sqrt((whole[:, FIRST, None] * influence**2).sum(axis=1))
    error[:, len(CONFUSION) :] = np.nan
    return value - norm.ppf((1 + LEVEL) / 2) * error, value + norm.ppf((1 + LEVEL) / 2) * error


def studentised(sums: FloatArray, times: FloatArray, value: FloatArray) -> Ends:
    """Bootstrap-t with the linearised error of every resample (Cameron, Gelbach and Miller 2008), of four figures."""
    low, high = np.full(value.shape, np.nan), np.full(value.shape, np.nan)
    labels = range(3)
    hits = [np.eye(9)[4 * k] for k in labels]
    named = [np.kron(np.eye(3)[k], np.ones(3)) + np.kron(np.ones(3), np.eye(3)[k]) for k in labels]
    harmonic = [(2 * hit, both) for hit, both in zip(hits, named, strict=True)]
    forms = {
        "accuracy": ([(np.sum(hits, axis=0), np.ones(9))], [1.0]),
        "f1_against": (harmonic[1:2], [1.0]),
        "macro_f1": (harmonic, [1 / 3] * 3),
        "difference_macro_f1": (harmonic + harmonic, [-1 / 3] * 3 + [1 / 3] * 3),
    }
    for name, (ratios, weights) in forms.items():
        parts = [SECOND if n >= 3 else FIRST for n in range(len(ratios))]
        pieces = [sums[..., part] @ form for part, pair in zip(parts, ratios, strict=True) for form in pair]
        features = np.stack(pieces, axis=-1)  # (datasets, groups, numerator and denominator of every ratio)
        drawn, drawn_error = linearised(features, times, np.array(weights))
        whole, error = linearised(features, np.ones((1, sums.shape[1])), np.array(weights))
        scaled = (drawn - whole) / np.where(drawn_error > 0, drawn_error, np.nan)
        enough = np.isfinite(scaled).mean(axis=1) >= 0.95
        ends = np.nanquantile(scaled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
        column = NAMES.index(name)
        low[:, column] = np.where(enough, whole[:, 0] - ends[1] * error[:, 0], np.nan)
        high[:, column] = np.where(enough, whole[:, 0] - ends[0] * error[:, 0], np.nan)
    return low, high


def linearised(features: FloatArray, times: FloatArray, weights: FloatArray) -> Ends:
    """Weighted sum of ratios and its error over groups, (datasets, samples) each."""
    datasets, groups, width = features.shape
    total = times @ features
    above, below = total[..., 0::2], total[..., 1::2]
    products = (features[..., :, None] * features[..., None, :]).reshape(datasets, groups, width**2)
    squares = (times @ products).reshape(datasets, len(times), width, width)
    slope = np.empty_like(total)
    slope[..., 0::2], slope[..., 1::2] = weights / below, -weights * above / below**2
    variance = np.einsum("dsi,dsij,dsj->ds", slope, squares, slope)
    return (weights * above / below).sum(axis=-1), np.sqrt(np.maximum(variance, 0))


def report(found: pd.DataFrame, out: Path) -> None:
    """Tables to stdout; coverage.csv and the figure to out."""
    keys = ["world", "groups", "figure"]
    wide = found.pivot(index=[*keys, "truth"], columns="method", values="coverage")
    width = found.pivot(index=[*keys, "truth"], columns="method", values="width")[["percentile", "shipped"]]
    without = found[found["method"] == "shipped"].set_index([*keys, "truth"])["without"]
    wide.join(width.add_prefix("width, ")).join(without).to_csv(out / "coverage.csv", float_format="%.4f")
    models = found[~found["world"].str.startswith("two coders")]
    for figure in ("macro_f1", "accuracy", "f1_against", "difference_macro_f1"):
        print(f"\n{figure}, all worlds of models, by method: coverage in %, lowest to highest\n")
        print(table(models[models["figure"] == figure], "method", list(dict.fromkeys(models["method"]))))
    print("\nshipped, by figure: coverage in %, lowest to highest of the worlds of models\n")
    ours = found[found["method"] == "shipped"]
    print(table(ours[~ours["world"].str.startswith("two coders")], "figure", NAMES))
    print("\ncoders, shipped\n")
    coders = ["accuracy", "alpha", "kappa", "macro_f1"]
    print(table(ours[ours["world"].str.startswith("two coders")], "figure", coders))
    both = ours.merge(found[found["method"] == "percentile"], on=keys, suffixes=("", "_percentile"))
    print("\nmacro_f1: mean width, shipped (percentile)\n")
    print(side_by_side(both[both["figure"] == "macro_f1"], "width", "{:.2f}"))
    print("\nmacro_f1: share of datasets without interval in %, shipped (percentile)\n")
    print(side_by_side(both[both["figure"] == "macro_f1"], "without", "{:.0%}"))
    print("\ncells from 40 groups on outside 93 to 97 %\n")
    for method in ("shipped", "percentile"):
        rows = models[(models["method"] == method) & (models["groups"] >= 40)]
        rows = rows[rows["figure"] != "calibration_error"]
        low, high = rows[rows["coverage"] < WITHIN[0]], rows[rows["coverage"] > WITHIN[1]]
        print(f"{method}: of {len(rows)} cells {len(low)} below, {len(high)} above")
        for row in low.sort_values("coverage").head(12).itertuples():
            print(f"- {row.world}, {row.groups} groups, {row.figure}: {row.coverage:.1%}")
    figure_of(found, out)


def table(rows: pd.DataFrame, index: str, order: Sequence[str]) -> str:
    """Lowest to highest coverage over worlds, from cells in which a tenth of the datasets has an interval."""
    rows = rows[rows["without"] <= 0.9]
    counts = sorted(rows["groups"].unique())
    lines = [f"| {index} | " + " | ".join(map(str, counts)) + " |", "| --- |" + " --- |" * len(counts)]
    for name in order:
        cells = []
        for count in counts:
            chosen = rows[(rows[index] == name) & (rows["groups"] == count)]["coverage"]
            cells.append(f"{100 * chosen.min():.0f}–{100 * chosen.max():.0f}" if len(chosen) else "")
        if any(cells):
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def side_by_side(rows: pd.DataFrame, column: str, shown: str) -> str:
    counts = sorted(rows["groups"].unique())
    lines = ["| world | " + " | ".join(map(str, counts)) + " |", "| --- |" + " --- |" * len(counts)]
    for world, part in rows.groupby("world", sort=False):
        by_count = part.set_index("groups")
        pairs = ((by_count[column].get(n), by_count[f"{column}_percentile"].get(n)) for n in counts)
        cells = ("" if one is None else f"{shown.format(one)} ({shown.format(two)})" for one, two in pairs)
        lines.append(f"| {world} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def figure_of(found: pd.DataFrame, out: Path) -> None:
    shown = {"macro_f1": "macro-F1", "f1_against": "F1 of against", "difference_macro_f1": "difference of macro-F1"}
    methods = {
        "percentile": "#b2182b",
        "percentile, expanded": "#ef8a62",
        "jackknife, t": "#888888",
        "shipped": "#2166ac",
    }
    worlds = [world.name for world in WORLDS[:4]]
    figure, axes = plt.subplots(len(shown), len(worlds), figsize=(11, 7), sharex=True, sharey=True)
    for row, (name, words) in zip(axes, shown.items(), strict=True):
        for axis, world in zip(row, worlds, strict=True):
            axis.axhspan(*(100 * end for end in WITHIN), color="#dddddd", zorder=0)
            part = found[(found["figure"] == name) & (found["world"] == world) & (found["without"] <= 0.9)]
            for method, colour in methods.items():
                line = part[part["method"] == method].sort_values("groups")
                axis.plot(line["groups"], 100 * line["coverage"], "o-", ms=3, lw=1.2, color=colour, label=method)
            axis.set_xscale("log")
            axis.set_xticks([5, 12, 40, 160, 500], ["5", "12", "40", "160", "500"])
            axis.minorticks_off()
            axis.set_ylim(70, 100.5)
            axis.grid(axis="y", lw=0.3)
        row[0].set_ylabel(f"{words}\nheld the truth, %")
    for axis, world in zip(axes[0], worlds, strict=True):
        axis.set_title(world, fontsize=10)
    for axis in axes[-1]:
        axis.set_xlabel("groups")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(methods), frameon=False)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    plt.rcParams |= {"svg.hashsalt": "interval_coverage", "svg.fonttype": "none"}
    figure.savefig(out / "interval_coverage.svg", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # figures of an absent label are nan, and meant to be
        main()
