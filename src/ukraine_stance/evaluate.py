"""Evaluate or compare trained models, on the data they were trained for or on a labelled file."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from ukraine_stance import classifier, tracking
from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.config import DataConfig
from ukraine_stance.corpus import dataset
from ukraine_stance.corpus.labelled import read_labelled
from ukraine_stance.corpus.splits import normalised
from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation import behaviour
from ukraine_stance.evaluation.results import Evaluation, compare, gold_columns, measure, predicted_columns
from ukraine_stance.evaluation.slices import Slice, slice_columns, slices
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.labels import ORDER
from ukraine_stance.project import Project
from ukraine_stance.tables import ReadOptions

_HELD_OUT = ("test", "articles")


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask of which models; without `data`, on what all of them held out.

    samples and level make the intervals, whose seed is the first model's own where none is given. cases are folders of
    behavioural tests that every model is put to; by are columns to slice by besides ours.
    """

    names: tuple[str, ...]
    data: Path | None = None
    samples: int = 2000
    level: float = 0.95
    seed: int | None = None
    cases: tuple[Path, ...] = ()
    by: tuple[str, ...] = ()


def evaluate(project: Project, asked: Question) -> Evaluation:
    """Score one or several models on the same statements, and compare every two.

    Raises UserMistake when a name is no model, a file cannot be used, or the models held out no common statement.
    """
    suites = behaviour.read_suites(*asked.cases)
    loaded = [classifier.load(tracking.model_folder(project, name)) for name in asked.names]
    shown = _short_names(asked.names, loaded)
    seed = int(loaded[0].trained_on.get("seed", 0)) if asked.seed is None else asked.seed
    how = Resampling(asked.samples, asked.level, seed)
    parts, warnings = (
        _file_part(project, asked.data, loaded, shown) if asked.data else _held_out(project, loaded, shown)
    )
    results, comparisons = [], []
    sliced: list[list[Slice]] = [[] for _ in loaded]
    predictions: dict[str, list[pd.DataFrame]] = {}
    for part, rows in parts.items():
        scores = [model.score(list(rows["text"]), list(rows["target"])) for model in loaded]
        predictions[part] = scores
        results += [measure(part, rows, one, how) for one in scores]
        comparisons += compare(part, rows, list(zip(shown, scores, strict=True)), how)
        columns = slice_columns(rows, asked.by)
        for found, one in zip(sliced, scores, strict=True):
            found += slices(part, rows, gold_columns(rows), predicted_columns(one), columns, how)
    return Evaluation(
        names=tuple(shown),
        model_ids=tuple(model.model_id for model in loaded),
        results=tuple(results),
        comparisons=tuple(comparisons),
        rows=parts,
        predictions=predictions,
        warnings=tuple(warnings),
        behaviour=tuple(tuple(behaviour.run(suites, partial(_labels, model))) for model in loaded) if suites else (),
        slices=tuple(map(tuple, sliced)),
    )


def _labels(model: StanceClassifier, texts: Sequence[str]) -> list[str]:
    """The model's most probable label for each text, also where it abstains."""
    return [str(ORDER[column]) for column in predicted_columns(model.score(texts))]


def _file_part(
    project: Project, path: Path, loaded: Sequence[StanceClassifier], names: Sequence[str]
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    rows = read_labelled(path, ReadOptions())
    warnings = [
        warning for model, name in zip(loaded, names, strict=True) if (warning := _seen(project, rows, model, name))
    ]
    if rows["group"].nunique() == len(rows):
        warnings.append(f"{path}: no two rows share a group; if several come from one article, add a column 'group'")
    return {path.name: rows}, warnings


def _seen(project: Project, rows: pd.DataFrame, model: StanceClassifier, name: str) -> str | None:
    """A warning where the model learned from, or was tuned on, statements that it is now tested on."""
    try:
        frame = dataset.load(project, _data_config(model)).frame
    except UserMistake as fault:
        return f"{name}: whether it has seen these statements in training cannot be told ({fault})"
    learned = {normalised(text) for text in frame.loc[frame["part"].isin(("train", "validation")), "text"]}
    seen = sum(normalised(text) in learned for text in rows["text"])
    return (
        f"{name}: has seen {seen} of these {len(rows)} statements in training: its figures are too good"
        if seen
        else None
    )


def _data_config(model: StanceClassifier) -> DataConfig:
    return DataConfig.model_validate(model.trained_on["data"], strict=False)


def _held_out(
    project: Project, loaded: Sequence[StanceClassifier], names: Sequence[str]
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Test rows, and article rows, that no model learned from or was tuned on."""
    parts: dict[str, pd.DataFrame] = {}
    sizes = dict.fromkeys(_HELD_OUT, 0)
    warnings = []
    for model, name in zip(loaded, names, strict=True):
        data = dataset.load(project, _data_config(model))
        if data.learned_sha256 != model.trained_on["sha256"]:
            warnings.append(f"{name}: its training rows have changed since; it may have seen some of these statements")
        for part in _HELD_OUT:
            rows = data.part(part)
            sizes[part] = max(sizes[part], len(rows))
            if part in parts:
                rows = parts[part][parts[part]["id"].isin(rows["id"])].reset_index(drop=True)
            parts[part] = rows
    for part, rows in parts.items():
        if len(rows) < sizes[part]:
            warnings.append(f"{part}: only {len(rows)} of {sizes[part]} statements were held out by every model")
    if parts["test"].empty:
        raise UserMistake("the models hold out no common statement; give a labelled file with --data")
    return {part: rows for part, rows in parts.items() if not rows.empty}, warnings


def _short_names(names: Sequence[str], loaded: Sequence[StanceClassifier]) -> list[str]:
    """Last part of each path where that tells the models apart, else the name as given."""
    short = [name if ":/" in name else Path(name).name for name in names]
    return (
        short if len(set(short)) == len(short) else [f"{n} ({m.model_id})" for n, m in zip(short, loaded, strict=True)]
    )
