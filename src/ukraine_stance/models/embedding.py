"""Logistic regression on the sentence embeddings of a pretrained encoder that stays as it is: a linear probe."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import ConfigDict
from sklearn.linear_model import LogisticRegression

from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER
from ukraine_stance.models.batches import explained, outputs
from ukraine_stance.models.network import quiet, read_encoder, read_tokenizer, refuse_too_many_tokens
from ukraine_stance.models.protocol import (
    Explanation,
    FitReport,
    LabelledTexts,
    Prediction,
    Watch,
    read_settings,
)
from ukraine_stance.models.weights import locate

_HEAD = "head.safetensors"


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """What a run of the family is; the names and units are those of `config.EmbeddingConfig`."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    checkpoint: str
    checkpoint_sha256: str | None
    revision: str | None
    max_tokens: int
    c: float
    class_weight: Literal["balanced"] | None


class EmbeddingModel:
    """Linear model on the mean of the encoder's last token states, scaled to length 1; it reads the text alone.

    Source: Reimers and Gurevych 2019, arXiv:1908.10084, for the embeddings.
    """

    family: ClassVar[str] = "embedding"

    def __init__(
        self,
        settings: EmbeddingSettings,
        encoder: Any = None,  # noqa: ANN401 - transformers is half typed
        tokenizer: Any = None,  # noqa: ANN401
        head: dict[str, np.ndarray] | None = None,
    ) -> None:
        """Head is weights (3, width) and bias (3,)."""
        self._settings = settings
        self._encoder = encoder
        self._tokenizer = tokenizer
        self._head = head

    def fit(
        self, train: LabelledTexts, validation: LabelledTexts, workspace: Path, watch: Watch | None = None
    ) -> FitReport:
        """Embed the statements of `train` and fit the weights; nothing random is involved.

        Raises UserMistake where the checkpoint is no encoder or reads fewer tokens than asked for, ValueError when a
        stance has no training statement.
        """
        absent = [str(label) for column, label in enumerate(ORDER) if not (train.gold == column).any()]
        if absent:
            raise ValueError(f"no training statement is {' or '.join(absent)}")
        quiet()
        source = locate(self._settings.checkpoint, self._settings.revision, self._settings.checkpoint_sha256)
        encoder = read_encoder(source)
        refuse_too_many_tokens(encoder, source, self._settings.max_tokens)
        self._encoder, self._tokenizer = _where_used(encoder), read_tokenizer(source)
        found, _ = outputs(train.texts, train.targets, self._batch, self._embeddings, "embedding statements")
        classifier = LogisticRegression(C=self._settings.c, class_weight=self._settings.class_weight, max_iter=2000)
        classifier.fit(found, train.gold)
        self._head = {"weights": np.ascontiguousarray(classifier.coef_), "bias": classifier.intercept_}
        return FitReport(facts=(("width", found.shape[1]), ("iterations", int(classifier.n_iter_.max()))))

    def predict(self, texts: Sequence[str], targets: Sequence[str]) -> Prediction:
        """Probabilities (n, 3), the encoder in fp32."""
        forward = partial(self._probabilities, self._fitted)
        probabilities, truncated = outputs(texts, targets, self._batch, forward, "scoring statements")
        return Prediction(probabilities.reshape(-1, len(ORDER)), truncated)

    def explain(self, texts: Sequence[str], targets: Sequence[str], columns: Sequence[int]) -> list[Explanation]:
        """Occlusion word by word: one pass of the encoder for each."""
        return explained(texts, targets, columns, self._batch, partial(self._logits, self._fitted))

    def save(self, folder: Path) -> None:
        """Write the encoder and its tokenizer in the Hugging Face form, and head.safetensors."""
        from safetensors.numpy import save_file

        self._encoder.save_pretrained(folder)
        self._tokenizer.save_pretrained(folder)
        save_file(self._fitted, folder / _HEAD)

    def fingerprint(self) -> str:
        """Hash of every tensor by name; the tokenizer is the checkpoint's own."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self._encoder.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().numpy().tobytes())
        for name, values in sorted(self._fitted.items()):
            digest.update(name.encode() + values.tobytes())
        return digest.hexdigest()

    def settings(self) -> dict[str, Any]:
        """The settings the model was trained with."""
        return asdict(self._settings)

    @classmethod
    def load(cls, folder: Path, settings: dict[str, Any]) -> Self:
        """Read what `save` wrote; a missing tensor is refused, never replaced by random numbers."""
        quiet()
        for name in ("config.json", "model.safetensors", "tokenizer.json", _HEAD):
            if not (folder / name).is_file():
                raise UserMistake(f"{folder / name}: missing; the model folder is incomplete, copy or train it again")
        encoder = read_encoder(folder)
        head = _read_head(folder / _HEAD, int(encoder.config.hidden_size))
        known = read_settings(EmbeddingSettings, settings, folder)
        return cls(known, _where_used(encoder), read_tokenizer(folder), head)

    @property
    def _fitted(self) -> dict[str, np.ndarray]:
        if self._head is None:
            raise RuntimeError("the model is neither fitted nor loaded")
        return self._head

    def _embeddings(self, inputs: dict[str, Any]) -> Any:  # noqa: ANN401
        """Of length 1 (n, width), on the encoder's device."""
        import torch

        given = {name: tensor.to(self._encoder.device) for name, tensor in inputs.items()}
        seen = given["attention_mask"][..., None]
        # Where every word is hidden there is nothing to take the mean of.
        mean = (self._encoder(**given).last_hidden_state * seen).sum(1) / seen.sum(1).clamp(min=1)
        return torch.nn.functional.normalize(mean, dim=-1)

    def _logits(self, head: dict[str, np.ndarray], inputs: dict[str, Any]) -> Any:  # noqa: ANN401
        import torch

        weights, bias = (torch.from_numpy(head[name]) for name in ("weights", "bias"))
        return self._embeddings(inputs).cpu().double() @ weights.T + bias

    def _probabilities(self, head: dict[str, np.ndarray], inputs: dict[str, Any]) -> Any:  # noqa: ANN401
        return self._logits(head, inputs).softmax(dim=-1)

    def _batch(self, texts: Sequence[str], targets: Sequence[str]) -> Any:  # noqa: ANN401
        return self._tokenizer(
            list(texts), truncation=True, max_length=self._settings.max_tokens, padding=True, return_tensors="pt"
        )


def _where_used(encoder: Any) -> Any:  # noqa: ANN401
    import torch

    return encoder.to("cuda") if torch.cuda.is_available() else encoder


def _read_head(path: Path, width: int) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        head = load_file(path)
    except (OSError, SafetensorError) as fault:
        raise UserMistake(f"{path}: cannot be read; copy or train the model again") from fault
    shapes = {name: values.shape for name, values in head.items()}
    if shapes != {"weights": (len(ORDER), width), "bias": (len(ORDER),)}:
        raise UserMistake(f"{path}: holds no weights for embeddings of {width} numbers; copy or train the model again")
    return {name: values.astype(np.float64) for name, values in head.items()}
