"""The user's own labelled file: columns text and label, and optionally id, group, target, fold and any others."""

from difflib import get_close_matches
from pathlib import Path

import pandas as pd

from ukraine_stance.corpus.splits import FOLDS, UNASSIGNED
from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER, TARGET
from ukraine_stance.tables import ReadOptions, open_table

_MOST_FAULTS_SHOWN = 20
_LABELS = tuple(str(label) for label in ORDER)


def read_labelled(path: Path, options: ReadOptions | None = None) -> pd.DataFrame:
    """Rows of the file with id, text, label, target, origin "user", group and fold (-1 where the file gives none).

    An id that the file lacks is `<file stem>-<row>`, a group that it lacks is the id. Its other columns are kept.
    Raises UserMistake with every fault by row number (the first 20): nothing is skipped, a figure on part of a file
    would look like one on all of it.
    """
    source = open_table(path, options)
    missing = [name for name in ("text", "label") if name not in source.schema.names]
    if missing:
        raise UserMistake(
            f"{path}: no column {' and no column '.join(missing)} (columns: {', '.join(source.schema.names)})"
        )
    faults: list[str] = []
    frames = []
    for batch in source.batches():
        faults += [f"{path}: row {reject.row}: {reject.reason}" for reject in batch.rejects]
        frames.append(batch.table.to_pandas().assign(_row=list(batch.rows)))
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"text": [], "label": [], "_row": []})
    frame = _completed(frame, path)
    faults += [f"{path}: row {row}: {fault}" for row, fault in _row_faults(frame)]
    if faults:
        more = len(faults) - _MOST_FAULTS_SHOWN
        raise UserMistake(
            "\n".join(faults[:_MOST_FAULTS_SHOWN] + ([f"... and {more} more faults"] if more > 0 else []))
        )
    if frame.empty:
        raise UserMistake(f"{path}: holds no rows")
    return frame.drop(columns="_row").assign(fold=[int(float(value)) for value in frame["fold"]], origin="user")


def _completed(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    defaults = {"id": None, "group": None, "target": TARGET, "fold": UNASSIGNED}
    frame = frame.assign(**{name: value for name, value in defaults.items() if name not in frame})
    for name in ("id", "group", "target"):
        values = [None if _blank(value) else str(value) for value in frame[name]]
        frame[name] = pd.Series(values, dtype=object, index=frame.index)
    frame["id"] = [value or f"{path.stem}-{row}" for value, row in zip(frame["id"], frame["_row"], strict=True)]
    frame["group"] = [value or row_id for value, row_id in zip(frame["group"], frame["id"], strict=True)]
    frame["target"] = [value or TARGET for value in frame["target"]]
    frame["fold"] = [UNASSIGNED if _blank(value) else value for value in frame["fold"]]
    return frame


def _row_faults(frame: pd.DataFrame) -> list[tuple[int, str]]:
    faults: list[tuple[int, str]] = []
    seen: dict[str, int] = {}
    columns = (frame[name] for name in ("_row", "id", "text", "label", "fold"))
    for row, row_id, text, label, fold in zip(*columns, strict=True):
        if row_id in seen:
            faults.append((row, f"id {row_id} stands already in row {seen[row_id]}"))
        seen.setdefault(row_id, row)
        if _blank(text):
            faults.append((row, "text is empty"))
        if label not in _LABELS:
            faults.append((row, _label_fault(label)))
        if not _is_fold(fold):
            faults.append(
                (row, f"fold is {fold!r}; give 0 (test), 1 (validation), 2 to {FOLDS - 1} (training) or nothing")
            )
    return faults


def _label_fault(label: object) -> str:
    if _blank(label):
        return "label is empty; label the statement or leave the row out"
    near = get_close_matches(str(label).lower(), [*_LABELS, "favour"], n=1, cutoff=0.6)
    hint = f"; did you mean {near[0].replace('favour', 'favor')!r}?" if near else ""
    return f"label is {label!r}, none of {', '.join(_LABELS)}{hint}"


def _is_fold(fold: object) -> bool:
    try:
        return float(str(fold)) in range(UNASSIGNED, FOLDS)  # a nullable column of whole numbers is read as 2.0
    except ValueError:
        return False


def _blank(value: object) -> bool:
    return value is None or value != value or not str(value).strip()  # NaN is what a null of pandas may be
