"""Write tables and rejects a batch at a time; the caller gives a temporary path and renames it when all is written."""

import base64
import csv
import io
import json
import math
import re
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from ukraine_stance.errors import UserMistake
from ukraine_stance.files import replacing, saying_why_unwritten
from ukraine_stance.tables.reading import Reject, holds_json

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
# Formats whose cells a spreadsheet would run.
GUARDED = (".csv", ".tsv")

# What spreadsheets take for a formula: OWASP, "CSV Injection", full-width signs included. A plain number runs nothing.
_FORMULA = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?")


class TableWriter:
    """Writes tables of one schema as CSV, TSV, JSON Lines or Parquet, by `suffix`; a context manager.

    compression is Arrow's name of a codec, for text. guard_formulas makes spreadsheets take cells of CSV and TSV that
    they would run for text, by an apostrophe before them.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        suffix: str,
        compression: str | None = None,
        guard_formulas: bool = False,
    ) -> None:
        if suffix not in SUFFIXES:
            raise UserMistake(f"{suffix or 'no extension'}: not written; end the output in {', '.join(SUFFIXES)}")
        self._schema = schema
        self._guard_formulas = guard_formulas
        self._suffix = suffix
        self._open = ExitStack()
        if suffix == ".parquet":
            self._parquet = self._open.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
            return
        self._text: TextIO = self._open.enter_context(
            path.open("w", encoding="utf-8", newline="")
            if compression is None
            else io.TextIOWrapper(pa.output_stream(path, compression), encoding="utf-8", newline="")
        )
        if suffix != ".jsonl":
            self._csv = csv.writer(_UnixLines(self._text), delimiter="\t" if suffix == ".tsv" else ",")
            self._csv.writerow(map(_guarded, schema.names) if guard_formulas else schema.names)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self._open.__exit__(kind, fault, at)

    def write(self, table: pa.Table) -> None:
        """Append rows."""
        if self._suffix == ".parquet":
            self._parquet.write_table(table.cast(self._schema))
            return
        columns = [values_of(column) for column in table.columns]
        if self._suffix != ".jsonl":
            cells = map(self._cells, self._schema, columns)
            self._csv.writerows(zip(*cells, strict=True))
            return
        for at, field in enumerate(self._schema):
            columns[at] = list(map(_parsed if holds_json(field) else _finite, columns[at]))
        for values in zip(*columns, strict=True):
            row = dict(zip(self._schema.names, values, strict=True))
            self._text.write(json.dumps(row, ensure_ascii=False, default=_plain) + "\n")

    def _cells(self, field: pa.Field, values: list[Any]) -> Iterable[Any]:
        if self._guard_formulas:
            return map(_guarded, values)
        # The csv module writes all others as they are.
        return map(_cell, values) if pa.types.is_nested(field.type) or _is_bytes(field.type) else values


def _is_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    names = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(is_such(kind) for is_such in names)


class _UnixLines:
    """Ends lines in a line feed alone; csv leaves a bare carriage return unquoted unless its own line end has one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> int:
        return self._stream.write(line.removesuffix("\r\n") + "\n")


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
        where = {"row": reject.row} if reject.file is None else {"input_file": reject.file, "row": reject.row}
        self._file.write(json.dumps({**where, "reason": reject.reason, **raw}, ensure_ascii=False) + "\n")
        self.count += 1


def check_new(path: Path, force: bool) -> None:
    """Raise UserMistake where no table can go: another ending, or a file that stands there and no `force`."""
    if path.suffix.lower() not in SUFFIXES:
        raise UserMistake(f"{path}: end the output in one of {', '.join(SUFFIXES)}")
    if path.exists() and not force:
        raise UserMistake(f"{path}: exists already; --force replaces it")


def write_table(path: Path, table: pa.Table) -> None:
    """Write a whole table, atomically, in the form of the path's extension."""
    with (
        saying_why_unwritten(path),
        replacing(path) as temporary,
        TableWriter(temporary, table.schema, path.suffix.lower()) as writer,
    ):
        writer.write(table)


def values_of(column: pa.ChunkedArray) -> list[Any]:
    """A column's values as Python's; as text those that Python cannot hold."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError, pa.ArrowException):
        return list(column.cast(pa.string()).to_pylist())  # a time beyond the year 9999, which Python cannot hold


def _cell(value: Any) -> Any:  # noqa: ANN401 - a CSV cell
    match value:
        case list() | dict():
            return json.dumps(_finite(value), ensure_ascii=False, default=_plain)
        case bytes():
            return _plain(value)
        case _:
            return value


def _guarded(value: Any) -> Any:  # noqa: ANN401 - a CSV cell
    cell = _cell(value)
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def _parsed(value: str | None) -> Any:  # noqa: ANN401 - whatever JSON holds
    if value is None:
        return None
    try:
        return _finite(json.loads(value))
    except ValueError:
        return value  # changed by another program that kept the column's mark


def _finite(value: Any) -> Any:  # noqa: ANN401 - whatever Parquet holds
    """The value with null for NaN and the infinities, which JSON cannot hold."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value


def _plain(value: Any) -> str:  # noqa: ANN401 - dates, decimals, bytes of Parquet columns
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)
