"""Build and load models: the only place that knows which families exist."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ukraine_stance.errors import UserMistake
from ukraine_stance.models.protocol import StanceModel
from ukraine_stance.models.tfidf import TfidfModel, TfidfSettings
from ukraine_stance.models.transformer import TransformerModel, TransformerSettings

if TYPE_CHECKING:
    from ukraine_stance.config import TfidfConfig, TransformerConfig

_FAMILIES: dict[str, type[StanceModel]] = {TfidfModel.family: TfidfModel, TransformerModel.family: TransformerModel}


def build(config: "TfidfConfig | TransformerConfig", seed: int) -> StanceModel:
    """An untrained model of the config's family; `seed` reaches every random choice it makes."""
    values = {**config.model_dump(), "seed": seed}
    if config.family == TransformerModel.family:
        return TransformerModel(TransformerSettings(**_only(TransformerSettings, values)))
    return TfidfModel(TfidfSettings(**_only(TfidfSettings, values)))


def load(family: str, folder: Path, settings: dict[str, Any]) -> StanceModel:
    """A trained model from the folder and settings that its family saved. Raises UserMistake for an unknown family."""
    if family not in _FAMILIES:
        raise UserMistake(f"{folder}: model family {family!r} is unknown here (known: {', '.join(_FAMILIES)})")
    return _FAMILIES[family].load(folder, settings)


def _only(settings: type, values: dict[str, Any]) -> dict[str, Any]:
    names = {field.name for field in fields(settings)}
    return {name: value for name, value in values.items() if name in names}
