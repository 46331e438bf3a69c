"""From a file and overrides to a config, or to one error that holds every fault."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from ukraine_stance.config import overrides as override
from ukraine_stance.config.emission import annotated_yaml, leaves
from ukraine_stance.config.faults import Fault, Plain, dotted, mistake
from ukraine_stance.config.gate import GATE, GateConfig
from ukraine_stance.config.schema import EXPERIMENT, ExperimentConfig, Layout, Schema, Section
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
    return load_kind(EXPERIMENT, path, overrides)[0]


def load_gate(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig[GateConfig]:
    """Read the rules of the gate, as `load` reads an experiment."""
    return load_kind(GATE, path, overrides)[0]


def show(loaded: LoadedConfig[Schema]) -> str:
    """The resolved config as YAML, each value with its origin in a comment; it loads to an equal config."""
    return annotated_yaml(loaded.config, loaded.origins)


def load_kind(layout: Layout[Schema], path: Path, overrides: Sequence[str]) -> tuple[LoadedConfig[Schema], Document]:
    """A config of one kind and the document that it was read from. Raises UserMistake as `load` does."""
    config, document, faults = attempt(layout, path, overrides)
    if config is None:
        raise mistake(faults)
    return LoadedConfig(config, _origins(config, document), path), document


def attempt(
    layout: Layout[Schema], path: Path, overrides: Sequence[str]
) -> tuple[Schema | None, Document, list[Fault]]:
    """A config of one kind, None where there are faults, with the document that it was read from and the faults."""
    given, faults = override.parse(layout, overrides)
    document = read(path)
    faults += document.faults
    if document.data is None:
        return None, document, faults
    file_family = _family(document)
    override.apply(given, document)
    config, invalid = validate(layout, document, file_family)
    faults += invalid
    return None if faults else config, document, faults


def _family(document: Document) -> Plain:
    section = (document.data or {}).get("model")
    return section.get("family") if isinstance(section, dict) else None


def _origins(config: Section, document: Document) -> dict[str, str]:
    places = document.places
    return {dotted(keys): places[keys].label if keys in places else _DEFAULT for keys, _ in leaves(config)}
