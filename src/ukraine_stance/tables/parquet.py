"""Parquet: columns keep their types; a string anywhere in a row that is no valid UTF-8 rejects the row."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables.reading import Batch, ReadOptions, Reject, picked, refuse_doubled


class ParquetSource:
    """A Parquet file, read a batch at a time."""

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self._path = path
        self._options = options
        try:
            with pq.ParquetFile(path) as file:
                self.schema = file.schema_arrow.remove_metadata()
                self.total: int | None = file.metadata.num_rows
                names = self.schema.names
        except (pa.ArrowException, OSError, ValueError) as fault:
            raise UserMistake(f"{path}: not a whole Parquet file ({_first_line(fault)})") from fault
        refuse_doubled(names, str(path))
        for name in set(options.strings) & set(self.schema.names):
            at = self.schema.get_field_index(name)
            if not _is_text(self.schema.field(at).type):
                raise UserMistake(f"{path}: column {name} is {self.schema.field(at).type}, not text")
            self.schema = self.schema.set(at, pa.field(name, pa.string()))

    def batches(self) -> Iterator[Batch]:
        """Every row once."""
        first = 1
        rows = self._options.rows_a_batch(len(self.schema))
        try:
            with pq.ParquetFile(self._path) as file:
                for record_batch in file.iter_batches(rows):
                    yield self._batch(pa.Table.from_batches([record_batch]), first)
                    first += record_batch.num_rows
        except (pa.ArrowException, OSError) as fault:
            raise UserMistake(f"{self._path}: damaged at row {first} ({_first_line(fault)})") from fault

    def _batch(self, table: pa.Table, first: int) -> Batch:
        bad: dict[int, Reject] = {}
        for name, column in zip(table.column_names, table.columns, strict=True):
            try:
                column.validate(full=True)
            except pa.ArrowInvalid:
                bad = _unreadable(column, name, first) | bad
        good = [row for row in range(table.num_rows) if row not in bad]
        kept = picked(table, good)
        rows = tuple(first + row for row in good)
        rejects = tuple(bad[row] for row in sorted(bad))
        return Batch(kept.replace_schema_metadata(None).cast(self.schema), rows, rejects)


def _unreadable(column: pa.ChunkedArray, name: str, first: int) -> dict[int, Reject]:
    rejects = {}
    for row in range(len(column)):
        try:
            column[row].as_py()
        except UnicodeDecodeError as fault:
            bad = fault.object[fault.start]
            rejects[row] = Reject(first + row, f"{name} is not utf-8 (byte 0x{bad:02x})", fault.object)
    return rejects


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    # pandas writes a column without any value as null.
    return bool(
        pa.types.is_null(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
    )


def _first_line(fault: BaseException) -> str:
    return str(fault).splitlines()[0]
