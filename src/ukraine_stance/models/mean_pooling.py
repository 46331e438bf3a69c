# ruff: noqa: TID253 - imported lazily, by network.py and the engines alone
"""A classifier on the mean of what an encoder says of every token, for all architectures alike."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import CONFIG_MAPPING, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput

from ukraine_stance.files import read_json, write_json

# In config.json in place of the encoder's type, which stands beside it. With the encoder's own, the library would read
# the weights into its classifier of that type, fill that up with random numbers and answer.
MODEL_TYPE = "ukraine-stance-mean-pooled"
_ENCODER_TYPE = "encoder_type"


def read_config(folder: Path, changed: dict[str, Any]) -> PreTrainedConfig:
    """The encoder's config, with what is changed, in a folder of a classifier; ValueError where it holds another."""
    found, _ = PreTrainedConfig.get_config_dict(folder, local_files_only=True)
    if found.get("model_type") != MODEL_TYPE:
        raise ValueError(f"its type is {found.get('model_type')}, not {MODEL_TYPE}")
    found["model_type"] = found.pop(_ENCODER_TYPE)
    return CONFIG_MAPPING[found["model_type"]].from_dict(found | changed)


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

    def save_pretrained(self, save_directory: str | Path, **how: Any) -> None:  # noqa: ANN401
        """As the library does, under a type that only `read_config` reads."""
        super().save_pretrained(save_directory, **how)
        path = Path(save_directory) / "config.json"
        written = read_json(path)
        write_json(path, written | {"model_type": MODEL_TYPE, _ENCODER_TYPE: written["model_type"]})
