"""A fine-tuned transformer that reads the statement and the target as a pair."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import ConfigDict

from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER
from ukraine_stance.models.batches import explained, outputs
from ukraine_stance.models.network import Pooling, quiet, read_network, read_tokenizer
from ukraine_stance.models.protocol import (
    Explanation,
    FitReport,
    FloatArray,
    LabelledTexts,
    Prediction,
    Watch,
    read_settings,
)
from ukraine_stance.models.weights import locate

# The tokenizer's own notes on a text take several times the memory of its tokens, and go with the next ones.
_ENCODED_TOGETHER = 1000


@dataclass(frozen=True, slots=True)
class TransformerSettings:
    """What a run of the family is; the names and units are those of `config.TransformerConfig`."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    checkpoint: str
    checkpoint_sha256: str | None
    revision: str | None
    max_tokens: int
    target_in_input: bool
    epochs: int
    batch_size: int
    learning_rate: float
    warmup_fraction: float
    weight_decay: float
    class_weights: Literal["balanced"] | None
    patience: int
    precision: Literal["auto", "fp32", "bf16"]
    seed: int
    reproducible: Literal["strict", "seeded"] = "strict"
    checkpoint_steps: int = 500
    pooling: Pooling = None
    r_drop: float = 0.0


class TransformerModel:
    """Sequence classifier over `(text, target)`; the target stays whole when a long text is cut."""

    family: ClassVar[str] = "transformer"

    def __init__(self, settings: TransformerSettings, network: Any = None, tokenizer: Any = None) -> None:  # noqa: ANN401
        self._settings = settings
        self._network = network
        self._tokenizer = tokenizer

    def fit(
        self, train: LabelledTexts, validation: LabelledTexts, workspace: Path, watch: Watch | None = None
    ) -> FitReport:
        """Fine-tune on `train`, keep the epoch with the best macro-F1 on `validation`.

        What was begun in the workspace goes on there.
        """
        quiet()
        from ukraine_stance.models import finetuning

        source = locate(self._settings.checkpoint, self._settings.revision, self._settings.checkpoint_sha256)
        self._tokenizer = read_tokenizer(source)
        weights = balanced_class_weights(train.gold) if self._settings.class_weights == "balanced" else None
        rows = finetuning.TrainingRows(self._encode(train), self._encode(validation), weights)
        self._network, report = finetuning.finetune(source, self._settings, rows, self._tokenizer, workspace, watch)
        return report

    def predict(self, texts: Sequence[str], targets: Sequence[str]) -> Prediction:
        """Probabilities (n, 3) in fp32, scored in batches of like length and returned in the order given."""
        self.network.eval()
        probabilities, truncated = outputs(texts, targets, self._batch, self._probabilities, "scoring statements")
        return Prediction(probabilities.reshape(-1, len(ORDER)), truncated)

    @property
    def network(self) -> Any:  # noqa: ANN401
        """The network in the library's form, fp32. Raises RuntimeError before `fit` or `load`."""
        if self._network is None:
            raise RuntimeError("the model is neither fitted nor loaded")
        return self._network

    def explain(self, texts: Sequence[str], targets: Sequence[str], columns: Sequence[int]) -> list[Explanation]:
        """Occlusion word by word: one pass of the network for each."""
        self.network.eval()
        return explained(texts, targets, columns, self._batch, self._logits)

    def save(self, folder: Path) -> None:
        """Write the Hugging Face form: config.json, model.safetensors and the tokenizer's files."""
        self._network.save_pretrained(folder)
        self._tokenizer.save_pretrained(folder)

    def fingerprint(self) -> str:
        """Hash of every tensor by name; the tokenizer is the checkpoint's own."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self._network.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().numpy().tobytes())
        return digest.hexdigest()

    def settings(self) -> dict[str, Any]:
        """The settings the model was trained with."""
        return asdict(self._settings)

    @classmethod
    def load(cls, folder: Path, settings: dict[str, Any]) -> Self:
        """Read what `save` wrote; a missing head or tensor is refused, never replaced by random numbers."""
        quiet()
        import torch

        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            if not (folder / name).is_file():
                raise UserMistake(f"{folder / name}: missing; the model folder is incomplete, copy or train it again")
        known = read_settings(TransformerSettings, settings, folder)
        network, missing = read_network(folder, known.pooling)
        if missing:
            raise UserMistake(f"{folder}: weights lack {missing[:3]}; the model is incomplete")
        labels = tuple(network.config.id2label[column] for column in range(network.config.num_labels))
        if labels != tuple(ORDER):
            raise UserMistake(f"{folder}: its labels are {labels}, not {tuple(map(str, ORDER))}; not one of our models")
        if torch.cuda.is_available():
            network = network.to("cuda")
        return cls(known, network, read_tokenizer(folder))

    def _logits(self, inputs: dict[str, Any]) -> Any:  # noqa: ANN401
        return self.network(**{name: tensor.to(self.network.device) for name, tensor in inputs.items()}).logits

    def _probabilities(self, inputs: dict[str, Any]) -> Any:  # noqa: ANN401
        return self._logits(inputs).double().softmax(dim=-1)

    def _batch(self, texts: Sequence[str], targets: Sequence[str]) -> Any:  # noqa: ANN401
        return self._tokenize(texts, targets, "pt", True)

    def _encode(self, data: LabelledTexts) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for at in range(0, len(data), _ENCODED_TOGETHER):
            some = slice(at, at + _ENCODED_TOGETHER)
            encoded = self._tokenize(data.texts[some], data.targets[some], None, False)
            values = zip(*(encoded[name] for name in encoded), data.gold[some].tolist(), strict=True)
            rows += (dict(zip((*encoded.keys(), "labels"), row, strict=True)) for row in values)
        return rows

    def _tokenize(self, texts: Sequence[str], targets: Sequence[str], tensors: str | None, padding: bool) -> Any:  # noqa: ANN401
        if self._settings.target_in_input:
            self._refuse_long_targets(set(targets))
        pairs = (list(texts), list(targets)) if self._settings.target_in_input else (list(texts),)
        cut: Any = "only_first" if self._settings.target_in_input else True
        return self._tokenizer(
            *pairs, truncation=cut, max_length=self._settings.max_tokens, padding=padding, return_tensors=tensors
        )

    def _refuse_long_targets(self, targets: set[str]) -> None:
        for target in sorted(targets):
            taken = len(self._tokenizer("", target)["input_ids"])
            if taken >= self._settings.max_tokens:
                raise UserMistake(
                    f"target {target!r} takes {taken} of the {self._settings.max_tokens} tokens that the model reads; "
                    "shorten it, or train with a larger model.max_tokens"
                )


def balanced_class_weights(gold: np.ndarray) -> FloatArray:
    """Weight (3,) of each class, n / (3 * count): the mean weight over the n examples is 1. Raises ValueError at 0."""
    counts = np.bincount(gold, minlength=len(ORDER))
    if not counts.all():
        raise ValueError("a stance has no training statement")
    return np.asarray(len(gold) / (len(ORDER) * counts), dtype=np.float64)
