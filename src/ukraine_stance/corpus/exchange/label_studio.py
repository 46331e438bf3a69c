"""Label Studio: tasks with predictions in, its JSON export out (its guide, "Task format" and "Predictions")."""

import json
from pathlib import Path
from typing import Any

from ukraine_stance.corpus.exchange.tasks import LABELS, Labelling, Task, json_array, labelling, packed
from ukraine_stance.errors import UserMistake

_CONTROL, _OBJECT = "stance", "text"

# The labelling interface that the tasks are made for; its names stand in every result.
INTERFACE = (
    "<View>\n"
    '  <Header value="Stance of the statement\'s holder toward support for Ukraine"/>\n'
    f'  <Text name="{_OBJECT}" value="$text"/>\n'
    f'  <Choices name="{_CONTROL}" toName="{_OBJECT}" choice="single" showInline="true" required="true">\n'
    + "".join(f'    <Choice value="{label}" hotkey="{key}"/>\n' for key, label in enumerate(LABELS, start=1))
    + "  </Choices>\n</View>\n"
)


def tasks(found: list[Task]) -> dict[str, str]:
    """The tasks' file, and the labelling interface beside it as `.config.xml`."""
    return {"": json.dumps([_task(task) for task in found], ensure_ascii=False, indent=1), ".config.xml": INTERFACE}


def labellings(path: Path) -> list[Labelling]:
    """Statements of a JSON export; skipped annotations are no label, an annotation without a choice neither.

    Coders are named `user-N`, as Label Studio numbers them, or by their address where the export gives it.
    """
    return json_array(path, "Label Studio (not JSON-MIN)", _labelling)


def _task(task: Task) -> dict[str, Any]:
    data = {"text": task.text, "statement_id": task.statement_id, "columns": packed(task.columns)}
    if task.suggestion is None:
        return {"data": data}
    suggestion = task.suggestion
    choice = {"from_name": _CONTROL, "to_name": _OBJECT, "type": "choices", "value": {"choices": [suggestion.label]}}
    prediction = {"model_version": suggestion.model_id, "score": suggestion.confidence, "result": [choice]}
    return {"data": data, "predictions": [prediction]}


def _labelling(where: str, task: dict[str, Any]) -> Labelling:
    data, annotations = task.get("data"), task.get("annotations")
    if not isinstance(data, dict) or not isinstance(annotations, list):
        raise UserMistake(f"{where}: no data and annotations; export as JSON from Label Studio (not JSON-MIN)")
    labels: dict[str, str] = {}
    for annotation in annotations:
        label = None if annotation.get("was_cancelled") else _choice(where, annotation)
        if label is None:
            continue
        coder = _coder(annotation.get("completed_by"))
        if labels.get(coder, label) != label:
            raise UserMistake(f"{where}: {coder} gave two labels; delete one of the two annotations and export again")
        labels[coder] = label
    return labelling(where, data, data.get("text"), labels)


def _choice(where: str, annotation: dict[str, Any]) -> str | None:
    results = annotation.get("result") or []
    choices = [choice for one in results if one.get("from_name") == _CONTROL for choice in one["value"]["choices"]]
    if len(choices) > 1:
        raise UserMistake(f"{where}: an annotation with {len(choices)} labels; a statement has one")
    return str(choices[0]) if choices else None


def _coder(completed_by: Any) -> str:  # noqa: ANN401 - a number, or an object with the coder's address
    if isinstance(completed_by, dict):
        return str(completed_by.get("email") or f"user-{completed_by.get('id')}")
    return f"user-{completed_by}"
