"""What each word adds to the score of a linear model on TF-IDF features: exact, nothing is sampled.

The score is a sum over features: (the class's weight - the mean of the three weights) x the feature's TF-IDF value. A
feature's part goes in equal shares to its occurrences in the text, and an occurrence's in equal shares to its tokens: a
pair of words counts only where both stand, and then equal shares are the Shapley values.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline

from ukraine_stance.models.explaining import centred, words_of
from ukraine_stance.models.protocol import Explanation, FloatArray, Span

METHOD = "exact: the words' weights and the baseline add up to the score"

# A vectoriser's term as it occurs in a text, with the place among the text's words of each token that it is made of.
_Occurrence = tuple[str, Sequence[int]]


def explain_linear(pipeline: Pipeline, texts: Sequence[str], columns: Sequence[int]) -> list[Explanation]:
    """Contributions to the score of each text's class; pipeline is a union of TfidfVectorizers and a linear model."""
    if not texts:
        return []
    features, classifier = pipeline.named_steps["features"], pipeline.named_steps["classifier"]
    weights = centred(classifier.coef_.T)
    intercepts = centred(classifier.intercept_)
    matrix = features.transform(list(texts))
    vectorizers = [vectorizer for _, vectorizer in features.transformer_list]
    found = []
    for row, (text, column) in enumerate(zip(texts, columns, strict=True)):
        here = slice(matrix.indptr[row], matrix.indptr[row + 1])
        present = matrix.indices[here]
        added = matrix.data[here] * weights[present, column]
        parts = dict(zip(present.tolist(), added.tolist(), strict=True))
        by_word = _by_word(vectorizers, text, parts)
        spans = tuple(Span(*word, float(weight)) for word, weight in zip(words_of(text), by_word, strict=True))
        baseline = float(intercepts[column])
        found.append(Explanation(column, baseline + sum(parts.values()), baseline, spans, METHOD))
    return found


def _by_word(vectorizers: Sequence[TfidfVectorizer], text: str, parts: dict[int, float]) -> FloatArray:
    """Sum of shares for each word; parts maps a feature's column in the union to what it adds."""
    # Lower case may have more code points than the text (Turkish I with a dot), but never more or fewer words.
    words = text.lower().split()
    by_word = np.zeros(len(words))
    first_column = 0
    for vectorizer in vectorizers:
        occurrences = _characters(vectorizer, words) if vectorizer.analyzer == "char_wb" else _words(vectorizer, words)
        column_of = vectorizer.vocabulary_
        known = [(column_of[term], places) for term, places in occurrences if term in column_of]
        times = Counter(column for column, _ in known)
        for column, places in known:
            share = parts[first_column + column] / times[column] / len(places)
            for place in places:
                by_word[place] += share
        first_column += len(column_of)
    return by_word


def _characters(vectorizer: TfidfVectorizer, words: Sequence[str]) -> Iterator[_Occurrence]:
    """These n-grams never leave a word, and the spaces that a word is padded with belong to it."""
    analyze = vectorizer.build_analyzer()
    return ((term, (place,)) for place, word in enumerate(words) for term in analyze(word))


def _words(vectorizer: TfidfVectorizer, words: Sequence[str]) -> Iterator[_Occurrence]:
    """N-grams of tokens, which lie inside words: two in "yes/no", none in a dash."""
    tokenize = vectorizer.build_tokenizer()
    tokens = [(token, place) for place, word in enumerate(words) for token in tokenize(word)]
    shortest, longest = vectorizer.ngram_range
    for size in range(shortest, longest + 1):
        for first in range(len(tokens) - size + 1):
            gram = tokens[first : first + size]
            yield " ".join(token for token, _ in gram), [place for _, place in gram]
