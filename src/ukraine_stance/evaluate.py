"""Evaluate or compare trained models, on the data they were trained for or on a labelled file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ukraine_stance import classifier, tracking
from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.config import FieldShares
from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation import behaviour
from ukraine_stance.evaluation.assessment import Measures, assess
from ukraine_stance.evaluation.held_out import held_out_parts, parts_of_file
from ukraine_stance.evaluation.results import Evaluation
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.labels import FIELD_SHARES
from ukraine_stance.project import Project


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask of which models; without `data`, on what all of them held out.

    samples and level make the intervals, whose seed is the first model's own where none is given. cases are folders of
    behavioural tests that every model is put to; by are columns to slice by besides ours; shortcuts are those of
    evaluation.shortcuts; field_shares are the labels' shares, in labels.ORDER, in the text that the models are for;
    explained is how many of the most confident mistakes are explained word by word.
    """

    names: tuple[str, ...]
    data: Path | None = None
    samples: int = 2000
    level: float = 0.95
    seed: int | None = None
    cases: tuple[Path, ...] = ()
    by: tuple[str, ...] = ()
    shortcuts: bool = True
    field_shares: FieldShares = FIELD_SHARES
    explained: int = 0


def evaluate(project: Project, asked: Question) -> Evaluation:
    """Score one or several models on the same statements, and compare every two.

    Raises UserMistake when a name is no model, two name the same one, a file cannot be used, or the models held out no
    common statement.
    """
    suites = behaviour.read_suites(*asked.cases)
    loaded = [classifier.load(tracking.model_folder(project, name)) for name in asked.names]
    _refuse_doubled(asked.names, loaded)
    shown = _short_names(asked.names, loaded)
    seed = int(loaded[0].trained_on.get("seed", 0)) if asked.seed is None else asked.seed
    parts, warnings = (
        parts_of_file(project, asked.data, loaded, shown) if asked.data else held_out_parts(project, loaded, shown)
    )
    how = Resampling(asked.samples, asked.level, seed)
    wanted = Measures(how, tuple(suites), asked.by, asked.shortcuts, asked.field_shares, asked.explained)
    return assess(loaded, shown, parts, wanted, warnings)


def _refuse_doubled(names: Sequence[str], loaded: Sequence[StanceClassifier]) -> None:
    first: dict[str, str] = {}
    for name, model in zip(names, loaded, strict=True):
        if model.model_id in first:
            raise UserMistake(f"{first[model.model_id]} and {name} are the same model ({model.model_id}); name it once")
        first[model.model_id] = name


def _short_names(names: Sequence[str], loaded: Sequence[StanceClassifier]) -> list[str]:
    """Last part of each path where that tells the models apart, else the name as given."""
    short = [name if ":/" in name else Path(name).name for name in names]
    return (
        short if len(set(short)) == len(short) else [f"{n} ({m.model_id})" for n, m in zip(short, loaded, strict=True)]
    )
