"""What each word adds to the score that a network gives: how far the score falls when the word is hidden from it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ukraine_stance.models.explaining import centred, runs_of, words_of
from ukraine_stance.models.protocol import Explanation, FloatArray, Span

METHOD = "occlusion: how far the score falls when the words are hidden from the model; the weights need not add up"

# A text with more words is explained by runs of words: every part costs one pass of the network.
MOST_PARTS = 64

# A text by its number, and the positions of its tokens that the network must not see.
Hidden = tuple[int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Part:
    """A word, or a run of words of a long text, `text[start:end]`; tokens are its positions in the model's input."""

    start: int
    end: int
    tokens: tuple[int, ...]


def explain_by_occlusion(
    texts: Sequence[str], columns: Sequence[int], encodings: Sequence[Any], logits: Callable[[list[Hidden]], FloatArray]
) -> list[Explanation]:
    """Explanations of texts as their tokenizer's encodings hold them; logits gives (n, 3) for n hidings.

    Source: representation erasure, Li et al. 2016, arXiv:1612.08220.
    """
    parts = [parts_of(text, encoding) for text, encoding in zip(texts, encodings, strict=True)]
    hidings = [(row, tokens) for row, of_text in enumerate(parts) for tokens in _hidings(of_text)]
    scores = iter(centred(logits(hidings)))
    found = []
    for of_text, column in zip(parts, columns, strict=True):
        whole, *without, baseline = (float(next(scores)[column]) for _ in range(len(of_text) + 2))
        spans = tuple(Span(one.start, one.end, whole - score) for one, score in zip(of_text, without, strict=True))
        found.append(Explanation(column, whole, baseline, spans, METHOD))
    return found


def parts_of(text: str, encoding: Any) -> list[Part]:  # noqa: ANN401 - the tokenizers library is not typed
    """The words of a text that the model reads, in at most MOST_PARTS parts.

    A word has no token where the tokenizer drops all its signs.
    """
    words = words_of(text)
    tokens: list[list[int]] = [[] for _ in words]
    read = place = 0
    for position, (start, end) in enumerate(encoding.offsets):
        if encoding.sequence_ids[position] != 0 or start == end:
            continue
        read = end
        # Some tokenizers count white space in: a token belongs to the first word that it touches.
        while place < len(words) and words[place][1] <= start:
            place += 1
        if place < len(words) and words[place][0] < end:
            tokens[place].append(position)
    if encoding.overflowing:
        words = [word for word in words if word[0] < read]
    return [
        Part(words[run[0]][0], words[run[-1]][1], tuple(position for word in run for position in tokens[word]))
        for run in runs_of(len(words), MOST_PARTS)
    ]


def _hidings(parts: Sequence[Part]) -> Iterator[tuple[int, ...]]:
    """Nothing, then each part alone, then all of them."""
    yield ()
    yield from (part.tokens for part in parts)
    yield tuple(position for part in parts for position in part.tokens)
