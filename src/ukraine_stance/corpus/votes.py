"""Votes of coders: the label that most name, and votes in the forms in which files hold them."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER
from ukraine_stance.tables import ReadOptions, listed, open_table

_LABELS = tuple(str(label) for label in ORDER)


class CodersVote(Protocol):
    """One coder's label under one version of the codebook."""

    @property
    def coder(self) -> str: ...  # noqa: D102
    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def codebook_version(self) -> str: ...  # noqa: D102


def latest_labels(votes: Iterable[CodersVote]) -> dict[str, str]:
    """Label by coder: who labelled again under a later codebook has one vote, the later."""
    by_version = sorted(votes, key=lambda vote: _version(vote.codebook_version))
    return {vote.coder: vote.label for vote in by_version}


def majority(labels: Iterable[str]) -> str | None:
    """The label named most; None where two are named as often, or none is."""
    ranked = Counter(labels).most_common()
    return None if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]) else ranked[0][0]


def plain_labels(value: Any, where: str) -> dict[str, str]:  # noqa: ANN401 - a cell of a file
    """Label by coder of a cell `votes`: a list of {coder, label, codebook_version}, or that as JSON; empty for none.

    Raises UserMistake, beginning with `where`, for anything else, and for two votes of one coder under one version.
    """
    try:
        value = json.loads(value) if isinstance(value, str) and value else value
        if value is None or (isinstance(value, float) and value != value) or not len(value):
            return {}
        found = sorted(value, key=lambda vote: _version(str(vote.get("codebook_version", ""))))
        labels = {str(vote["coder"]): str(vote["label"]) for vote in found}
        given = Counter((str(vote["coder"]), str(vote.get("codebook_version", ""))) for vote in found)
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        raise UserMistake(f"{where}: votes are no list of {{coder, label, codebook_version}}") from fault
    strange = sorted(set(labels.values()) - set(_LABELS))
    if strange:
        raise UserMistake(f"{where}: a vote is {strange[0]!r}, none of {', '.join(_LABELS)}")
    doubled = [coder for (coder, _), times in given.items() if times > 1]
    if doubled:
        raise UserMistake(f"{where}: {doubled[0]} has two votes under one version of the codebook; keep one")
    return labels


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


def read_votes(path: Path) -> pd.DataFrame:
    """Statements with the votes of their coders: columns `id`, `text`, `group`, `votes` and the file's others.

    The file has one row for each statement and a column `votes`, as `stance data import` writes it, or one row for
    each vote and the columns `id`, `coder` and `label`. A group that it lacks is the id. Raises UserMistake, naming
    file and row, for rows that cannot be read, a vote without a label, or a coder who labels a statement twice.
    """
    source = open_table(path, ReadOptions(adjustable=False))
    rows: list[tuple[int, dict[str, Any]]] = []
    for batch in source.batches():
        for reject in batch.rejects:
            raise UserMistake(f"{path}: row {reject.row}: {reject.reason}; mend it, agreement needs every vote")
        rows += zip(batch.rows, batch.table.to_pylist(), strict=True)
    names = set(source.schema.names)
    if {"id", "coder", "label"} <= names and "votes" not in names:
        rows = _gathered(rows, path)
    elif not {"id", "votes"} <= names:
        raise UserMistake(
            f"{path}: no columns id and votes, nor id, coder and label (columns: {listed(source.schema.names)})"
        )
    if not rows:
        raise UserMistake(f"{path}: holds no rows")
    frame = pd.DataFrame([row for _, row in rows])
    for (number, _), cell in zip(rows, frame["votes"], strict=True):
        plain_labels(cell, f"{path}: row {number}")
    if frame["id"].duplicated().any():
        raise UserMistake(f"{path}: id {frame['id'][frame['id'].duplicated()].iloc[0]} stands twice")
    group = frame["group"] if "group" in frame else pd.Series([None] * len(frame), dtype=object)
    return frame.assign(
        group=group.where(group.notna() & (group != ""), frame["id"]).astype(str),
        text=frame["text"] if "text" in frame else "",
    )


def _gathered(rows: list[tuple[int, dict[str, Any]]], path: Path) -> list[tuple[int, dict[str, Any]]]:
    """One row for each statement, from one row for each vote."""
    found: dict[str, tuple[int, dict[str, Any]]] = {}
    for number, row in rows:
        label, coder = row.pop("label"), row.pop("coder")
        if label not in _LABELS or not coder or row["id"] in (None, ""):
            raise UserMistake(
                f"{path}: row {number}: needs an id, a coder and a label, one of {', '.join(_LABELS)}; found "
                f"{row['id']!r}, {coder!r}, {label!r}"
            )
        earlier, first = found.setdefault(str(row["id"]), (number, {**row, "id": str(row["id"]), "votes": []}))
        for name in ("text", "group"):
            if row.get(name) != first.get(name):
                raise UserMistake(f"{path}: row {number}: another {name} of {row['id']} than in row {earlier}")
        version = str(row.get("codebook_version") or "")
        if any((vote["coder"], vote["codebook_version"]) == (str(coder), version) for vote in first["votes"]):
            raise UserMistake(f"{path}: row {number}: {coder} labelled {row['id']} already")
        first["votes"].append({"coder": str(coder), "label": label, "codebook_version": version})
    return list(found.values())
