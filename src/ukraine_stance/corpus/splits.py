"""Folds that no group straddles: 0 test, 1 validation, 2-4 training, near equal in every label."""

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER, column_of

FOLDS = 5
TEST_FOLD, VALIDATION_FOLD = 0, 1

# In `fixed`: the row has no fold yet.
UNASSIGNED = -1

# In `fixed`: the row stands outside the folds, and whatever shares its group or text with it.
APART = FOLDS


def assign_folds(
    ids: Sequence[str],
    texts: Sequence[str],
    groups: Sequence[str],
    labels: Sequence[str],
    fixed: Sequence[int],
    seed: int,
) -> list[int]:
    """Fold of each of n rows; rows of one group, or with the same text but for case and spacing, share theirs.

    A row whose `fixed` is a fold keeps it and draws its whole group there, so folds of unchanged rows stay when a
    dataset grows. The other groups go, largest first, where the labels are then most even; ties are settled by a hash
    of seed and group, so the order of the rows does not matter. Raises UserMistake naming the rows when fixed folds
    would split a group.
    """
    counts = np.zeros((FOLDS + 1, len(ORDER)))  # the last row, APART, evens nothing out
    folds = [UNASSIGNED] * len(ids)
    waiting = []
    for rows in _components(texts, groups):
        fold = _fixed_fold(rows, ids, fixed)
        if fold == UNASSIGNED:
            waiting.append(rows)
            continue
        counts[fold] += _label_counts(rows, labels)
        for row in rows:
            folds[row] = fold
    waiting.sort(key=lambda rows: (-len(rows), _hash(seed, min(groups[row] for row in rows))))
    totals = np.maximum(_label_counts(range(len(ids)), labels) - counts[APART], 1)
    for rows in waiting:
        added = _label_counts(rows, labels)
        fold = int(np.argmin([_unevenness(counts[:FOLDS], fold, added, totals) for fold in range(FOLDS)]))
        counts[fold] += added
        for row in rows:
            folds[row] = fold
    return folds


def join_groups(groups: Sequence[str], contrast_groups: Sequence[str | None]) -> list[str]:
    """One group name for each row, shared by all rows that a group or a contrast group ties together."""
    return join_rows({"group": groups, "contrast": contrast_groups})


def join_rows(keys: Mapping[str, Sequence[str | None]]) -> list[str]:
    """One name for each row, shared by all rows that an equal value of any key ties together, directly or not.

    keys maps each kind of key to its value for every row, None or empty where a row has none; the first kind has one
    for every row, and the smallest of these values is the name.
    """
    names, *_ = keys.values()
    kinds = [[(kind, value or "") for value in values] for kind, values in keys.items()]
    joined = [""] * len(names)
    for rows in _tied([[key for key in own if key[1]] for own in zip(*kinds, strict=True)]):
        name = min(names[row] or "" for row in rows)
        for row in rows:
            joined[row] = name
    return joined


def _components(texts: Sequence[str], groups: Sequence[str]) -> list[list[int]]:
    """Rows joined by an equal group or an equal normalised text, as lists of row numbers."""
    pairs = zip(texts, groups, strict=True)
    return _tied([[("group", group), ("text", normalised(text))] for text, group in pairs])


def _tied(keys: Sequence[Sequence[tuple[str, str]]]) -> list[list[int]]:
    """Row numbers of each set of rows that shared keys tie together, directly or through others."""
    parent = list(range(len(keys)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first_with: dict[tuple[str, str], int] = {}
    for row, own in enumerate(keys):
        for key in own:
            parent[root(row)] = root(first_with.setdefault(key, row))
    members: dict[int, list[int]] = defaultdict(list)
    for row in range(len(keys)):
        members[root(row)].append(row)
    return list(members.values())


def normalised(text: str) -> str:
    """The text without differences of case, spacing and compatibility forms."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _fixed_fold(rows: list[int], ids: Sequence[str], fixed: Sequence[int]) -> int:
    by_fold = {fixed[row]: ids[row] for row in sorted(rows, key=lambda row: ids[row]) if fixed[row] != UNASSIGNED}
    if len(by_fold) > 1:
        named = ", ".join(f"{name} {_place(fold)}" for fold, name in sorted(by_fold.items()))
        joined = sorted(ids[row] for row in rows if fixed[row] == UNASSIGNED)[:3]
        way_out = f"change or leave out what joins them: {', '.join(joined)}" if joined else "put them in one"
        raise UserMistake(f"rows of one group or with the same text stand in several folds: {named}; {way_out}")
    return next(iter(by_fold), UNASSIGNED)


def _place(fold: int) -> str:
    return "apart from the folds" if fold == APART else f"in fold {fold}"


def _label_counts(rows: Sequence[int], labels: Sequence[str]) -> np.ndarray:
    return np.bincount([column_of(labels[row]) for row in rows], minlength=len(ORDER)).astype(float)


def _unevenness(counts: np.ndarray, fold: int, added: np.ndarray, totals: np.ndarray) -> float:
    """Spread of each label's share and of the size over the folds, if `added` went to `fold`."""
    then = counts.copy()
    then[fold] += added
    return float((then / totals).std(axis=0).sum() + (then.sum(axis=1) / totals.sum()).std())


def _hash(seed: int, group: str) -> str:
    return hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()
