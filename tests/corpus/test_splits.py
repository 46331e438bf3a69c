"""Folds that hold groups and equal texts together, whatever the rows."""

from collections import Counter, defaultdict
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ukraine_stance.corpus.splits import APART, FOLDS, UNASSIGNED, assign_folds, join_groups, join_rows, normalised
from ukraine_stance.errors import UserMistake

LABELS = ("favor", "against", "neutral")

# Text, group and label from few of each, so that rows meet in every way.
ROW = st.tuples(
    st.sampled_from(
        ["aid", "AID ", "a id", "troops", "ﬁne", "fine", "talks", "Straße", "STRASSE", *map(str, range(30))]
    ),
    st.sampled_from("ijklmnopqrstuvwxyz"),
    st.sampled_from(LABELS),
)
ROWS = st.lists(ROW, min_size=1, max_size=30)


def _folds(rows: list[tuple[str, str, str]], fixed: list[int] | None = None, seed: int = 0) -> list[int]:
    texts, groups, labels = zip(*rows, strict=True)
    ids = [f"row{number}" for number in range(len(rows))]
    return assign_folds(ids, texts, groups, labels, fixed or [UNASSIGNED] * len(rows), seed)


@given(ROWS)
def test_every_row_gets_a_fold(rows: list[tuple[str, str, str]]) -> None:
    folds = _folds(rows)
    assert len(folds) == len(rows)
    assert set(folds) <= set(range(FOLDS))


@given(ROWS, st.integers(0, 5))
def test_no_group_and_no_equal_text_straddles_folds(rows: list[tuple[str, str, str]], seed: int) -> None:
    seen: dict[tuple[str, str], int] = {}
    for (text, group, _), fold in zip(rows, _folds(rows, seed=seed), strict=True):
        assert seen.setdefault(("text", " ".join(text.casefold().replace("ﬁ", "fi").split())), fold) == fold
        assert seen.setdefault(("group", group), fold) == fold


@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 5))
def test_the_order_of_the_rows_does_not_matter(rows: list[tuple[str, str, str]], random: Random, seed: int) -> None:
    order = list(range(len(rows)))
    random.shuffle(order)
    before = _folds(rows, seed=seed)
    after = _folds([rows[row] for row in order], seed=seed)
    assert after == [before[row] for row in order]


def test_which_of_the_joined_groups_comes_first_does_not_matter() -> None:
    rows = [(f"text {number}", f"{side}{number}", "favor") for number in range(20) for side in "xy"]
    assert _folds(rows[::-1]) == _folds(rows)[::-1]


@given(ROWS, ROWS, st.integers(0, 5))
def test_rows_added_never_move_rows_that_are_fixed(
    old: list[tuple[str, str, str]], new: list[tuple[str, str, str]], seed: int
) -> None:
    folds = _folds(old)
    try:
        grown = _folds(old + new, folds + [UNASSIGNED] * len(new), seed)
    except UserMistake as refused:  # a new row may join two old groups: then it is said, and nothing is moved
        assert "change or leave out what joins them: row" in str(refused)
    else:
        assert grown[: len(old)] == folds


@given(ROWS)
def test_fixed_folds_stay_when_assigned_again(rows: list[tuple[str, str, str]]) -> None:
    folds = _folds(rows, seed=1)
    assert _folds(rows, folds, seed=2) == folds


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_labels_are_near_even_for_many_small_groups(seed: int, largest: int) -> None:
    rng = np.random.default_rng(seed)
    groups = [f"g{number}" for number in range(60) for _ in range(rng.integers(1, largest + 1))]
    labels = rng.choice(LABELS, p=[0.2, 0.3, 0.5], size=len(groups))
    rows = [(f"text {number}", group, label) for number, (group, label) in enumerate(zip(groups, labels, strict=True))]
    counts = defaultdict(Counter)
    for (_, _, label), fold in zip(rows, _folds(rows, seed=seed), strict=True):
        counts[label][fold] += 1
    for label, total in Counter(labels).items():
        assert all(abs(counts[label][fold] - total / FOLDS) <= largest + 1 for fold in range(FOLDS))


