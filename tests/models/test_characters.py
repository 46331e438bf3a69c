"""Character n-grams remembered by word are those that scikit-learn cuts anew."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from ukraine_stance.models import characters
from ukraine_stance.models.characters import CharacterTfidf

LEARNED = ["Aid will come", "ΑΣ ΑΣΑ Σ", "I am here: no aid, no", "Émile’s 2-day plan b", "aaa bbb aaa", "\u2003İ x"]


def assert_same(vectorizer: TfidfVectorizer, ours: CharacterTfidf, texts: list[str]) -> None:
    expected, found = vectorizer.transform(texts), ours.transform(texts)
    expected.sort_indices()
    assert found.shape == expected.shape
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@given(
    st.lists(
        st.text(alphabet="abB ΑΣ iİé’\t\n\x1f\u2003", max_size=30) | st.sampled_from(LEARNED), min_size=1, max_size=6
    ),
    st.booleans(),
    st.sampled_from([(1, 2), (3, 5), (4, 4)]),
)
def test_weights_are_those_of_scikit_learn_to_the_last_bit(
    texts: list[str], sublinear: bool, sizes: tuple[int, int]
) -> None:
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=sizes, sublinear_tf=sublinear).fit(LEARNED)
    ours = CharacterTfidf(vectorizer)
    assert_same(vectorizer, ours, texts)
    assert_same(vectorizer, ours, texts[::-1])  # from the words kept


def test_no_more_words_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(characters, "_KEPT_WORDS", 4)
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5)).fit(LEARNED)
    ours = CharacterTfidf(vectorizer)
    for _ in range(2):
        assert_same(vectorizer, ours, [*LEARNED, "a" * 100_000])
        assert 0 < len(ours._columns) <= 4
        assert "a" * 100_000 not in ours._columns
