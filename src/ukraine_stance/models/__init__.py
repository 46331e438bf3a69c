"""Build and load models: the only place that knows which families exist."""

from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ukraine_stance.errors import UserMistake
from ukraine_stance.models.embedding import EmbeddingModel, EmbeddingSettings
from ukraine_stance.models.ensemble import EnsembleModel, EnsembleSettings
from ukraine_stance.models.protocol import StanceModel
from ukraine_stance.models.tfidf import TfidfModel, TfidfSettings
from ukraine_stance.models.transformer import TransformerModel, TransformerSettings

if TYPE_CHECKING:
    from ukraine_stance.config import MemberConfig, ModelConfig

_FAMILIES: dict[str, type[StanceModel]] = {
    model.family: model for model in (TfidfModel, EmbeddingModel, TransformerModel, EnsembleModel)
}


def build(config: "ModelConfig", seed: int, members: "Sequence[MemberConfig]" = ()) -> StanceModel:
    """An untrained model of the config's family; `seed` reaches every random choice it makes.

    members are the configs of what an ensemble is made of; its transformers take seeds one after another from `seed`.
    """
    values = {**config.model_dump(), "seed": seed}
    if config.family == EnsembleModel.family:
        return EnsembleModel(
            EnsembleSettings(**_only(EnsembleSettings, values)),
            tuple(
                partial(build, member, seed + number)
                for member in members
                for number in range(values["transformers"] if member.family == TransformerModel.family else 1)
            ),
        )
    if config.family == TransformerModel.family:
        return TransformerModel(TransformerSettings(**_only(TransformerSettings, values)))
    if config.family == EmbeddingModel.family:
        return EmbeddingModel(EmbeddingSettings(**_only(EmbeddingSettings, values)))
    return TfidfModel(TfidfSettings(**_only(TfidfSettings, values)))


def load(family: str, folder: Path, settings: dict[str, Any]) -> StanceModel:
    """A trained model from the folder and settings that its family saved. Raises UserMistake for an unknown family."""
    if family not in _FAMILIES:
        raise UserMistake(f"{folder}: model family {family!r} is unknown here (known: {', '.join(_FAMILIES)})")
    return _FAMILIES[family].load(folder, settings)


def _only(settings: type, values: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(settings)}
    return {name: value for name, value in values.items() if name in names}
