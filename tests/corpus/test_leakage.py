"""Near-duplicates: what is found is as alike as it says, and what is alike is found."""

import re
from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ukraine_stance.corpus.leakage import NEAR, near_duplicates
from ukraine_stance.corpus.splits import normalised

LONG = "the mayor of velden said on monday that the town will send two more lorries with blankets to the east"

# Few words, so that texts share many of them.
TEXTS = st.lists(st.sampled_from(["aid", "Aid", "tank", "no", "7"]), max_size=7).map(" ".join)


def likeness(one: str, two: str) -> float:
    """Jaccard similarity of the pairs of neighbouring words, of the words where there is one; 0 without words."""
    found = []
    for text in (one, two):
        words = re.findall(r"\w+", normalised(text))
        found.append(set(pairwise(words)) or set(words))
    return len(found[0] & found[1]) / max(len(found[0] | found[1]), 1)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXTS, max_size=12), st.sampled_from([0.3, NEAR, 0.8]))
def test_every_pair_is_as_alike_as_it_says_and_alike_enough(texts: list[str], least: float) -> None:
    found = near_duplicates(texts, least)
    assert all(pair.similarity == likeness(texts[pair.first], texts[pair.second]) >= least for pair in found)
    places = [(pair.first, pair.second) for pair in found]
    assert places == sorted(set(places)) and all(first < second for first, second in places)
    same = {
        (first, second)
        for first, second in combinations(range(len(texts)), 2)
        if likeness(texts[first], texts[second]) == 1
    }
    assert same <= set(places)  # equal sets of words have equal hashes: these are never missed


def test_a_changed_word_in_a_long_sentence_is_found_wherever_it_stands() -> None:
    words = LONG.split()
    changed = [" ".join([*words[:at], "changed", *words[at + 1 :]]) for at in range(len(words))]
    assert all(near_duplicates([LONG, one]) for one in changed)


def test_case_spacing_and_punctuation_make_no_difference() -> None:
    (pair,) = near_duplicates([LONG, f"  “{LONG.upper().replace(' ', ',  ')}!”"])
    assert (pair.first, pair.second, pair.similarity) == (0, 1, 1.0)


def test_the_same_words_in_another_order_are_no_near_duplicates() -> None:
    assert near_duplicates([LONG, " ".join(sorted(LONG.split()))]) == []


def test_two_reports_in_words_of_their_own_are_no_near_duplicates() -> None:
    assert near_duplicates([LONG, "velden sends blankets: two lorries leave for the east, its mayor announced"]) == []


def test_texts_without_words_are_like_nothing() -> None:
    assert near_duplicates(["", "…", "…", "🙂"]) == []


def test_of_pairs_just_alike_enough_hardly_one_is_missed() -> None:
    # Ten words each, the first seven in common: 6 of 12 pairs of neighbours.
    words = [[f"w{number}x{at}" for at in range(13)] for number in range(200)]
    texts = [" ".join(one) for ten in words for one in (ten[:10], [*ten[:7], *ten[10:]])]
    found = near_duplicates(texts)
    assert {pair.similarity for pair in found} == {NEAR}
    assert len(found) >= 196  # four in a thousand would be 0.8 of these 200
