"""Texts through a network in batches of near length: what it gives for each, and why."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ukraine_stance.models.occlusion import Hidden, explain_by_occlusion
from ukraine_stance.models.protocol import BoolArray, Explanation, FloatArray
from ukraine_stance.progress import bar

# Texts of one batch have near lengths (they are sorted), so a fixed number wastes little padding.
_BATCH = 32

# Texts whose words are hidden in the same batches; they too have near lengths.
_EXPLAINED_TOGETHER = 8

# Padded batch of texts and targets, with what the tokenizer knows of each.
Encode = Callable[[Sequence[str], Sequence[str]], Any]
# What the network gives for an encoded batch of n rows: (n, k), a tensor.
Forward = Callable[[dict[str, Any]], Any]


def outputs(
    texts: Sequence[str], targets: Sequence[str], encode: Encode, forward: Forward, words: str
) -> tuple[FloatArray, BoolArray]:
    """What forward gives for n texts, (n, k) in the order given, and (n,) which of them were cut.

    words say on stderr what is being done. k is 0 where there is no text.
    """
    import torch

    found: dict[int, FloatArray] = {}
    truncated = np.zeros(len(texts), dtype=np.bool_)
    order = _by_length(texts)
    with bar(words, len(texts)) as advance, torch.inference_mode():
        for at in range(0, len(order), _BATCH):
            rows = order[at : at + _BATCH]
            encoded = encode([texts[row] for row in rows], [targets[row] for row in rows])
            truncated[rows] = [bool(encoding.overflowing) for encoding in encoded.encodings]
            found.update(zip(rows, forward(dict(encoded)).double().cpu().numpy(), strict=True))
            advance(len(rows))
    return np.array([found[row] for row in range(len(texts))]).reshape(len(texts), -1 if texts else 0), truncated


def explained(
    texts: Sequence[str], targets: Sequence[str], columns: Sequence[int], encode: Encode, forward: Forward
) -> list[Explanation]:
    """Occlusion word by word: one pass of the network for each, so dozens of times the cost of `outputs`.

    forward gives logits (n, 3). A word is hidden by the attention mask, which keeps the length of the text and needs no
    mask token.
    """
    found: dict[int, Explanation] = {}
    order = _by_length(texts)
    with bar("explaining statements", len(texts)) as advance:
        for at in range(0, len(order), _EXPLAINED_TOGETHER):
            rows = order[at : at + _EXPLAINED_TOGETHER]
            chosen = [texts[row] for row in rows]
            encoded = encode(chosen, [targets[row] for row in rows])
            hide = partial(_logits_without, encoded, forward)
            reasons = explain_by_occlusion(chosen, [columns[row] for row in rows], encoded.encodings, hide)
            found.update(zip(rows, reasons, strict=True))
            advance(len(rows))
    return [found[row] for row in range(len(texts))]


def _by_length(texts: Sequence[str]) -> list[int]:
    return sorted(range(len(texts)), key=lambda row: len(texts[row]))


def _logits_without(encoded: Any, forward: Forward, hidden: Sequence[Hidden]) -> FloatArray:  # noqa: ANN401
    """Logits (n, 3) of n rows of an encoded batch, each without the tokens that must not be seen."""
    import torch

    found = []
    with torch.inference_mode():
        for at in range(0, len(hidden), _BATCH):
            some = hidden[at : at + _BATCH]
            inputs = {name: tensor[[row for row, _ in some]] for name, tensor in encoded.items()}
            for place, (_, tokens) in enumerate(some):
                inputs["attention_mask"][place, list(tokens)] = 0
            found.append(forward(inputs).double().cpu().numpy())
    return np.concatenate(found)
