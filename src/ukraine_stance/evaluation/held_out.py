"""Which statements models may be judged on: what all of them held out, or a labelled file of the user's."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.config import DataConfig
from ukraine_stance.corpus import dataset
from ukraine_stance.corpus.labelled import read_labelled
from ukraine_stance.corpus.splits import normalised
from ukraine_stance.errors import UserMistake
from ukraine_stance.project import Project
from ukraine_stance.tables import ReadOptions

_HELD_OUT = ("test", "articles")

# Parts by name, and what a reader must know about them before any figure.
Parts = tuple[dict[str, pd.DataFrame], list[str]]


def parts_of_file(
    project: Project, path: Path, models: Sequence[StanceClassifier], names: Sequence[str], unseen: bool = False
) -> Parts:
    """The rows of a labelled file as one part that bears the file's name; warns where a model has learned from them.

    Raises UserMistake as `read_labelled` does, and with `unseen` where a model has learned from some of them or
    that cannot be told.
    """
    rows = read_labelled(path, ReadOptions())
    seen: list[str] = []
    warnings: list[str] = []
    for model, name in zip(models, names, strict=True):
        known, said = _seen(project, rows, model, name)
        (seen if known else warnings).extend([said] if said else [])
    if seen and unseen:
        raise UserMistake("\n".join(f"{one}; take them out of {path}" for one in seen))
    if warnings and unseen:
        raise UserMistake("\n".join(warnings))
    warnings = seen + warnings
    if unseen and (rows["group"] == rows["id"]).all():
        raise UserMistake(
            f"{path}: no row names its group, by which the gate counts; fill a column 'group' with the article or page "
            "of each"
        )
    warnings += _about_targets(path, rows, models, names) + _about_doubles(path, rows)
    if rows["group"].nunique() == len(rows):
        warnings.append(f"{path}: no two rows share a group; if several come from one article, add a column 'group'")
    elif alone := int((rows["group"] == rows["id"]).sum()):
        warnings.append(f"{path}: {alone} of {len(rows)} rows give no group: each counts as an article of its own")
    return {path.name: rows}, warnings


def _about_targets(
    path: Path, rows: pd.DataFrame, models: Sequence[StanceClassifier], names: Sequence[str]
) -> list[str]:
    foreign = [
        (name, model.target, int((rows["target"] != model.target).sum()))
        for model, name in zip(models, names, strict=True)
    ]
    return [
        f"{path}: {count} of {len(rows)} rows are about another target than {name} was trained for ({target}); the "
        "figures mix them (--by target tells them apart)"
        for name, target, count in foreign
        if count
    ]


def _about_doubles(path: Path, rows: pd.DataFrame) -> list[str]:
    labels = rows.groupby([rows["text"].map(normalised), "target"])["label"].nunique()
    count = int((labels > 1).sum())
    return (
        [f"{path}: {count} texts stand there with two labels; one of them is wrong whatever a model says"]
        if count
        else []
    )


def held_out_parts(
    project: Project, models: Sequence[StanceClassifier], names: Sequence[str], unseen: bool = False
) -> Parts:
    """Test rows, and article rows, that no model learned from or was tuned on.

    Raises UserMistake when the dataset cannot be loaded as a model had it, or the models share no test row, and with
    `unseen` where a model may have learned from some because its training rows are no longer those of the dataset.
    """
    parts: dict[str, pd.DataFrame] = {}
    sizes = dict.fromkeys(_HELD_OUT, 0)
    warnings = []
    for model, name in zip(models, names, strict=True):
        try:
            data = dataset_of(project, model)
        except UserMistake as fault:
            raise UserMistake(f"{name}: {fault}") from fault
        if data.learned_sha256 != model.trained_on.get("sha256"):
            warnings.append(f"{name}: its training rows have changed since; it may have seen some of these statements")
        for part in _HELD_OUT:
            rows = data.part(part)
            sizes[part] = max(sizes[part], len(rows))
            if part in parts:
                rows = parts[part][parts[part]["id"].isin(rows["id"])].reset_index(drop=True)
            parts[part] = rows
    if warnings and unseen:
        raise UserMistake(
            "\n".join(
                f"{one}: train it again, or give a labelled file that it has not seen with --data" for one in warnings
            )
        )
    for part, rows in parts.items():
        if len(rows) < sizes[part]:
            warnings.append(f"{part}: only {len(rows)} of {sizes[part]} statements were held out by every model")
    if parts["test"].empty:
        raise UserMistake("the models hold out no common statement; give a labelled file with --data")
    return {part: rows for part, rows in parts.items() if not rows.empty}, warnings


def dataset_of(project: Project, model: StanceClassifier) -> dataset.Dataset:
    """The dataset that a model was trained on, as it is now. Raises UserMistake as `dataset.load` does."""
    return dataset.load(project, _data_config(model))


def _seen(project: Project, rows: pd.DataFrame, model: StanceClassifier, name: str) -> tuple[bool, str]:
    """Whether the model is known to have learned from statements that it is now tested on, and a warning or ""."""
    try:
        frame = dataset_of(project, model).frame
    except UserMistake as fault:
        return False, f"{name}: whether it has seen these statements in training cannot be told ({fault})"
    learned = {normalised(text) for text in frame.loc[frame["part"].isin(("train", "validation")), "text"]}
    seen = sum(normalised(text) in learned for text in rows["text"])
    said = f"{name}: has seen {seen} of these {len(rows)} statements in training: its figures are too good"
    return bool(seen), said if seen else ""


def _data_config(model: StanceClassifier) -> DataConfig:
    try:
        return DataConfig.model_validate(model.trained_on["data"], strict=False)
    except (KeyError, ValidationError) as fault:
        raise UserMistake(f"model {model.model_id} does not tell in model.json what data it was trained on") from fault
