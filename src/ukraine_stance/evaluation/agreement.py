"""How far coders agree, with intervals over groups, and how well one coder does against the others: the ceiling.

Everything is a function of counts that add up over statements, (..., 3, 3) in `labels.ORDER`, so that a bootstrap
resamples the counts of groups. Krippendorff's coincidences are those of his "Computing Krippendorff's
Alpha-Reliability" (2011) for nominal data with missing votes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, permutations
from math import inf
from typing import Any

import numpy as np
import pandas as pd

from ukraine_stance.corpus.votes import majority, plain_labels
from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation.metrics import Metric, macro_f1
from ukraine_stance.evaluation.uncertainty import SIGNED, Estimate, Resampling, from_group_counts, plain_estimate
from ukraine_stance.labels import ORDER, column_of
from ukraine_stance.models.protocol import FloatArray, IntArray
from ukraine_stance.tables import listed

_COLUMNS = ("id", "group", "text", "majority")

# Meeting nothing but disputed statements is put down to chance while chance gives it this often.
_BY_CHANCE = 0.01

# A statement's labels by coder.
Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the coders of one set of statements agree on.

    statements have two coders or more; adjudicators, who saw only what the others disputed, are left out of every
    figure. estimates are named by AGREEMENT and `ceiling_macro_f1`; kappas by pairs of coders.
    """

    part: str
    statements: int
    groups: int
    coders: dict[str, int]
    adjudicators: tuple[str, ...]
    estimates: dict[str, Estimate]
    kappas: dict[str, Estimate]
    level: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined figures are None."""
        plain = {name: plain_estimate(found) for name, found in self.estimates.items()}
        return {**asdict(self), "estimates": plain, "kappas": {k: plain_estimate(v) for k, v in self.kappas.items()}}


def alpha(counts: FloatArray) -> FloatArray:
    """Krippendorff's alpha (...) for nominal labels from coincidences (..., 3, 3): 1 is perfect, 0 is chance.

    nan where only one label occurs: nothing could have been disagreed on.
    """
    totals = counts.sum(axis=-1)
    n = totals.sum(axis=-1)
    agreed = np.diagonal(counts, axis1=-2, axis2=-1).sum(axis=-1)
    expected = n**2 - (totals**2).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(expected > 0, 1 - (n - 1) * (n - agreed) / expected, np.nan))


def observed(counts: FloatArray) -> FloatArray:
    """Share of pairs of votes on one statement that are equal, (...)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.diagonal(counts, axis1=-2, axis2=-1).sum(axis=-1) / counts.sum(axis=(-2, -1)))


def cohen_kappa(counts: FloatArray) -> FloatArray:
    """Cohen's kappa (...) of two coders, one in rows and one in columns. Source: Cohen 1960."""
    n = counts.sum(axis=(-2, -1))
    agreed = np.diagonal(counts, axis1=-2, axis2=-1).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = (counts.sum(axis=-1) * counts.sum(axis=-2)).sum(axis=-1) / n
        return np.asarray(np.where(n > chance, (agreed - chance) / (n - chance), np.nan))


def _label_alpha(column: int) -> Metric:
    """Alpha of one label against the two others."""

    def of(counts: FloatArray) -> FloatArray:
        both = counts[..., column, column]
        one = counts[..., column, :].sum(axis=-1) - both
        rest = counts.sum(axis=(-2, -1)) - both - 2 * one
        return alpha(np.stack([np.stack([both, one], axis=-1), np.stack([one, rest], axis=-1)], axis=-2))

    return of


