"""Which tokens make up which words, and what is left of a score when they are hidden."""

from dataclasses import dataclass

import numpy as np
import pytest

from ukraine_stance.models.occlusion import MOST_PARTS, Hidden, Part, explain_by_occlusion, parts_of


@dataclass(frozen=True)
class Encoding:
    """As the tokenizers library gives it: 0 is the text, 1 the target, None a special token or padding."""

    offsets: list[tuple[int, int]]
    sequence_ids: list[int | None]
    overflowing: tuple[int, ...] = ()


def _letters(text: str, read: int | None = None) -> Encoding:
    """[CLS], a token for each sign but spaces, [SEP], two tokens of a target, [PAD]."""
    of_text = [(place, place + 1) for place, sign in enumerate(text[:read]) if not sign.isspace()]
    offsets = [(0, 0), *of_text, (0, 0), (0, 3), (4, 8), (0, 0)]
    return Encoding(offsets, [None, *[0] * len(of_text), None, 1, 1, None], () if read is None else (1,))


def test_a_word_has_the_tokens_of_its_signs_and_none_of_the_target() -> None:
    assert parts_of(" ab  c", _letters(" ab  c")) == [Part(1, 3, (1, 2)), Part(5, 6, (3,))]


def test_tokens_that_count_spaces_in_belong_to_the_word_that_they_touch() -> None:
    before = Encoding([(0, 2), (2, 5)], [0, 0])
    after = Encoding([(0, 3), (3, 5)], [0, 0])
    only_space = Encoding([(0, 2), (2, 3), (3, 5)], [0, 0, 0])
    for encoding, second in ((before, (1,)), (after, (1,)), (only_space, (2,))):
        assert parts_of("ab cd", encoding) == [Part(0, 2, (0,)), Part(3, 5, second)]


def test_a_word_that_the_tokenizer_drops_has_no_tokens() -> None:
    assert parts_of("a \u200b b", Encoding([(0, 1), (4, 5)], [0, 0])) == [
        Part(0, 1, (0,)), Part(2, 3, ()), Part(4, 5, (1,)),
    ]  # fmt: skip


def test_words_behind_the_cut_are_left_out() -> None:
    parts = parts_of("ab cd ef", _letters("ab cd ef", read=4))
    assert [(part.start, part.end) for part in parts] == [(0, 2), (3, 5)]


@pytest.mark.parametrize("words", [MOST_PARTS, MOST_PARTS + 1, 5 * MOST_PARTS])
def test_a_long_text_is_explained_by_runs_of_words(words: int) -> None:
    text = "ab " * words
    parts = parts_of(text, _letters(text))
    assert len(parts) <= MOST_PARTS
    assert (len(parts) == words) == (words == MOST_PARTS)
    assert [position for part in parts for position in part.tokens] == list(range(1, 2 * words + 1))
    assert all(text[part.start : part.end] == text[part.start : part.end].strip() for part in parts)
    assert parts[-1].end == len(text) - 1


def test_a_weight_is_what_the_score_loses() -> None:
    texts = ["ab c", "d", ""]
    values = np.array([[0, 1.0, 2.0, 4.0, 0, 0, 0, 0], [0, 16.0, 0, 0, 0, 0, 0, 0], [0.0] * 8])

    def logits(hidden: list[Hidden]) -> np.ndarray:
        kept = [values[row].sum() - values[row][list(tokens)].sum() for row, tokens in hidden]
        return np.array([[5.0, 5.0 + 3 * one, 5.0] for one in kept])  # centred, the second is 2 * one

    one, two, none = explain_by_occlusion(texts, [1, 0, 1], [_letters(text) for text in texts], logits)
    assert [(span.start, span.end, span.weight) for span in one.spans] == [(0, 2, 6.0), (3, 4, 8.0)]
    assert (one.column, one.score, one.baseline) == (1, 14.0, 0.0)
    assert [(span.start, span.end, span.weight) for span in two.spans] == [(0, 1, -16.0)]
    assert (two.column, two.score, two.baseline) == (0, -16.0, 0.0)
    assert (none.spans, none.score, none.baseline) == ((), 0.0, 0.0)
