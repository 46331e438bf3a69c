"""A pool of statements to labelling tasks, and what coders made of them back to rows that train."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from ukraine_stance.corpus.exchange import TOOLS, Labelling, Task
from ukraine_stance.corpus.exchange.tasks import Suggestion
from ukraine_stance.corpus.votes import majority
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import saying_why_unwritten, write_text
from ukraine_stance.tables import JSON_TEXT, ReadOptions, Reject, check_new, holds_json, listed, open_table, write_table

_VOTE = pa.struct([("coder", pa.string()), ("label", pa.string()), ("codebook_version", pa.string())])
_OURS = ("id", "text", "label", "votes")

# A missing value, in Parquet and JSON or in CSV.
_NOTHING = (None, "")

_MOST_IN_INT64 = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Pool:
    """Statements of a file in order, and the rows of it that are none."""

    tasks: tuple[Task, ...]
    rejects: tuple[Reject, ...]


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What came back: statements in all, with a label that most coders name, with votes that tie, without any vote."""

    statements: int
    labelled: int
    tied: int
    unlabelled: int
    coders: dict[str, int]
    path: Path


def read_pool(path: Path) -> Pool:
    """Statements of a table with a column `text`; ids are its column `id`, else article and offsets, else row numbers.

    Rows of one article get its id as `group`, so that folds never split it. Raises UserMistake when the file cannot
    be read, lacks the column, holds no statement or an id twice.
    """
    source = open_table(path, ReadOptions(adjustable=False))
    if "text" not in source.schema.names:
        raise UserMistake(f"{path}: no column text (columns: {listed(source.schema.names)})")
    in_json = [field.name for field in source.schema if holds_json(field)]
    tasks: dict[str, Task] = {}
    rejects: list[Reject] = []
    for batch in source.batches():
        rejects += batch.rejects
        for number, row in zip(batch.rows, batch.table.to_pylist(), strict=True):
            row |= {name: json.loads(row[name]) for name in in_json if row[name] is not None}
            text = row.pop("text")
            if not isinstance(text, str) or not text.strip():
                rejects.append(Reject(number, "text is empty", b""))
                continue
            name = _id(row, f"{path.stem}-{number}")
            if name in tasks:
                raise UserMistake(f"{path}: row {number}: id {name} stands twice; every statement needs its own")
            tasks[name] = Task(name, text, {key: value for key, value in row.items() if value is not None})
    if not tasks:
        raise UserMistake(f"{path}: holds no statements")
    return Pool(tuple(tasks.values()), tuple(sorted(rejects, key=lambda reject: reject.row)))


def check_task_files(tool: str, out: Path, force: bool) -> None:
    """Raise UserMistake where no tasks can go: another ending than the tool's, or files there and no `force`."""
    dialect = TOOLS[tool]
    if out.suffix != dialect.suffix:
        raise UserMistake(f"{out}: {tool} reads {dialect.suffix}; end the output in it")
    for path in (out.with_name(out.name + ending) for ending in dialect.tasks([])):
        if path.exists() and not force:
            raise UserMistake(f"{path}: exists already; --force replaces it")


def write_tasks(
    tasks: Sequence[Task],
    tool: str,
    out: Path,
    suggestions: Mapping[str, Suggestion] | None = None,
    force: bool = False,
) -> list[Path]:
    """Write the tasks as a tool reads them, with the suggestions by statement id; gives the files written.

    Raises UserMistake when one of them exists and `force` is not given, or `out` has another ending than the tool's.
    """
    check_task_files(tool, out, force)
    dialect = TOOLS[tool]
    given = suggestions or {}
    told = [Task(task.statement_id, task.text, task.columns, given.get(task.statement_id)) for task in tasks]
    files = {out.with_name(out.name + ending): content for ending, content in dialect.tasks(told).items()}
    for path, content in files.items():
        with saying_why_unwritten(path):
            write_text(path, content)
    return list(files)


