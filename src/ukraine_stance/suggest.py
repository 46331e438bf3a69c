"""Which statements of a pool to label next: those the model is least sure of, spread over what the pool is about."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from ukraine_stance.classifier import PROBABILITY_COLUMNS
from ukraine_stance.corpus.splits import normalised
from ukraine_stance.errors import UserMistake
from ukraine_stance.models.protocol import FloatArray

# As many times the wanted number are kept for their uncertainty before they are spread.
_SHORT_LIST = 10
_DIMENSIONS = 64


@dataclass(frozen=True, slots=True)
class Suggested:
    """Rows to label, by position in the pool, most uncertain first; uncertainty is of every row of the pool, 0 to 1."""

    positions: tuple[int, ...]
    uncertainty: FloatArray


def suggest(texts: list[str], scores: pd.DataFrame, count: int, seed: int) -> Suggested:
    """The `count` statements to label next, each from another cluster of the ten times as many least certain ones.

    scores are the classifier's, row by row; uncertainty is the entropy of the three probabilities over its maximum,
    ln 3. A text that stands twice is suggested once. Source: Zhdanov 2019, arXiv:1901.05954 (clusters weighted by
    uncertainty, one statement each). Raises UserMistake when the pool holds fewer different texts than wanted.
    """
    uncertainty = entropy(scores[list(PROBABILITY_COLUMNS)].to_numpy())
    first = pd.Series([normalised(text) for text in texts]).drop_duplicates().index.to_numpy()
    if len(first) < count:
        raise UserMistake(f"{count} statements wanted, the pool holds {len(first)} different ones; ask for fewer")
    ranked = first[np.argsort(-uncertainty[first], kind="stable")]
    short = ranked[: _SHORT_LIST * count]
    chosen = (
        short
        if len(short) == count
        else short[_one_of_each([texts[i] for i in short], uncertainty[short], count, seed)]
    )
    ordered = sorted(chosen.tolist(), key=lambda position: (-uncertainty[position], position))
    return Suggested(tuple(ordered), uncertainty)


def entropy(probabilities: FloatArray) -> FloatArray:
    """Entropy (n,) of rows of probabilities (n, 3) over its maximum: 0 is certain, 1 knows nothing."""
    logs = np.log(np.clip(probabilities, 1e-12, 1))
    return np.asarray(-(probabilities * logs).sum(axis=1) / np.log(probabilities.shape[1]))


def _one_of_each(texts: list[str], weights: FloatArray, count: int, seed: int) -> np.ndarray:
    """Positions of the statements nearest to the centres of `count` clusters, one for each."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))
    if len({term for text in texts for term in vectorizer.build_analyzer()(text)}) < 2:
        return np.arange(count)  # without words nothing can be told apart
    terms = vectorizer.fit_transform(texts)
    dimensions = min(_DIMENSIONS, terms.shape[1] - 1, len(texts) - 1)
    places = normalize(TruncatedSVD(dimensions, random_state=seed).fit_transform(terms))
    clusters = KMeans(count, n_init=1, random_state=seed).fit(places, sample_weight=weights + 1e-9)
    distances = clusters.transform(places)
    taken: list[int] = []
    for cluster in range(count):
        order = np.argsort(distances[:, cluster], kind="stable")
        taken.append(next(int(position) for position in order if int(position) not in taken))
    return np.array(taken)
