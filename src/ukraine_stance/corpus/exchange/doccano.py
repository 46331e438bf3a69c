"""doccano: JSONL for its text classification, and its JSONL export, a zip with one file for each coder."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from ukraine_stance.corpus.exchange.tasks import Labelling, Task, labelling, packed
from ukraine_stance.errors import UserMistake


def tasks(found: list[Task]) -> dict[str, str]:
    """One JSON object a line, in ASCII: doccano guesses encodings.

    A suggestion is metadata that doccano shows beside the text: given as a label, it would become the vote of whoever
    imports the file.
    """
    return {"": "".join(json.dumps(_task(task)) + "\n" for task in found)}


def labellings(path: Path) -> list[Labelling]:
    """Statements of an export, in each of its files once; the coder is the file's name (`all`: they worked as one).

    path is the zip that doccano gives, one of its .jsonl files, or a folder of them.
    """
    found = []
    for coder, where, lines in _files(path):
        for number, line in enumerate(lines, start=1):
            if line.strip():
                found.append(_labelling(coder, f"{where}: line {number}", line))
    return found


def _task(task: Task) -> dict[str, Any]:
    row: dict[str, Any] = {"text": task.text, "label": [], "statement_id": task.statement_id}
    if task.suggestion is not None:
        suggestion = task.suggestion
        row["suggested"] = f"{suggestion.label} {suggestion.confidence:.2f} ({suggestion.model_id})"
    return {**row, "columns": packed(task.columns)}


def _files(path: Path) -> Iterator[tuple[str, str, Iterator[bytes]]]:
    """Coder, name and lines of each file of an export."""
    try:
        if path.is_dir():
            for file in sorted(path.glob("*.jsonl")):
                yield file.stem, str(file), iter(file.read_bytes().split(b"\n"))
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in sorted(archive.namelist()):
                    if name.endswith(".jsonl"):
                        lines = io.BytesIO(archive.read(name)).read().split(b"\n")
                        yield PurePath(name).stem, f"{path}/{name}", iter(lines)
        else:
            yield path.stem, str(path), iter(path.read_bytes().split(b"\n"))
    except (OSError, zipfile.BadZipFile) as fault:
        raise UserMistake(f"{path}: cannot be read ({fault})") from fault


def _labelling(coder: str, where: str, line: bytes) -> Labelling:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except ValueError as fault:
        raise UserMistake(f"{where}: not JSON ({fault}); export as JSONL from doccano") from fault
    if not isinstance(row, dict) or not isinstance(row.get("label"), list):
        raise UserMistake(f"{where}: no list of labels; export as JSONL from a text classification project")
    labels = list(map(str, row["label"]))
    if len(labels) > 1:
        raise UserMistake(f"{where}: {coder} gave the labels {', '.join(labels)}; a statement has one")
    return labelling(where, row, row.get("text"), {coder: labels[0]} if labels else {})