def import_labels(
    exports: Sequence[Path],
    tool: str,
    out: Path,
    codebook_version: str,
    labelled_only: bool = False,
    force: bool = False,
) -> ImportSummary:
    """Write one row for each statement with `label`, that of most coders, and every vote; other columns come back.

    A statement on which the votes tie, or that nobody labelled, has no label: agreement needs to see it, training
    refuses it by name; `labelled_only` leaves it out. Raises UserMistake when an export cannot be read, or gives a
    statement two texts or a coder two labels.
    """
    check_new(out, force)
    statements: dict[str, Labelling] = {}
    for export in exports:
        for found in TOOLS[tool].labellings(export):
            before = statements.setdefault(found.statement_id, found)
            if before is not found:
                _join(before, found)
    if not statements:
        raise UserMistake(f"{', '.join(map(str, exports))}: no statements")
    rows = [_row(found, codebook_version) for found in statements.values()]
    kept = [row for row in rows if row["label"] is not None or not labelled_only]
    if not kept:
        raise UserMistake(f"{', '.join(map(str, exports))}: no statement has a label that most coders name")
    write_table(out, table_of(kept, {"votes": pa.list_(_VOTE), "label": pa.string()}))
    return _summary(rows, out)


def table_of(rows: Sequence[dict[str, Any]], types: Mapping[str, pa.DataType] | None = None) -> pa.Table:
    """Rows of JSON values as a table that gives them back; `types` of columns that the values may not show."""
    names = dict.fromkeys(name for row in rows for name in row)
    given = types or {}
    columns = {name: _column([row.get(name) for row in rows], given.get(name)) for name in names}
    schema = pa.schema([pa.field(name, kind, metadata=mark) for name, (kind, mark, _) in columns.items()])
    return pa.table([array for _, _, array in columns.values()], schema=schema)


def _id(row: dict[str, Any], otherwise: str) -> str:
    """Takes the id out of the row; where an article's offsets give it, its article becomes the group."""
    given = row.pop("id", None)
    article, start, end = (row.get(name) for name in ("article_id", "start", "end"))
    if all(value not in _NOTHING for value in (article, start, end)):
        row["group"] = str(article) if row.get("group") in _NOTHING else row["group"]
        otherwise = f"{article}-{start}-{end}"
    return str(given) if given is not None and str(given).strip() else otherwise


def _join(before: Labelling, found: Labelling) -> None:
    """Add the labels of the same statement from another file or task."""
    if before.text != found.text:
        raise UserMistake(f"{found.where}: statement {found.statement_id} has another text than at {before.where}")
    for coder, label in found.labels.items():
        if before.labels.setdefault(coder, label) != label:
            raise UserMistake(f"{found.where}: {coder} gave another label at {before.where}; keep one of the two")


def _row(found: Labelling, codebook_version: str) -> dict[str, Any]:
    votes = [
        {"coder": coder, "label": label, "codebook_version": codebook_version}
        for coder, label in sorted(found.labels.items())
    ]
    ours = {"id": found.statement_id, "text": found.text, "label": majority(found.labels.values()), "votes": votes}
    return {**ours, **{name: value for name, value in found.columns.items() if name not in _OURS}}


def _column(values: list[Any], kind: pa.DataType | None) -> tuple[pa.DataType, dict[bytes, bytes] | None, pa.Array]:
    kinds = {type(value) for value in values if value is not None}
    long = any(isinstance(value, int) and abs(value) > _MOST_IN_INT64 for value in values)
    if kind is None and (len(kinds) > 1 or kinds & {list, dict} or long):
        texts = [None if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in values]
        return pa.string(), JSON_TEXT, pa.array(texts, pa.string())
    array = pa.array(values, kind)
    return array.type, None, array


def _summary(rows: Sequence[dict[str, Any]], path: Path) -> ImportSummary:
    coders: dict[str, int] = {}
    for row in rows:
        for vote in row["votes"]:
            coders[vote["coder"]] = coders.get(vote["coder"], 0) + 1
    labelled = sum(row["label"] is not None for row in rows)
    unlabelled = sum(not row["votes"] for row in rows)
    return ImportSummary(len(rows), labelled, len(rows) - labelled - unlabelled, unlabelled, coders, path)
