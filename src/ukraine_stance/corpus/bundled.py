"""The statements that come with the project: data/statements/*.jsonl, checked row by row."""

import json
from datetime import date as calendar_date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ukraine_stance.corpus.votes import latest_labels, majority
from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ASPECTS

_Label = Literal["favor", "against", "neutral"]
_MOST_FAULTS_SHOWN = 20


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class VoteRow(_Strict):
    """One coder's label under one version of the codebook."""

    coder: Annotated[str, Field(min_length=1)]
    label: _Label
    codebook_version: str


class StatementRow(_Strict):
    """One row of data/statements/; `label` is the label that most votes name."""

    id: Annotated[str, Field(pattern=r"^[a-z]+[0-9]+$")]
    text: Annotated[str, Field(min_length=1)]
    label: _Label
    holder: str
    aspect: str
    kind: Literal["reported", "constructed"]
    topic: Literal["on", "off"]
    hard_case: Annotated[int, Field(ge=1, le=17)] | None
    contrast_group: str | None
    year: int | None
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None
    outlet: str | None
    source: str | None
    votes: Annotated[list[VoteRow], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.label != majority(latest_labels(self.votes).values()):
            raise ValueError(f"label {self.label} is not the one that most votes name")
        if self.aspect not in ASPECTS:
            raise ValueError(f"aspect {self.aspect!r} is none of {', '.join(ASPECTS)}")
        if self.kind == "reported" and not self.source:
            raise ValueError("a reported statement needs the address of its page in source")
        if not self.text.strip():
            raise ValueError("text is empty")
        if self.date is not None:
            calendar_date.fromisoformat(self.date)
        if self.topic == "off" and self.label != "neutral":
            raise ValueError("a statement about something else is neutral")
        return self

    @property
    def group(self) -> str:
        """What folds never split: the page a statement comes from, else its contrast group, else the row itself."""
        return self.source or self.contrast_group or self.id


def read_statements(folder: Path) -> list[StatementRow]:
    """Rows of every .jsonl file of the folder, in name order.

    Raises UserMistake with every fault, one `file:line: fault` per line (the first 20, and how many more).
    """
    rows: dict[str, StatementRow] = {}
    faults: list[str] = []
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            if not line.strip():
                continue
            try:
                row = StatementRow.model_validate(json.loads(line))
                if row.id in rows:
                    raise ValueError(f"id {row.id} stands twice")
                rows[row.id] = row
            except ValueError as fault:
                faults.append(f"{path}:{number}: {_said(fault)}")
    if faults:
        more = len(faults) - _MOST_FAULTS_SHOWN
        tail = [f"... and {more} more faults"] if more > 0 else []
        raise UserMistake("\n".join(faults[:_MOST_FAULTS_SHOWN] + tail))
    if not rows:
        raise UserMistake(f"{folder}: holds no statements (*.jsonl)")
    return list(rows.values())


def _said(fault: ValueError) -> str:
    if not isinstance(fault, ValidationError):
        return str(fault)
    return "; ".join(_one(error) for error in fault.errors())


def _one(error: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    where = ".".join(map(str, error["loc"]))
    said = str(error.get("ctx", {}).get("error", error["msg"]))  # our own ValueError without pydantic's prefix
    return f"{where}: {said}" if where else said
