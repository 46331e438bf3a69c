"""What each word adds to the score of a model that is known by its answers alone: words are cut out of the text."""

from collections.abc import Callable, Sequence

import numpy as np

from ukraine_stance.models.explaining import centred, runs_of, words_of
from ukraine_stance.models.protocol import Explanation, Prediction, Span

METHOD = "deletion: how far the score falls when the words are cut out of the text; the weights need not add up"

# A text with more words is explained by runs of words: every part costs one prediction.
MOST_PARTS = 64

# A model that says 0 is not infinitely sure.
_SMALLEST = 1e-12

Predict = Callable[[Sequence[str], Sequence[str]], Prediction]


def explain_by_deletion(
    texts: Sequence[str], targets: Sequence[str], columns: Sequence[int], predict: Predict
) -> list[Explanation]:
    """Explanations by the model's log-probabilities, which differ from its logits by one number for all three.

    Source: representation erasure, Li et al. 2016, arXiv:1612.08220.
    """
    parts = [_parts(text) for text in texts]
    cut: list[tuple[str, str]] = []
    for text, target, of_text in zip(texts, targets, parts, strict=True):
        shortened = (text[:start] + text[end:] for start, end in of_text)
        cut += [(variant, target) for variant in (text, *shortened, "")]
    answers = predict([text for text, _ in cut], [target for _, target in cut]).probabilities
    scores = iter(centred(np.log(np.maximum(answers, _SMALLEST))))
    found = []
    for of_text, column in zip(parts, columns, strict=True):
        whole, *without, baseline = (float(next(scores)[column]) for _ in range(len(of_text) + 2))
        spans = tuple(Span(*run, whole - score) for run, score in zip(of_text, without, strict=True))
        found.append(Explanation(column, whole, baseline, spans, METHOD))
    return found


def _parts(text: str) -> list[tuple[int, int]]:
    words = words_of(text)
    return [(words[run[0]][0], words[run[-1]][1]) for run in runs_of(len(words), MOST_PARTS)]
