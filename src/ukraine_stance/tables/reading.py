"""Open a table by its extension and read it in batches."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import pyarrow as pa

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables.places import Place, saying_why_unread

# Arrow field metadata: the column holds JSON text, since its values have several types or are nested.
JSON_TEXT = {b"ukraine_stance": b"json"}

# A batch ends at this many cells or bytes of text, so that wide or long rows do not fill the memory.
_MOST_CELLS = 1_000_000
_MOST_BYTES = 16_000_000

_MOST_NAMES_SHOWN = 20

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read text tables; `strings` names the columns whose values must be strings.

    adjustable says whether the user's command takes --encoding and --delimiter: only then does a fault name them.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None
    strings: tuple[str, ...] = ("text",)
    batch_rows: int = 1024
    adjustable: bool = True

    def rows_a_batch(self, columns: int) -> int:
        """At most `batch_rows`, and fewer where a row has thousands of columns."""
        return max(1, min(self.batch_rows, _MOST_CELLS // max(columns, 1)))


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not used: its number (1 is the first row of data), why, and its bytes as found.

    file is given where rows of several files come together.
    """

    row: int
    reason: str
    raw: bytes
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Good rows of a stretch of a table with their numbers, and the rows of that stretch that are not.

    file is given where rows of several files come together. raws are the good rows' bytes as found; there are none in a
    format that has no bytes of one row.
    """

    table: pa.Table
    rows: Sequence[int]
    rejects: tuple[Reject, ...]
    file: str | None = None
    raws: tuple[bytes, ...] = ()


class Source(Protocol):
    """An open table; reading it twice gives the same batches."""

    schema: pa.Schema
    total: int | None

    def batches(self) -> Iterator[Batch]:
        """Every row once, in order, as good row or as reject."""


def open_table(where: Path | Place, options: ReadOptions | None = None) -> Source:
    """Open a .csv, .tsv, .jsonl or .parquet file; `total` is its number of rows where that is known before reading.

    A text file may end in .gz or .zst besides. Raises UserMistake, naming file and remedy, when it is missing, empty,
    of another kind, or has no usable header.
    """
    from ukraine_stance.tables.delimited import DelimitedSource
    from ukraine_stance.tables.jsonlines import JsonLinesSource
    from ukraine_stance.tables.parquet import ParquetSource

    options = options or ReadOptions()
    place = where if isinstance(where, Place) else Place(str(where))
    with saying_why_unread(place):
        place.check()
        match place.suffix:
            case ".csv" | ".tsv":
                return DelimitedSource(place, options)
            case ".jsonl" | ".ndjson":
                return JsonLinesSource(place, options)
            case ".parquet" if place.compression is None:
                return ParquetSource(place, options)
            case suffix:
                raise UserMistake(
                    f"{place}: {suffix or 'no extension'} is not read; use .csv, .tsv, .jsonl (.gz or .zst after it) "
                    "or .parquet"
                )


def in_batches(
    records: Iterable[tuple[Record | None, str, bytes]], most_rows: int
) -> Iterator[tuple[list[Record], tuple[int, ...], tuple[Reject, ...], tuple[bytes, ...]]]:
    """Good records, their numbers, rejects, and the good records' raw bytes, a stretch at a time.

    A record is (value, "", raw bytes), or (None, fault, raw bytes); they are numbered from 1.
    """
    good: list[Record] = []
    rows: list[int] = []
    rejects: list[Reject] = []
    raws: list[bytes] = []
    size = 0
    for number, (value, fault, raw) in enumerate(records, start=1):
        if value is None:
            rejects.append(Reject(number, fault, raw))
        else:
            good.append(value)
            rows.append(number)
            raws.append(raw)
        size += len(raw)
        if len(good) + len(rejects) >= most_rows or size >= _MOST_BYTES:
            yield good, tuple(rows), tuple(rejects), tuple(raws)
            good, rows, rejects, raws, size = [], [], [], [], 0
    if good or rejects:
        yield good, tuple(rows), tuple(rejects), tuple(raws)


def picked(table: pa.Table, positions: Sequence[int] | np.ndarray) -> pa.Table:
    """The rows at these rising positions; unlike `Table.take`, for every type that Parquet holds."""
    if not len(positions):
        return table.slice(0, 0)
    breaks = np.flatnonzero(np.diff(positions) != 1) + 1
    runs = zip([0, *breaks], [*breaks, len(positions)], strict=True)
    return pa.concat_tables([table.slice(positions[start], end - start) for start, end in runs])


def refuse_doubled(names: Sequence[str], where: str) -> None:
    """Raise UserMistake when a column's name stands twice."""
    doubled = [name for name, times in Counter(names).items() if times > 1]
    if doubled:
        raise UserMistake(f"{where}: columns named twice: {listed(doubled)}; rename them")


def holds_json(field: pa.Field) -> bool:
    """Whether the column's strings are JSON; Parquet adds other metadata to a field."""
    return JSON_TEXT.items() <= (field.metadata or {}).items()


def listed(names: Sequence[str]) -> str:
    """Column names for a message of one line, the first twenty of them."""
    shown = [name if name.isprintable() and name else repr(name) for name in names[:_MOST_NAMES_SHOWN]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
