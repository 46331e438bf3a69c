# ruff: noqa: TID253 - imported lazily, by network.py and the engines alone
"""A classifier on the mean of what an encoder says of every token, for all architectures alike."""

from typing import Any

import torch
from torch import Tensor
from transformers import AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class MeanPooledClassifier(PreTrainedModel):  # type: ignore[misc]
    """An encoder of the library, the mean of its last layer over the tokens that are there, and a linear classifier.

    The library's own classifiers read one token through a layer that most checkpoints for sentences never trained.
    """

    base_model_prefix = "pooled"  # none of ours: the name of a part would be taken for that of the encoder's weights
    _supports_sdpa = True  # an encoder that does not has noted another way by then

    def __init__(self, config: PreTrainedConfig, encoder: Any = None) -> None:  # noqa: ANN401 - transformers is half typed
        """Without an encoder all weights are random: for who reads them from a file."""
        # Before the class itself looks at the config: the encoder chooses its way to compute attention, and notes it.
        made = AutoModel.from_config(config) if encoder is None else encoder
        super().__init__(config)
        self.encoder = made
        if getattr(self.encoder, "pooler", None) is not None:
            self.encoder.pooler = None  # as read_encoder leaves it
        self.dropout = torch.nn.Dropout(getattr(config, "hidden_dropout_prob", 0.0))
        self.classifier = torch.nn.Linear(config.hidden_size, config.num_labels)
        torch.nn.init.normal_(self.classifier.weight, std=config.initializer_range)
        torch.nn.init.zeros_(self.classifier.bias)
        self.post_init()

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> SequenceClassifierOutput:
        """Logits (n, labels)."""
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **types).last_hidden_state
        seen = attention_mask[..., None]
        # Where every word is hidden there is nothing to take the mean of.
        mean = (states.float() * seen).sum(1) / seen.sum(1).clamp(min=1)
        return SequenceClassifierOutput(logits=self.classifier(self.dropout(mean)))
