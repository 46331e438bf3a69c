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


def centred(scores: FloatArray) -> FloatArray:
    """Logits or log-probabilities (..., 3) minus their mean over the classes: what softmax leaves of them."""
    return np.asarray(scores - scores.mean(axis=-1, keepdims=True))
