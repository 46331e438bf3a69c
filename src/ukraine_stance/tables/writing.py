"""Write tables and rejects a batch at a time; the caller gives a temporary path and renames it when all is written."""

import base64
import csv
import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from ukraine_stance.errors import UserMistake
from ukraine_stance.files import replacing
from ukraine_stance.tables.reading import JSON_TEXT, Reject

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


class TableWriter:
    """Writes tables of one schema as CSV, TSV, JSON Lines or Parquet, by `suffix`; a context manager."""

    def __init__(self, path: Path, schema: pa.Schema, suffix: str) -> None:
        if suffix not in SUFFIXES:
            raise UserMistake(f"{suffix or 'no extension'}: not written; end the output in {', '.join(SUFFIXES)}")
        self._schema = schema
        self._suffix = suffix
        self._open = ExitStack()
        if suffix == ".parquet":
            self._parquet = self._open.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
            return
        self._text: TextIO = self._open.enter_context(path.open("w", encoding="utf-8", newline=""))
        if suffix != ".jsonl":
            self._csv = csv.writer(self._text, delimiter="\t" if suffix == ".tsv" else ",", lineterminator="\n")
            self._csv.writerow(schema.names)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._open.__exit__(kind, fault, at)

    def write(self, table: pa.Table) -> None:
        """Append rows."""
        if self._suffix == ".parquet":
            self._parquet.write_table(table.cast(self._schema))
            return
        columns = [column.to_pylist() for column in table.columns]
        if self._suffix != ".jsonl":
            self._csv.writerows(zip(*(map(_cell, column) for column in columns), strict=True))
            return
        for at, field in enumerate(self._schema):
            if field.metadata == JSON_TEXT:
                columns[at] = [None if value is None else json.loads(value) for value in columns[at]]
        for values in zip(*columns, strict=True):
            row = dict(zip(self._schema.names, values, strict=True))
            self._text.write(json.dumps(row, ensure_ascii=False, default=_plain) + "\n")


class RejectWriter:
    """Appends rejects as JSON Lines: row, reason, and the bytes as `raw`, or `raw_base64` where they are no UTF-8."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def write(self, reject: Reject) -> None:
        """Append one."""
        try:
            raw = {"raw": reject.raw.decode("utf-8")}
        except UnicodeDecodeError:
            raw = {"raw_base64": base64.b64encode(reject.raw).decode("ascii")}
        self._file.write(json.dumps({"row": reject.row, "reason": reject.reason, **raw}, ensure_ascii=False) + "\n")
        self.count += 1


def write_table(path: Path, table: pa.Table) -> None:
    """Write a whole table, atomically, in the form of the path's extension."""
    with replacing(path) as temporary, TableWriter(temporary, table.schema, path.suffix.lower()) as writer:
        writer.write(table)


def _cell(value: Any) -> Any:  # noqa: ANN401 - a CSV cell
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return value


def _plain(value: Any) -> str:  # noqa: ANN401 - dates, decimals, bytes of Parquet columns
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)
