"""Configs: one YAML file is one experiment or the gate's rules; it gives a frozen config or every fault at once."""

from ukraine_stance.config.emission import resolved_yaml
from ukraine_stance.config.gate import GateConfig
from ukraine_stance.config.loading import LoadedConfig, load, load_gate, show
from ukraine_stance.config.schema import (
    AbstentionConfig,
    DataConfig,
    EnsembleConfig,
    EvaluationConfig,
    ExperimentConfig,
    FieldShares,
    MemberConfig,
    ModelConfig,
    TfidfConfig,
    TrackingConfig,
    TransformerConfig,
    json_schema,
)

__all__ = [
    "AbstentionConfig",
    "DataConfig",
    "EnsembleConfig",
    "EvaluationConfig",
    "ExperimentConfig",
    "FieldShares",
    "GateConfig",
    "LoadedConfig",
    "MemberConfig",
    "ModelConfig",
    "TfidfConfig",
    "TrackingConfig",
    "TransformerConfig",
    "json_schema",
    "load",
    "load_gate",
    "resolved_yaml",
    "show",
]
