"""A sweep beside its experiment: whether the experiment takes what the sweep would try, and the config of a trial."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from ukraine_stance.config.faults import Fault, Keys, Place, mistake
from ukraine_stance.config.gate import GATE
from ukraine_stance.config.loading import LoadedConfig, attempt, load, load_kind
from ukraine_stance.config.schema import EXPERIMENT, AnyLayout, ExperimentConfig
from ukraine_stance.config.sweep import SWEEP, SweepConfig
from ukraine_stance.config.yaml_source import read
from ukraine_stance.project import config_file

# Of a sweep that was read from no file.
_NOWHERE = Place(0, 0, 0, "")


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """What a sweep tries of its experiment, which takes every end and choice of it; base is the experiment as it is."""

    wanted: SweepConfig
    base: ExperimentConfig

    def is_whole(self, key: str) -> bool:
        """Whether a key of a range takes whole numbers alone: its type says so, not how the ends are written."""
        section, name = key.split(".")
        return not _takes_fractions(type(getattr(self.base, section)).model_fields[name].annotation)

    def experiments_of(self, name: str) -> list[ExperimentConfig]:
        """The experiment with each choice for keys of a name; as it is where there are none."""
        found = [
            self.experiment({key: json.dumps(choice)})
            for key, choices in self.wanted.choices.items()
            if key.partition(".")[2] == name
            for choice in choices
        ]
        return found or [self.base]

    def experiment(self, values: Mapping[str, str]) -> ExperimentConfig:
        """The experiment with values, in words of `--set`, laid over it. Raises UserMistake as `load` does."""
        return load(_file(self.wanted), [f"{key}={text}" for key, text in values.items()]).config


def load_sweep(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig[SweepConfig]:
    """Read what a sweep tries, as `load` reads an experiment, and hold it against its experiment."""
    loaded, document = load_kind(SWEEP, path, overrides)
    search_space(loaded.config, document.places)
    return loaded


def load_any(path: Path, overrides: Sequence[str] = ()) -> LoadedConfig[Any]:
    """Read a config of any kind: the one that knows most of the file's keys, an experiment where none does."""
    keys = set(read(path).data or ())
    kinds: tuple[AnyLayout, ...] = (EXPERIMENT, GATE, SWEEP)
    kind = max(kinds, key=lambda layout: len(keys & layout.schema.model_fields.keys()))
    return load_sweep(path, overrides) if kind is SWEEP else load_kind(kind, path, overrides)[0]


def search_space(wanted: SweepConfig, places: Mapping[Keys, Place] | None = None) -> SearchSpace:
    """The space of a sweep; places is where its keys were written, for the words about faults.

    Raises UserMistake with every fault of the experiment, or else with every key and value that it does not take.
    """
    known = places or {}
    base, _, of_base = attempt(EXPERIMENT, _file(wanted), ())
    if base is None:
        place = known.get(("config",), _NOWHERE)
        raise mistake(Fault(place, "config", str(fault)) for fault in of_base)
    faults = []
    for group, key, text in _extremes(wanted):
        place = known.get((group, key), _NOWHERE)
        for fault in attempt(EXPERIMENT, _file(wanted), [f"{key}={text}"])[2]:
            inside = "" if fault.key == key else f"{fault.key}: "
            faults.append(Fault(place, f"{group}.{key}", f"{inside}{fault.text}"))
    if faults:
        raise mistake(faults)
    return SearchSpace(wanted, base)


def _takes_fractions(kind: object) -> bool:
    return kind is float or any(_takes_fractions(inner) for inner in get_args(kind))


def _file(wanted: SweepConfig) -> Path:
    return config_file(Path(wanted.config))


def _extremes(wanted: SweepConfig) -> Iterator[tuple[str, str, str]]:
    """Section and key of the sweep with each end and choice, in words of `--set`."""
    for group, ranges in (("uniform", wanted.uniform), ("log_uniform", wanted.log_uniform)):
        yield from ((group, key, repr(end)) for key, ends in ranges.items() for end in ends)
    yield from (("choices", key, json.dumps(choice)) for key, choices in wanted.choices.items() for choice in choices)