def _label_agreement(column: int) -> Metric:
    """Where one coder gives the label, the share of the other coders' votes that give it too (specific agreement)."""

    def of(counts: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(counts[..., column, column] / counts[..., column, :].sum(axis=-1))

    return of


# Of coincidences; the sources are named above, specific agreement is Cicchetti and Feinstein's (1990).
AGREEMENT: dict[str, Metric] = {
    "alpha": alpha,
    "agreement": observed,
    **{f"alpha_{label}": _label_alpha(column) for column, label in enumerate(ORDER)},
    **{f"agreement_{label}": _label_agreement(column) for column, label in enumerate(ORDER)},
}

_SHARES = frozenset(name for name in AGREEMENT if name.startswith("agreement"))

# Agreement beyond chance may fall short of chance.
_SPANS = dict.fromkeys(["alpha", "kappa", *(f"alpha_{label}" for label in ORDER)], SIGNED)


def agree(part: str, rows: pd.DataFrame, how: Resampling, adjudicators: set[str] | None = None) -> Agreement | None:
    """Agreement on rows with `id`, `group` and `votes`; None where no statement has two coders.

    adjudicators are known by these rows alone unless given. Raises UserMistake, naming the row, where votes cannot be
    read.
    """
    votes, adjudicators = _of_coders(votes_of(rows), adjudicators)
    told = [(one, group) for one, group in zip(votes, rows["group"].astype(str), strict=True) if len(one) > 1]
    if not told:
        return None
    labels, groups = [one for one, _ in told], [group for _, group in told]
    estimates = _estimates(labels, groups, how)
    coders = Counter(coder for one in labels for coder in one)
    kappas = {}
    for first, second in combinations(sorted(coders), 2):
        both = [(one, group) for one, group in told if first in one and second in one]
        if both:
            counts = _by_group([_pair(one[first], one[second]) for one, _ in both], [group for _, group in both])
            kappas[f"{first} {second}"] = from_group_counts(counts, {"kappa": cohen_kappa}, how, _SPANS)["kappa"]
    shown = tuple(sorted(adjudicators))
    return Agreement(part, len(told), len(set(groups)), dict(coders), shown, estimates, kappas, how.level)


def agree_on_parts(rows: pd.DataFrame, columns: Sequence[str], how: Resampling) -> list[Agreement]:
    """Agreement on all rows, called "all" (unless they have an `origin`), and on those of each value of each column.

    Raises UserMistake when a column is not there.
    """
    absent = [name for name in columns if name not in rows]
    if absent:
        raise UserMistake(f"no column {absent[0]} (columns: {listed(list(rows.columns))})")
    parts = [] if "origin" in columns else [("all", rows)]
    for name in columns:
        whole = pd.api.types.is_float_dtype(rows[name]) and (rows[name].dropna() % 1 == 0).all()
        values = (rows[name].astype("Int64") if whole else rows[name]).astype(object).where(rows[name].notna(), "none")
        parts += [(f"{name} {value}", chosen) for value, chosen in rows.groupby(values)]
    # In a small part everybody may seem to have voted only where two others disagree.
    adjudicators = adjudicators_of(votes_of(rows))
    found = (agree(part, chosen, how, adjudicators) for part, chosen in parts)
    return [one for one in found if one is not None]


def ceiling(rows: pd.DataFrame, how: Resampling) -> Estimate | None:
    """Macro-F1 of one coder against the label that most of the others give; None without two coders anywhere.

    Every coder is tested on every statement, and all are counted together; where the others tie, in equal parts
    against each of their labels. A model is tested on gold that all of them made: it may come out a little higher.
    """
    found = agree("", rows, how) if "votes" in rows else None
    return found.estimates["ceiling_macro_f1"] if found else None


def of_ceiling(rows: pd.DataFrame, gold: IntArray, predicted: IntArray, how: Resampling) -> Estimate | None:
    """A model's macro-F1 on all rows divided by `ceiling`, both of the same resampled groups; None where that is None.

    gold and predicted are (n,) column indices, row by row. It may be above 1: gold is what all coders made together.
    """
    if "votes" not in rows:
        return None
    votes, _ = _of_coders(votes_of(rows), None)
    if all(len(one) < 2 for one in votes):
        return None
    coders = np.stack([_against_rest(one) for one in votes])
    model = np.zeros_like(coders)
    model[np.arange(len(rows)), gold, predicted] = 1
    counts = _by_group(np.stack([model, coders], axis=1), list(rows["group"].astype(str)))
    return from_group_counts(counts, {"of_ceiling": _ratio}, how, {"of_ceiling": (0, inf)})["of_ceiling"]


def disagreements(rows: pd.DataFrame) -> pd.DataFrame:
    """Statements on which coders differ, in order, with `group`, `text`, the label of each coder and `majority`.

    A coder with the name of one of those columns gets " (coder)" after it.
    """
    votes = votes_of(rows)
    coders = sorted({coder for one in votes for coder in one})
    differing = [len(set(one.values())) > 1 for one in votes]
    chosen = [one for one, differs in zip(votes, differing, strict=True) if differs]
    found = rows.loc[differing, list(_COLUMNS[:-1])].reset_index(drop=True)
    for coder in coders:
        name = f"{coder} (coder)" if coder in _COLUMNS else coder
        found[name] = pd.Series([one.get(coder) for one in chosen], dtype=object)
    return found.assign(majority=pd.Series([majority(one.values()) for one in chosen], dtype=object))


def votes_of(rows: pd.DataFrame) -> list[Labels]:
    """Labels by coder of every row, from its cell `votes`."""
    cells = zip(rows["id"], rows["votes"], strict=True)
    return [plain_labels(cell, f"row {row_id}") for row_id, cell in cells]


def adjudicators_of(votes: Sequence[Labels]) -> set[str]:
    """Coders who voted only where two others disagree: counting their votes would make agreement look lower.

    Only who did so more often than chance explains, given how many statements are disputed, and only while two coders
    are left: in a small or sparse set somebody meets nothing but disputes without being asked to settle them.
    """
    told = [one for one in votes if len(one) > 1]
    disputed = sum(len(set(one.values())) > 1 for one in told) / max(len(told), 1)
    by_coder: dict[str, list[Labels]] = {}
    for one in votes:
        for coder in one:
            by_coder.setdefault(coder, []).append(one)

    def only_disputed(coder: str) -> bool:
        others = ([label for name, label in one.items() if name != coder] for one in by_coder[coder])
        return all(len(set(labels)) > 1 for labels in others) and disputed ** len(by_coder[coder]) < _BY_CHANCE

    found = {coder for coder in by_coder if only_disputed(coder)}
    return found if len(by_coder) - len(found) > 1 else set()


def _estimates(votes: Sequence[Labels], groups: Sequence[str], how: Resampling) -> dict[str, Estimate]:
    coincidences = _by_group([_coincidences(one) for one in votes], groups)
    against_rest = _by_group([_against_rest(one) for one in votes], groups)
    return from_group_counts(coincidences, AGREEMENT, how, _SPANS, _SHARES) | from_group_counts(
        against_rest, {"ceiling_macro_f1": macro_f1}, how
    )


def _of_coders(votes: Sequence[Labels], adjudicators: set[str] | None) -> tuple[list[Labels], set[str]]:
    """The votes without those of adjudicators, and who these are: known by the votes alone unless given."""
    found = adjudicators_of(votes) if adjudicators is None else adjudicators & set().union(*votes)
    return [{coder: label for coder, label in one.items() if coder not in found} for one in votes], found


def _ratio(pair: FloatArray) -> FloatArray:
    """Of counts (..., 2, 3, 3): the first's macro-F1 divided by the second's; nan where the second's is 0."""
    first, second = np.asarray(macro_f1(pair[..., 0, :, :])), np.asarray(macro_f1(pair[..., 1, :, :]))
    return first / np.where(second > 0, second, np.nan)


def _coincidences(labels: Labels) -> FloatArray:
    counts = np.zeros((len(ORDER), len(ORDER)))
    for one, other in permutations(labels.values(), 2):
        counts[column_of(one), column_of(other)] += 1 / (len(labels) - 1)
    return counts


def _against_rest(labels: Labels) -> FloatArray:
    """Each coder's label against what the others name most; where they tie, in equal parts against each of those."""
    counts = np.zeros((len(ORDER), len(ORDER)))
    for coder, label in labels.items():
        rest = Counter(other for name, other in labels.items() if name != coder)
        most = [one for one, times in rest.items() if times == max(rest.values())]
        for one in most:
            counts[column_of(one), column_of(label)] += 1 / len(most)
    return counts


def _pair(one: str, other: str) -> FloatArray:
    counts = np.zeros((len(ORDER), len(ORDER)))
    counts[column_of(one), column_of(other)] = 1
    return counts


def _by_group(counts: Sequence[FloatArray] | FloatArray, groups: Sequence[str]) -> FloatArray:
    """Sum of counts (n, ...) over the statements of each group, (g, ...), in order of the groups' names."""
    names, index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    stacked = np.stack(list(counts))
    total = np.zeros((len(names), *stacked.shape[1:]))
    np.add.at(total, index, stacked)
    return total
