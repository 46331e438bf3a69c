# ruff: noqa: TID253 - imported lazily, by building.py alone
"""Texts to probabilities with as many streams as there are cores: batches of one length, no padding, no waiting."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ukraine_stance.labels import ORDER
from ukraine_stance.models.protocol import BoolArray, FloatArray, IntArray, Prediction
from ukraine_stance.models.transformer import TransformerModel
from ukraine_stance.progress import bar

Forward = Callable[[Tensor, Tensor], Tensor]

# Measured: fewer and the calls themselves take time, more and the activations of a layer leave the core's cache.
_TOKENS_PER_BATCH = 1024

# Texts that one call of the tokenizer gets.
_TOKENIZED_TOGETHER = 512


class StreamedTransformer(TransformerModel):
    """A transformer that predicts through another forward pass; everything else is that of the model it is made from.

    A row's answer does not depend on the other rows: its batch holds rows of its own length, and no padding.
    """

    def __init__(self, model: TransformerModel, forward: Forward, streams: int | None = None) -> None:
        super().__init__(model._settings, model._network, model._tokenizer)
        self._forward = forward
        self._streams = streams or streams_of(self._network.device)

    def predict(self, texts: Sequence[str], targets: Sequence[str]) -> Prediction:
        """Probabilities (n, 3), returned in the order given."""
        probabilities = np.zeros((len(texts), len(ORDER)))
        if not texts:
            return Prediction(probabilities, np.zeros(0, dtype=np.bool_))
        with ThreadPoolExecutor(self._streams, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            ids, types, truncated = self._encoded(pool, texts, targets)
            lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
            batches = list(batches_of_one_length(lengths, _TOKENS_PER_BATCH))
            with bar("scoring statements", len(texts)) as advance:
                for rows, answers in pool.map(lambda rows: self._answers(rows, ids, types), batches):
                    probabilities[rows] = answers
                    advance(len(rows))
        return Prediction(probabilities, truncated)

    def _encoded(
        self, pool: ThreadPoolExecutor, texts: Sequence[str], targets: Sequence[str]
    ) -> tuple[list[list[int]], list[list[int]], BoolArray]:
        """Token ids and types of every row, and which rows were cut; the tokenizer runs in every stream."""
        starts = range(0, len(texts), _TOKENIZED_TOGETHER)
        parts = list(
            pool.map(
                lambda at: self._tokenize(
                    texts[at : at + _TOKENIZED_TOGETHER], targets[at : at + _TOKENIZED_TOGETHER], None, False
                ),
                starts,
            )
        )
        encodings = [encoding for part in parts for encoding in part.encodings]
        cut = np.fromiter((bool(one.overflowing) for one in encodings), dtype=np.bool_, count=len(encodings))
        ids = [one.ids for one in encodings]
        # A tokenizer that does not name token types leaves the network to take them all as 0.
        named = "token_type_ids" in self._tokenizer.model_input_names
        return ids, [one.type_ids if named else [0] * len(one.ids) for one in encodings], cut

    def _answers(self, rows: IntArray, ids: list[list[int]], types: list[list[int]]) -> tuple[IntArray, FloatArray]:
        with torch.inference_mode():
            logits = self._forward(torch.tensor([ids[row] for row in rows]), torch.tensor([types[row] for row in rows]))
            return rows, torch.softmax(logits.double(), dim=-1).cpu().numpy()


def batches_of_one_length(lengths: IntArray, tokens: int) -> Iterator[IntArray]:
    """Row numbers in batches; rows of a batch have one length, and together at most `tokens` tokens or are one row.

    Long rows come first, so that the streams end together.
    """
    for length in np.unique(lengths)[::-1]:
        rows = np.flatnonzero(lengths == length)
        together = max(1, tokens // int(length))
        for at in range(0, len(rows), together):
            yield rows[at : at + together]


def streams_of(device: torch.device) -> int:
    """How many batches are computed at once: as many as this process may use cores, on a GPU one."""
    return 1 if device.type == "cuda" else len(os.sched_getaffinity(0))
