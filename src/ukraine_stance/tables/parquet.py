"""Parquet: columns keep their types; a string anywhere in a row that is no valid UTF-8 rejects the row."""

from collections.abc import Iterator
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables.places import Place
from ukraine_stance.tables.reading import Batch, ReadOptions, Reject, picked, refuse_doubled

# Bytes of a column that are read at once.
_BUFFER = 2**20


class ParquetSource:
    """A Parquet file, read a batch at a time."""

    def __init__(self, place: Place, options: ReadOptions) -> None:
        self._place = place
        self._options = options
        try:
            with place.open(in_pieces=True) as stream, _opened(stream) as file:
                self.schema = file.schema_arrow.remove_metadata()
                self.total: int | None = file.metadata.num_rows
                names = self.schema.names
        except (pa.ArrowException, OSError, ValueError) as fault:
            raise UserMistake(f"{place}: not a whole Parquet file ({_first_line(fault)})") from fault
        refuse_doubled(names, str(place))
        for name in set(options.strings) & set(self.schema.names):
            at = self.schema.get_field_index(name)
            if not _is_text(self.schema.field(at).type):
                raise UserMistake(f"{place}: column {name} is {self.schema.field(at).type}, not text")
            self.schema = self.schema.set(at, pa.field(name, pa.string()))

    def batches(self) -> Iterator[Batch]:
        """Every row once."""
        first = 1
        rows = self._options.rows_a_batch(len(self.schema))
        try:
            with self._place.open(in_pieces=True) as stream, _opened(stream) as file:
                for record_batch in file.iter_batches(rows):
                    yield self._batch(pa.Table.from_batches([record_batch]), first)
                    first += record_batch.num_rows
        except (pa.ArrowException, OSError) as fault:
            raise UserMistake(f"{self._place}: damaged at row {first} ({_first_line(fault)})") from fault

    def _batch(self, table: pa.Table, first: int) -> Batch:
        bad: dict[int, Reject] = {}
        for name, column in zip(table.column_names, table.columns, strict=True):
            try:
                column.validate(full=True)
            except pa.ArrowInvalid:
                bad = _unreadable(column, name, first) | bad
        if not bad:
            return Batch(self._cast(table), range(first, first + table.num_rows), ())
        good = [row for row in range(table.num_rows) if row not in bad]
        rows = tuple(first + row for row in good)
        rejects = tuple(bad[row] for row in sorted(bad))
        return Batch(self._cast(picked(table, good)), rows, rejects)

    def _cast(self, table: pa.Table) -> pa.Table:
        return table.replace_schema_metadata(None).cast(self.schema)


def _opened(stream: IO[bytes]) -> pq.ParquetFile:
    """Read a little at a time: by default Arrow holds every byte that it has read until the file is closed."""
    return pq.ParquetFile(stream, pre_buffer=False, buffer_size=_BUFFER)


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
