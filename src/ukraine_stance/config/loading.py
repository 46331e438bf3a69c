"""From a file and overrides to a config, or to one error that holds every fault."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ukraine_stance.config import overrides as override
from ukraine_stance.config.emission import annotated_yaml, leaves
from ukraine_stance.config.faults import Plain, dotted, mistake
from ukraine_stance.config.schema import ExperimentConfig
from ukraine_stance.config.validation import validate
from ukraine_stance.config.yaml_source import Document, read

_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A config and where each of its values comes from.

    origins maps every dotted key to `file:line:column`, `--set key=value` or `default`.
    """

    config: ExperimentConfig
    origins: dict[str, str]
    path: Path


def load(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Read a config file and lay `a.b=value` overrides over it.

    Raises UserMistake with every fault of the file and of the overrides, a line each, the file's first and by position.
    """
    given, faults = override.parse(overrides)
    document = read(path)
    faults += document.faults
    if document.data is None:
        raise mistake(faults)
    file_family = _family(document)
    override.apply(given, document)
    config, invalid = validate(document, file_family)
    if config is None or faults:
        raise mistake([*faults, *invalid])
    return LoadedConfig(config, _origins(config, document), path)


def show(loaded: LoadedConfig) -> str:
    """The resolved config as YAML, each value with its origin in a comment; it loads to an equal config."""
    return annotated_yaml(loaded.config, loaded.origins)


def _family(document: Document) -> Plain:
    section = (document.data or {}).get("model")
    return section.get("family") if isinstance(section, dict) else None


def _origins(config: ExperimentConfig, document: Document) -> dict[str, str]:
    places = document.places
    return {dotted(keys): places[keys].label if keys in places else _DEFAULT for keys, _ in leaves(config)}