def test_a_large_group_is_placed_before_the_small_ones_that_even_it_out() -> None:
    rows = [(f"text {number}", f"g{number}", "favor") for number in range(40)]
    rows += [(f"long {number}", "large", "favor") for number in range(10)]
    assert Counter(_folds(rows)) == dict.fromkeys(range(FOLDS), 10)


def test_another_seed_gives_other_folds() -> None:
    rows = [(f"text {number}", f"g{number}", LABELS[number % 3]) for number in range(60)]
    assert _folds(rows, seed=1) == _folds(rows, seed=1)
    assert _folds(rows, seed=1) != _folds(rows, seed=2)


def test_a_fixed_row_draws_its_whole_group_to_its_fold() -> None:
    rows = [("a", "g", "favor"), ("b", "g", "neutral"), ("B", "h", "against"), ("c", "i", "favor")]
    folds = _folds(rows, [3, UNASSIGNED, UNASSIGNED, UNASSIGNED])
    assert folds[:3] == [3, 3, 3]


def test_what_belongs_to_a_row_apart_stands_apart_and_evens_nothing_out() -> None:
    rest = [(f"text {number}", f"g{number}", "favor") for number in range(10)]
    article = [("said", "article", "favor")] * 50
    folds = _folds([*article, ("Said", "mine", "favor"), *rest], [APART] * 50 + [UNASSIGNED] * 11)
    assert folds[50] == APART
    assert folds[51:] == _folds(rest)


def test_a_group_in_two_fixed_folds_is_refused_by_the_names_of_its_rows() -> None:
    with pytest.raises(UserMistake, match=r"row0 in fold 0, row1 in fold 2; put them in one"):
        _folds([("a", "g", "favor"), ("b", "g", "neutral")], [0, 2])


def test_a_row_that_joins_two_fixed_folds_is_named() -> None:
    rows = [("a", "g", "favor"), ("b", "h", "neutral"), ("A", "h", "favor")]
    with pytest.raises(UserMistake, match=r"row0 in fold 0, row1 apart from the folds; .* joins them: row2$"):
        _folds(rows, [0, APART, UNASSIGNED])


def test_no_rows_have_no_folds() -> None:
    assert assign_folds([], [], [], [], [], 0) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [("Aid  now", "aid now"), ("aid\u00a0now\n", "AID NOW"), ("ﬁne", "fine"), ("é", "e\u0301"), ("Straße", "STRASSE")],
)
def test_case_spacing_and_compatibility_forms_make_no_other_text(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


@pytest.mark.parametrize(("one", "other"), [("aid now", "aidnow"), ("aid!", "aid"), ("é", "e")])
def test_letters_punctuation_and_accents_make_another_text(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


def test_rows_of_one_contrast_group_share_a_fold_across_pages() -> None:
    groups = [f"page-{row}" for row in range(20)]
    contrasts = ["pair" if row in (3, 17) else None for row in range(20)]
    joined = join_groups(groups, contrasts)
    assert joined[3] == joined[17] == "page-17" and len(set(joined)) == 19
    texts, labels = [f"text {row}" for row in range(20)], ["favor"] * 20
    folds = assign_folds(groups, texts, joined, labels, [UNASSIGNED] * 20, seed=1)
    assert folds[3] == folds[17]


def test_rows_are_joined_through_any_kind_of_key_and_never_by_what_they_lack() -> None:
    keys = {
        "group": ["p4", "p3", "p2", "p1", "p0", "p5"],
        "text": ["a", "b", "b", "c", "d", "a"],
        "outlet": ["b", None, "x", "x", None, ""],
    }
    assert join_rows(keys) == ["p4", "p1", "p1", "p1", "p0", "p4"]
