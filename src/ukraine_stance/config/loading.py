"""From a file and overrides to a config, or to one error that holds every fault."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from ukraine_stance.config import overrides as override
from ukraine_stance.config.emission import annotated_yaml, leaves
from ukraine_stance.config.faults import Plain, dotted, mistake
from ukraine_stance.config.gate import GATE, GateConfig
from ukraine_stance.config.schema import EXPERIMENT, AnyLayout, ExperimentConfig, Layout, Schema, Section
from ukraine_stance.config.sweep import SWEEP, SweepConfig
from ukraine_stance.config.validation import validate
from ukraine_stance.config.yaml_source import Document, read

_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class LoadedConfig(Generic[Schema]):
    """A config and where each of its values comes from.

    origins maps every dotted key to `file:line:column`, `--set key=value` or `default`.
    """

    config: Schema
    origins: dict[str, str]
    path: Path


def load(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig[ExperimentConfig]:
    """Read the config of an experiment and lay `a.b=value` overrides over it.

    Raises UserMistake with every fault of the file and of the overrides, a line each, the file's first and by position.
    """
    return _load(EXPERIMENT, path, overrides)


def load_gate(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig[GateConfig]:
    """Read the rules of the gate, as `load` reads an experiment."""
    return _load(GATE, path, overrides)


def load_sweep(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig[SweepConfig]:
    """Read what a sweep tries, as `load` reads an experiment."""
    return _load(SWEEP, path, overrides)


def load_any(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig[Any]:
    """Read a config of any kind: the one that knows most of the file's keys, an experiment where none does."""
    keys = set(read(path).data or ())
    kinds: tuple[AnyLayout, ...] = (EXPERIMENT, GATE, SWEEP)
    return _load(max(kinds, key=lambda layout: len(keys & layout.schema.model_fields.keys())), path, overrides)


def show(loaded: LoadedConfig[Schema]) -> str:
    """The resolved config as YAML, each value with its origin in a comment; it loads to an equal config."""
    return annotated_yaml(loaded.config, loaded.origins)


def _load(layout: Layout[Schema], path: Path, overrides: Sequence[str]) -> LoadedConfig[Schema]:
    given, faults = override.parse(layout, overrides)
    document = read(path)
    faults += document.faults
    if document.data is None:
        raise mistake(faults)
    file_family = _family(document)
    override.apply(given, document)
    config, invalid = validate(layout, document, file_family)
    if config is None or faults:
        raise mistake([*faults, *invalid])
    return LoadedConfig(config, _origins(config, document), path)


def _family(document: Document) -> Plain:
    section = (document.data or {}).get("model")
    return section.get("family") if isinstance(section, dict) else None


def _origins(config: Section, document: Document) -> dict[str, str]:
    places = document.places
    return {dotted(keys): places[keys].label if keys in places else _DEFAULT for keys, _ in leaves(config)}
