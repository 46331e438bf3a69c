# ruff: noqa: TID253 - imported lazily, by building.py alone
"""The forward pass of a BERT classifier over sentences of one length: what `transformers` computes, for less work.

Three things are left out, none of which changes the result beyond rounding. Sentences of one length need no padding and
no attention mask. Where the classifier reads the first token alone, the last layer is computed for that token. Its keys
and values are never formed: `q . (K x) = (K' q) . x` and `sum_j a_j (V x_j) = V (sum_j a_j x_j)`, and a bias of the
keys adds one number to every score, which the softmax takes away. With six layers that saves a sixth of the work.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ukraine_stance.errors import UserMistake
from ukraine_stance.models.mean_pooling import MeanPooledClassifier

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class _Layer:
    """Maps of one encoder layer: (n, d) to (n, 3 d), then twice (n, d) to (n, d)."""

    query_key_value: Map
    out: Map
    feed_forward: Map
    attention_norm: torch.nn.LayerNorm
    output_norm: torch.nn.LayerNorm


def refuse_unknown(network: Any) -> None:  # noqa: ANN401
    """Raise UserMistake for another architecture than BERT with GELU."""
    config = network.config
    activation = getattr(config, "hidden_act", "another activation")
    if config.model_type != "bert" or activation != "gelu":
        raise UserMistake(
            f"the faster engines read BERT networks with GELU; this model is {config.model_type} with {activation}: "
            "give --engine torch"
        )


class PackedBert:
    """Logits of token ids (n, length) and token types (n, length), all rows real tokens.

    All layers are computed in `dtype`; where the classifier reads one token, the last of them is in fp32. Raises
    UserMistake for another architecture than BERT with GELU.
    """

    def __init__(self, network: Any, dtype: torch.dtype) -> None:  # noqa: ANN401 - transformers' own
        refuse_unknown(network)
        config = network.config
        self._mean = isinstance(network, MeanPooledClassifier)
        bert = network.encoder if self._mean else network.bert
        self._dtype = dtype
        self._device = network.device
        self._heads = config.num_attention_heads
        self._embeddings = bert.embeddings
        *layers, self._last = bert.encoder.layer
        self._layers = [_layer(layer, dtype) for layer in (bert.encoder.layer if self._mean else layers)]
        self._pooler: Any = None if self._mean else bert.pooler.dense
        self._classifier = network.classifier

    def __call__(self, ids: Tensor, types: Tensor) -> Tensor:
        """Logits (n, 3) in fp32."""
        ids, types = ids.to(self._device), types.to(self._device)
        rows, length = ids.shape
        embeddings = self._embeddings
        summed = embeddings.word_embeddings(ids) + embeddings.token_type_embeddings(types)
        summed += embeddings.position_embeddings.weight[:length]
        # One row a token, whichever sentence it stands in.
        hidden = embeddings.LayerNorm(summed).to(self._dtype).view(rows * length, -1)
        for layer in self._layers:
            hidden = self._through(layer, hidden, rows, length)
        states = hidden.float().view(rows, length, -1)
        logits: Tensor = self._classifier(states.mean(1) if self._mean else self._first(states))
        return logits

    def _through(self, layer: _Layer, hidden: Tensor, rows: int, length: int) -> Tensor:
        parts = layer.query_key_value(hidden).view(rows, length, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        context = F.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        context = context.transpose(1, 2).reshape(rows * length, -1)
        hidden = layer.attention_norm(layer.out(context).add_(hidden))
        given: Tensor = layer.output_norm(layer.feed_forward(hidden).add_(hidden))
        return given

    def _first(self, hidden: Tensor) -> Tensor:
        """What the classifier reads of the first token, (n, d), from the last layer's input (n, length, d)."""
        rows, _, width = hidden.shape
        attention, output = self._last.attention.self, self._last.attention.output
        size = width // self._heads
        first = hidden[:, 0]
        query = attention.query(first).view(rows, self._heads, 1, size)
        asked = (query @ attention.key.weight.view(self._heads, size, width)).squeeze(2)  # (n, heads, d)
        weights = torch.softmax(asked @ hidden.transpose(1, 2) / size**0.5, dim=-1)  # (n, heads, length)
        seen = (weights @ hidden).unsqueeze(2)  # (n, heads, 1, d)
        values = attention.value.weight.view(self._heads, size, width).transpose(1, 2)
        context = (seen @ values).reshape(rows, width) + attention.value.bias
        first = output.LayerNorm(output.dense(context) + first)
        raised = F.gelu(self._last.intermediate.dense(first))
        first = self._last.output.LayerNorm(self._last.output.dense(raised) + first)
        return torch.tanh(self._pooler(first))


def _layer(layer: Any, dtype: torch.dtype) -> _Layer:  # noqa: ANN401
    attention = layer.attention.self
    up, down = _map(dtype, layer.intermediate.dense), _map(dtype, layer.output.dense)
    return _Layer(
        _map(dtype, attention.query, attention.key, attention.value),
        _map(dtype, layer.attention.output.dense),
        lambda hidden: down(F.gelu(up(hidden))),
        _norm(layer.attention.output.LayerNorm, dtype),
        _norm(layer.output.LayerNorm, dtype),
    )


def _map(dtype: torch.dtype, *parts: torch.nn.Linear) -> Map:
    """The linear maps in dtype, as one whose results stand side by side."""
    weight = torch.cat([part.weight.detach() for part in parts]).to(dtype)
    bias = torch.cat([part.bias.detach() for part in parts]).to(dtype)
    return lambda hidden: F.linear(hidden, weight, bias)


def _norm(norm: torch.nn.LayerNorm, dtype: torch.dtype) -> torch.nn.LayerNorm:
    """A copy in dtype; the network itself stays as it is."""
    copy = torch.nn.LayerNorm(norm.normalized_shape, norm.eps)
    copy.load_state_dict(norm.state_dict())
    return copy.to(norm.weight.device, dtype).requires_grad_(False)
