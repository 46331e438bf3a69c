"""What the explanations of every family share: the words of a text, and logits that can be compared."""

import re

import numpy as np

from ukraine_stance.models.protocol import FloatArray

# A word of an explanation is what stands between white space, its punctuation included: every family can be held to
# that, whatever its own units are, and no sign of a text is left out.
_WORD = re.compile(r"\S+")


def words_of(text: str) -> list[tuple[int, int]]:
    """Start and end of every word in code points, in order."""
    return [match.span() for match in _WORD.finditer(text)]


def runs_of(words: int, most: int) -> list[range]:
    """So many words as runs of equal length (the last may be shorter), at most so many runs."""
    size = max(1, -(-words // most))
    return [range(first, min(first + size, words)) for first in range(0, words, size)]


def centred(scores: FloatArray) -> FloatArray:
    """Logits or log-probabilities (..., 3) minus their mean over the classes: what softmax leaves of them."""
    return np.asarray(scores - scores.mean(axis=-1, keepdims=True))
