"""Packed batches give what the model gives, whatever a row's neighbours are."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import TARGET
from ukraine_stance.models import TransformerModel
from ukraine_stance.scoring.engines.packed import PackedBert
from ukraine_stance.scoring.engines.streams import StreamedTransformer, batches_of_one_length

# From one token to more than the 32 that the model reads.
TEXTS = [" ".join(["we will send aid", "they block money"][n % 2] for _ in range(n // 3)) or "x" for n in range(50)]
TARGETS = [TARGET] * len(TEXTS)


def streamed(model: TransformerModel, dtype: torch.dtype) -> StreamedTransformer:
    return StreamedTransformer(model, PackedBert(model.network, dtype))


def test_packed_fp32_gives_the_models_own_probabilities_and_cuts(deep_model: TransformerModel) -> None:
    expected = deep_model.predict(TEXTS, TARGETS)
    found = streamed(deep_model, torch.float32).predict(TEXTS, TARGETS)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)
    np.testing.assert_array_equal(found.truncated, expected.truncated)
    assert 0 < expected.truncated.sum() < len(TEXTS)


def test_bf16_is_near_and_leaves_the_model_as_it_was(deep_model: TransformerModel) -> None:
    expected = deep_model.predict(TEXTS, TARGETS).probabilities
    found = streamed(deep_model, torch.bfloat16).predict(TEXTS, TARGETS).probabilities
    assert 0 < np.abs(found - expected).max() < 0.05
    np.testing.assert_array_equal(deep_model.predict(TEXTS, TARGETS).probabilities, expected)


def test_a_row_alone_is_the_row_among_others(deep_model: TransformerModel) -> None:
    engine = streamed(deep_model, torch.float32)
    together = engine.predict(TEXTS, TARGETS).probabilities
    alone = [engine.predict([text], [TARGET]).probabilities[0] for text in TEXTS]
    np.testing.assert_allclose(alone, together, atol=1e-4)


def test_no_texts_are_no_rows(deep_model: TransformerModel) -> None:
    assert streamed(deep_model, torch.float32).predict([], []).probabilities.shape == (0, 3)


def test_another_architecture_is_refused_by_name(deep_model: TransformerModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deep_model.network.config, "model_type", "deberta-v2")
    with pytest.raises(UserMistake, match=r"deberta-v2 .* --engine torch"):
        streamed(deep_model, torch.float32)


@given(st.lists(st.integers(1, 9), max_size=60), st.integers(1, 40))
def test_batches_hold_every_row_once_one_length_and_few_tokens(lengths: list[int], tokens: int) -> None:
    sizes = np.array(lengths, dtype=np.int64)
    batches = list(batches_of_one_length(sizes, tokens))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(set(sizes[batch])) == 1
        assert len(batch) == 1 or sizes[batch].sum() <= tokens
