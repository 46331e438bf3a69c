"""Configs: one YAML file is one experiment or the gate's rules; it gives a frozen config or every fault at once."""

from ukraine_stance.config.emission import resolved_yaml
from ukraine_stance.config.gate import GateConfig
from ukraine_stance.config.loading import LoadedConfig, load, load_gate, show
from ukraine_stance.config.schema import (
    AbstentionConfig,
    DataConfig,
    EmbeddingConfig,
    EncoderConfig,
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
from ukraine_stance.config.search import SearchSpace, load_any, load_sweep, search_space
from ukraine_stance.config.sweep import SweepConfig

__all__ = [
    "AbstentionConfig",
    "DataConfig",
    "EmbeddingConfig",
    "EncoderConfig",
    "EnsembleConfig",
    "EvaluationConfig",
    "ExperimentConfig",
    "FieldShares",
    "GateConfig",
    "LoadedConfig",
    "MemberConfig",
    "ModelConfig",
    "SearchSpace",
    "SweepConfig",
    "TfidfConfig",
    "TrackingConfig",
    "TransformerConfig",
    "json_schema",
    "load",
    "load_any",
    "load_gate",
    "load_sweep",
    "resolved_yaml",
    "search_space",
    "show",
]
