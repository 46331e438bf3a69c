"""Statements that say nearly the same in nearly the same words, wherever they stand."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from datasketch import MinHash, MinHashLSH

from ukraine_stance.corpus.splits import normalised
from ukraine_stance.progress import bar

# Jaccard similarity of word pairs from which two statements count as one: a reworded tail or other figures leave more,
# two reports of one event in words of their own leave far less (measured on the bundled statements).
NEAR = 0.5

_HASHES = 128
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Pair:
    """Rows `first` < `second` of a list of texts, and the Jaccard similarity of their word pairs, 0 to 1."""

    first: int
    second: int
    similarity: float


def near_duplicates(texts: Sequence[str], least: float = NEAR) -> list[Pair]:
    """Pairs of texts whose word pairs overlap by at least `least`, in order; words lose case and compatibility forms.

    Candidates come from MinHash and are then compared exactly: no pair is given that is less alike, and one that is
    just alike enough is missed four times in a thousand (1 - (1 - s^3)^42 of MinHashLSH at s = 0.5).
    """
    shingles = [_shingles(text) for text in texts]
    index = MinHashLSH(threshold=least / 2, num_perm=_HASHES)
    found: list[Pair] = []
    with bar("looking for near-duplicates, statements", len(texts)) as advance:
        for second, own in enumerate(shingles):
            advance(1)
            if not own:
                continue
            sketch = MinHash(num_perm=_HASHES, seed=1)
            sketch.update_batch([shingle.encode() for shingle in sorted(own)])
            candidates = sorted(int(name) for name in index.query(sketch))
            found += _alike(candidates, second, shingles, least)
            index.insert(str(second), sketch)
    return sorted(found, key=lambda pair: (pair.first, pair.second))


def _alike(candidates: Sequence[int], second: int, shingles: Sequence[set[str]], least: float) -> Iterator[Pair]:
    for first in candidates:
        one, two = shingles[first], shingles[second]
        similarity = len(one & two) / len(one | two)
        if similarity >= least:
            yield Pair(first, second, similarity)


def _shingles(text: str) -> set[str]:
    words = _WORD.findall(normalised(text))
    return {" ".join(pair) for pair in pairwise(words)} or set(words)
