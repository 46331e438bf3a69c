"""Configs: one YAML file is one experiment; `load` gives a frozen config or every fault at once."""

from ukraine_stance.config.emission import resolved_yaml
from ukraine_stance.config.loading import LoadedConfig, load, show
from ukraine_stance.config.schema import (
    AbstentionConfig,
    DataConfig,
    EvaluationConfig,
    ExperimentConfig,
    FieldShares,
    ModelConfig,
    TfidfConfig,
    TrackingConfig,
    TransformerConfig,
    json_schema,
)

__all__ = [
    "AbstentionConfig",
    "DataConfig",
    "EvaluationConfig",
    "ExperimentConfig",
    "FieldShares",
    "LoadedConfig",
    "ModelConfig",
    "TfidfConfig",
    "TrackingConfig",
    "TransformerConfig",
    "json_schema",
    "load",
    "resolved_yaml",
    "show",
]
