"""Contributions of a linear model are exact, whatever stands in a text."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ukraine_stance.labels import TARGET
from ukraine_stance.models import TfidfModel
from ukraine_stance.models.protocol import Explanation, LabelledTexts

NewModel = Callable[..., TfidfModel]

SETTINGS = (
    {},
    {"sublinear": False},
    {"char_ngrams": None, "word_ngrams": (1, 3)},
    {"char_ngrams": (1, 5), "word_ngrams": (2, 2)},
    {"char_ngrams": (1, 2), "min_documents": 3},
)

# Words that the models know, with signs that lower case lengthens, joins or cannot change, and gaps of every kind.
PIECES = st.sampled_from(
    ["we", "will", "send", "TANKS", "refuse", "the", "Kit\u2019s", "F-16", "yes/no", "İ", "İSTANBUL", "ß", "STRAẞE",
     "ΣΑΣ", "Αθήνα", "e\u0301te\u0301", "été", "👩\u200d👩\u200d👧", "🇺🇦", "\u200b", "se\u200bnd", "\u202eסיוע",
     "مساعدات", "—", "\x00"]
)  # fmt: skip
GAPS = st.sampled_from([" ", "  ", "\n", "\u00a0", "\u2028\t", "\x1c", "", "-", ", "])


@pytest.fixture(scope="module")
def fitted(new_tfidf: NewModel, toy: LabelledTexts, tmp_path_factory: pytest.TempPathFactory) -> list[TfidfModel]:
    """A model of each of SETTINGS; some statements hold the awkward words, so that their n-grams are terms."""
    odd = (
        "İstanbul İ straße yes/no",
        "ΣΑΣ Αθήνα e\u0301te\u0301 été F-16",
        "👩‍👩‍👧 🇺🇦 se\u200bnd \u202eסיוע مساعدات ウクライナ kit\u2019s —",
    )
    gold = np.concatenate([toy.gold, np.tile([0, 1, 2], 3)])
    data = LabelledTexts((*toy.texts, *odd, *odd, *odd), (TARGET,) * len(gold), gold)
    models = [new_tfidf(**changed) for changed in SETTINGS]
    for model in models:
        model.fit(data, data, tmp_path_factory.mktemp("checkpoints"))
    return models


def _explain(model: TfidfModel, text: str, column: int = 0) -> Explanation:
    return model.explain([text], [TARGET], [column])[0]


@settings(deadline=None)
@given(st.lists(st.tuples(PIECES | st.text(max_size=6), GAPS), max_size=12), st.sampled_from(range(3)))
@example([("İ", ""), ("İ", " "), ("send", "")], 0)
@example([("ΑΣ", "."), ("ΑΣ", "\x1c"), ("Σ", "")], 1)
def test_weights_and_baseline_are_the_score(
    fitted: list[TfidfModel], pieces: list[tuple[str, str]], column: int
) -> None:
    text = "".join(piece + gap for piece, gap in pieces)
    for model in fitted:
        logits = model._fitted.decision_function([text])[0]
        explained = _explain(model, text, column)
        assert explained.score == pytest.approx(logits[column] - logits.mean(), abs=1e-9)
        assert explained.baseline + sum(span.weight for span in explained.spans) == pytest.approx(
            explained.score, abs=1e-9
        )


def test_a_pair_of_words_is_shared_equally(new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path) -> None:
    model = new_tfidf(word_ngrams=(2, 2), char_ngrams=None)
    model.fit(toy, toy, tmp_path)
    explained = _explain(model, "We, REFUSE them", 1)
    we, refuse, them = explained.spans
    assert we.weight == refuse.weight > 0
    assert them.weight == 0
    assert we.weight + refuse.weight == pytest.approx(explained.score - explained.baseline)


@pytest.mark.parametrize("text", ["refuse x Refuse", "İ refuse İİ refuse"])
def test_a_repeated_word_is_paid_in_each_place(
    new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path, text: str
) -> None:
    model = new_tfidf(word_ngrams=(1, 1), char_ngrams=(3, 4))
    model.fit(toy, toy, tmp_path)
    weights = {}
    for span in _explain(model, text, 1).spans:
        weights.setdefault(text[span.start : span.end].lower(), []).append(span.weight)
    assert len(weights["refuse"]) == 2
    assert weights["refuse"][0] == pytest.approx(weights["refuse"][1])
    assert weights["refuse"][0] > 0.1


def test_words_joined_by_a_sign_are_one_span_with_both_weights(
    new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    model = new_tfidf(char_ngrams=None, word_ngrams=(1, 1))
    model.fit(toy, toy, tmp_path)
    apart, joined = _explain(model, "refuse block", 1), _explain(model, "refuse/block", 1)
    assert len(joined.spans) == 1
    assert joined.spans[0].weight == pytest.approx(sum(span.weight for span in apart.spans))


def test_what_is_added_to_all_three_logits_changes_nothing(
    new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    model = new_tfidf()
    model.fit(toy, toy, tmp_path)
    before = _explain(model, "we refuse tanks", 1)
    classifier = model._fitted.named_steps["classifier"]
    classifier.coef_ = classifier.coef_ + np.random.default_rng(0).normal(size=classifier.coef_.shape[1])
    classifier.intercept_ = classifier.intercept_ + 3.0
    after = _explain(model, "we refuse tanks", 1)
    assert [span.weight for span in after.spans] == pytest.approx([span.weight for span in before.spans])
    assert (after.score, after.baseline) == (pytest.approx(before.score), pytest.approx(before.baseline))
