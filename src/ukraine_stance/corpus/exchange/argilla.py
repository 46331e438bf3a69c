"""Argilla 2: records as `dataset.records.from_json` reads and `dataset.records.to_json` writes them.

The dataset needs a text field `text`, a label question `stance` with our three labels, and `allow_extra_metadata=True`.
"""

import json
from pathlib import Path
from typing import Any

from ukraine_stance.corpus.exchange.tasks import Labelling, Task, json_array, labelling, packed
from ukraine_stance.errors import UserMistake

_QUESTION = "stance"


def tasks(found: list[Task]) -> dict[str, str]:
    """The records' file, in ASCII: the library reads and writes it in the encoding of the machine."""
    return {"": json.dumps([_record(task) for task in found], indent=1)}


def labellings(path: Path) -> list[Labelling]:
    """Statements of a file of records; a coder is the id of an Argilla user.

    The file does not say which responses are drafts: discard or submit them before exporting.
    """
    return json_array(path, "Argilla (dataset.records.to_json)", _labelling)


def _record(task: Task) -> dict[str, Any]:
    suggestions = {}
    if task.suggestion is not None:
        found = task.suggestion
        suggestions[_QUESTION] = {"value": found.label, "score": found.confidence, "agent": found.model_id}
    return {
        "id": task.statement_id,
        "fields": {"text": task.text},
        "metadata": {"statement_id": task.statement_id, "columns": packed(task.columns)},
        "suggestions": suggestions,
        "responses": {},
        "vectors": {},
    }


def _labelling(where: str, record: dict[str, Any]) -> Labelling:
    fields, responses = record.get("fields"), record.get("responses")
    if not isinstance(fields, dict) or not isinstance(responses, dict):
        raise UserMistake(f"{where}: no fields and responses; export with dataset.records.to_json")
    answers = responses.get(_QUESTION) or []
    labels: dict[str, str] = {}
    for coder, label in ((str(one["user_id"]), str(one["value"])) for one in answers if one.get("value") is not None):
        if labels.setdefault(coder, label) != label:
            raise UserMistake(f"{where}: {coder} gave two labels; keep one of the two responses")
    return labelling(where, record.get("metadata") or {}, fields.get("text"), labels)
