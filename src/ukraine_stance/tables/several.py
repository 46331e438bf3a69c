"""Several files as one table: their columns united, and one more that tells which file a row is of."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables.jsonlines import JsonLinesSource
from ukraine_stance.tables.places import Place
from ukraine_stance.tables.reading import Batch, ReadOptions, open_table


class SeveralSources:
    """Files of any formats, read one after the other; no batch holds rows of two, and each numbers its rows from 1.

    A column that a file lacks is null there. Where numbers or truth values of one file meet strings of another, all are
    strings, as every cell of a CSV is. With file_column a first column of that name tells the file. Raises UserMistake
    where a column has two other types, or file_column stands in a file already.
    """

    def __init__(self, places: Sequence[Place], options: ReadOptions, file_column: str | None = None) -> None:
        self._places = places
        self._sources = [open_table(place, options) for place in places]
        _widen_json([source for source in self._sources if isinstance(source, JsonLinesSource)])
        fields: dict[str, list[tuple[pa.Field, Place]]] = {}
        for place, source in zip(places, self._sources, strict=True):
            if file_column in source.schema.names:
                raise UserMistake(f"{place}: has a column {file_column}, which tells files apart; rename it")
            for field in source.schema:
                fields.setdefault(field.name, []).append((field, place))
        first = [pa.field(file_column, pa.string())] if file_column else []
        self.schema = pa.schema([*first, *(_united(found) for found in fields.values())])
        self._file_column = file_column
        totals = [source.total for source in self._sources]
        self.total = None if None in totals else sum(total or 0 for total in totals)

    def batches(self) -> Iterator[tuple[Place, Batch]]:
        """Every row of every file once, in the order of the files."""
        for place, source in zip(self._places, self._sources, strict=True):
            for batch in source.batches():
                file = place.name if self._file_column else None
                rejects = tuple(replace(reject, file=file) for reject in batch.rejects)
                yield place, Batch(self._completed(batch.table, place), batch.rows, rejects, file, batch.raws)

    def _completed(self, table: pa.Table, place: Place) -> pa.Table:
        if table.schema.equals(self.schema, check_metadata=True):
            return table
        columns = []
        for field in self.schema:
            if field.name == self._file_column:
                columns.append(pa.repeat(place.name, table.num_rows))
            elif field.name in table.column_names:
                columns.append(_cast(table.column(field.name), field.type))
            else:
                columns.append(pa.nulls(table.num_rows, field.type))
        return pa.table(columns, schema=self.schema)


def _widen_json(sources: list[JsonLinesSource]) -> None:
    kinds: dict[str, set[str]] = {}
    for source in sources:
        for name, found in source.kinds.items():
            kinds.setdefault(name, set()).update(found)
    for source in sources:
        source.widen(kinds)


def _united(found: list[tuple[pa.Field, Place]]) -> pa.Field:
    """The field of a column that these files have."""
    typed = [(field, place) for field, place in found if not pa.types.is_null(field.type)] or found
    (first, where), *others = typed
    if all(field.equals(first, check_metadata=True) for field, _ in others):
        return first
    kinds = {field.type for field, _ in typed}
    if len(kinds) == 1:  # JSON in one file and plain strings in another: strings
        return pa.field(first.name, first.type)
    if pa.string() in kinds and all(pa.types.is_string(kind) or _is_plain(kind) for kind in kinds):
        return pa.field(first.name, pa.string())
    if all(map(pa.types.is_floating, kinds)):
        return pa.field(first.name, pa.float64())
    if all(pa.types.is_integer(kind) and kind != pa.uint64() for kind in kinds):
        return pa.field(first.name, pa.int64())
    other, place = next(pair for pair in others if pair[0].type != first.type)
    raise UserMistake(
        f"{place}: column {other.name} is {other.type}, but {first.type} in {where}; give it one type, or score the "
        "two apart"
    )


def _is_plain(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | pa.Array:
    if pa.types.is_floating(column.type) and pa.types.is_string(kind):  # Arrow would write 1.0 as 1
        values = zip(column.to_numpy(), column.is_null().to_pylist(), strict=True)
        return pa.array([None if absent else str(value) for value, absent in values], kind)
    return column.cast(kind)
