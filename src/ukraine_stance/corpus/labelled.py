"""The user's own labelled file: columns text and label, and optionally id, group, target, fold and any others."""

import json
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ukraine_stance.corpus.splits import FOLDS, UNASSIGNED
from ukraine_stance.corpus.votes import plain_labels
from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER, TARGET
from ukraine_stance.tables import ReadOptions, are_empty, holds_json, listed, open_table

_MOST_FAULTS_SHOWN = 20
_LONGEST_QUOTED = 60
_LABELS = tuple(str(label) for label in ORDER)
_OTHER_WORDS = {
    **dict.fromkeys(("favour", "for", "pro", "support"), "favor"),
    **dict.fromkeys(("anti", "con", "contra", "oppose"), "against"),
    **dict.fromkeys(("neither", "none"), "neutral"),
}
# Columns that we read; the others are only kept.
_OURS = ("id", "text", "label", "group", "target", "fold", "contrast_group")


def read_labelled(path: Path, options: ReadOptions | None = None) -> pd.DataFrame:
    """Rows of the file with id, text, label, target, origin "user", group and fold (-1 where the file gives none).

    An id that the file lacks is `<file stem>-<row>`, a group that it lacks is the id. Its other columns are kept;
    `votes` must hold votes where it is there.
    Raises UserMistake with every fault by row number (the first 20): nothing is skipped, a figure on part of a file
    would look like one on all of it.
    """
    source = open_table(path, replace(options or ReadOptions(), adjustable=False))
    missing = [name for name in ("text", "label") if name not in source.schema.names]
    if missing:
        raise UserMistake(
            f"{path}: no column {' and no column '.join(missing)} (columns: {listed(source.schema.names)}); "
            "rename the columns that hold them"
        )
    faults: list[tuple[int, str]] = []
    rows: list[int] = []
    frames = []
    for batch in source.batches():
        faults += [(reject.row, reject.reason) for reject in batch.rejects]
        rows += batch.rows
        frames.append(_frame(batch.table))
    frame = _completed(pd.concat(frames or [_frame(source.schema.empty_table())], ignore_index=True), rows, path)
    faults += _row_faults(frame, rows)
    if faults:
        raise UserMistake("\n".join(_shown(faults, path)))
    if frame.empty:
        raise UserMistake(f"{path}: holds no rows")
    return frame.assign(fold=[int(float(value)) for value in frame["fold"]], origin="user")


def _frame(table: pa.Table) -> pd.DataFrame:
    """The table with whole numbers left whole where others are missing, and our columns as plain values."""
    frame = pd.DataFrame(table.to_pandas(integer_object_nulls=True))
    for name in set(_OURS) & set(table.column_names):
        values = table.column(name).to_pylist()
        if holds_json(table.schema.field(name)):  # one row with a number would put quotes round all the others' strings
            values = [None if value is None else json.loads(value) for value in values]
        frame[name] = pd.Series(values, dtype=object, index=frame.index)
    return frame


def _completed(frame: pd.DataFrame, rows: list[int], path: Path) -> pd.DataFrame:
    frame = frame.assign(**{name: None for name in _OURS if name not in frame})
    for name in ("id", "group", "target", "contrast_group"):
        values = [None if _blank(value) else str(value) for value in frame[name]]
        frame[name] = pd.Series(values, dtype=object, index=frame.index)
    frame["id"] = [value or f"{path.stem}-{row}" for value, row in zip(frame["id"], rows, strict=True)]
    ties = zip(frame["group"], frame["contrast_group"], frame["id"], strict=True)
    frame["group"] = [group or contrast or row_id for group, contrast, row_id in ties]
    frame["target"] = [value or TARGET for value in frame["target"]]
    frame["fold"] = [UNASSIGNED if _blank(value) else value for value in frame["fold"]]
    return frame


def _row_faults(frame: pd.DataFrame, rows: list[int]) -> list[tuple[int, str]]:
    faults: list[tuple[int, str]] = []
    seen: dict[str, int] = {}
    ids, labels, folds = (frame[name] for name in ("id", "label", "fold"))
    no_texts = are_empty(frame["text"]).to_pylist()
    for row, row_id, has_no_text, label, fold in zip(rows, ids, no_texts, labels, folds, strict=True):
        if row_id in seen:
            faults.append((row, f"id {_quoted(row_id)} stands already in row {seen[row_id]}"))
        seen.setdefault(row_id, row)
        if has_no_text:
            faults.append((row, "text is empty"))
        if label not in _LABELS:
            faults.append((row, _label_fault(label)))
        if not _is_fold(fold):
            faults.append(
                (row, f"fold is {_quoted(fold)}; give 0 (test), 1 (validation), 2 to {FOLDS - 1} (training) or nothing")
            )
    for row, votes in zip(rows, frame.get("votes", ()), strict=False):
        try:
            plain_labels(votes, "column votes")
        except UserMistake as fault:
            faults.append((row, f"{fault}; mend them, or rename the column if it holds something else"))
    return faults


def _shown(faults: list[tuple[int, str]], path: Path) -> list[str]:
    lines = [f"{path}: row {row}: {fault}" for row, fault in sorted(faults, key=lambda found: found[0])]
    more = len(lines) - _MOST_FAULTS_SHOWN
    return lines[:_MOST_FAULTS_SHOWN] + ([f"... and {more} more faults"] if more > 0 else [])


def _label_fault(label: object) -> str:
    if _blank(label):
        return "label is empty; label the statement or leave the row out"
    word = str(label).strip().lower()[:_LONGEST_QUOTED]
    near = get_close_matches(word, [*_LABELS, *_OTHER_WORDS], n=1, cutoff=0.6)
    hint = f"; did you mean {_OTHER_WORDS.get(near[0], near[0])!r}?" if near else ""
    return f"label is {_quoted(label)}, none of {', '.join(_LABELS)}{hint}"


def _quoted(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTED else f"{text[:_LONGEST_QUOTED]}..."


def _is_fold(fold: object) -> bool:
    try:
        return float(str(fold)) in range(UNASSIGNED, FOLDS)  # a nullable column of whole numbers is read as 2.0
    except ValueError:
        return False


def _blank(value: object) -> bool:
    return value is None or value != value or not str(value).strip()  # NaN is what a null of pandas may be
