"""A statement on its way to coders and back, whatever the tool."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER

LABELS = tuple(str(label) for label in ORDER)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a model says of a statement, shown to the coder: confidence is the label's probability."""

    label: str
    confidence: float
    model_id: str


@dataclass(frozen=True, slots=True)
class Task:
    """One statement to label; columns are what else its row holds, as JSON values."""

    statement_id: str
    text: str
    columns: dict[str, Any] = field(default_factory=dict)
    suggestion: Suggestion | None = None


@dataclass(frozen=True, slots=True)
class Labelling:
    """One statement come back, with the label of each coder who gave one; `where` names it in its file."""

    statement_id: str
    text: str
    columns: dict[str, Any]
    labels: dict[str, str]
    where: str


def packed(columns: dict[str, Any]) -> str:
    """The other columns of a row as one JSON text; a date or another value that JSON lacks is its text."""
    return json.dumps(columns, ensure_ascii=False, default=str)


def labelling(where: str, found: dict[str, Any], text: Any, labels: dict[str, str]) -> Labelling:  # noqa: ANN401
    """A labelling from what a tool kept of a task: `statement_id`, and `columns` where it has any.

    Raises UserMistake when the task is not one of ours or a label is none of the three.
    """
    statement_id, columns = found.get("statement_id"), found.get("columns") or "{}"
    if not isinstance(statement_id, str) or not isinstance(text, str):
        raise UserMistake(
            f"{where}: no statement_id and text; only tasks that `stance data tasks` wrote can be read back"
        )
    for coder, label in labels.items():
        if label not in LABELS:
            raise UserMistake(f"{where}: {coder} labelled {label!r}, none of {', '.join(LABELS)}")
    try:
        return Labelling(statement_id, text, dict(json.loads(columns)), labels, where)
    except (ValueError, TypeError) as fault:
        raise UserMistake(f"{where}: its columns are not the JSON that `stance data tasks` wrote") from fault


def json_array(path: Path, tool: str, read: Callable[[str, dict[str, Any]], Labelling]) -> list[Labelling]:
    """What `read` makes of each object of a JSON array and its place.

    Raises UserMistake when the file holds anything else, or an object of it is not as `read` expects.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as fault:
        raise UserMistake(f"{path}: cannot be read ({fault.strerror or fault})") from fault
    except ValueError as fault:
        raise UserMistake(f"{path}: not JSON ({fault}); export as JSON from {tool}") from fault
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise UserMistake(f"{path}: not a JSON array of objects; export as JSON from {tool}")
    return [_read(f"{path}: task {number}", value, tool, read) for number, value in enumerate(values, start=1)]


def _read(where: str, value: dict[str, Any], tool: str, read: Callable[[str, dict[str, Any]], Labelling]) -> Labelling:
    try:
        return read(where, value)
    except (AttributeError, KeyError, TypeError) as fault:
        raise UserMistake(f"{where}: not as exported ({fault}); export as JSON from {tool}") from fault
