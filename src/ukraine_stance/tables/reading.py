"""Open a table by its extension and read it in batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from ukraine_stance.errors import UserMistake

# Arrow field metadata: the column holds JSON text, since its values have several types or are nested.
JSON_TEXT = {b"ukraine_stance": b"json"}


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read text tables; `strings` names the columns whose values must be strings."""

    encoding: str = "utf-8"
    delimiter: str | None = None
    strings: tuple[str, ...] = ("text",)
    batch_rows: int = 1024


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not used: its number (1 is the first row of data), why, and its bytes as found."""

    row: int
    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Good rows of a stretch of a table with their numbers, and the rows of that stretch that are not."""

    table: pa.Table
    rows: tuple[int, ...]
    rejects: tuple[Reject, ...]


class Source(Protocol):
    """An open table; reading it twice gives the same batches."""

    schema: pa.Schema
    total: int | None

    def batches(self) -> Iterator[Batch]:
        """Every row once, in order, as good row or as reject."""


def open_table(path: Path, options: ReadOptions | None = None) -> Source:
    """Open a .csv, .tsv, .jsonl or .parquet file; `total` is its number of rows where that is known before reading.

    Raises UserMistake, naming file and remedy, when it is missing, empty, of another kind, or has no usable header.
    """
    from ukraine_stance.tables.delimited import DelimitedSource
    from ukraine_stance.tables.jsonlines import JsonLinesSource
    from ukraine_stance.tables.parquet import ParquetSource

    options = options or ReadOptions()
    if not path.exists():
        raise UserMistake(f"{path}: no such file")
    if not path.is_file():
        raise UserMistake(f"{path}: not a file; give one .csv, .tsv, .jsonl or .parquet file")
    if path.stat().st_size == 0:
        raise UserMistake(f"{path}: the file is empty")
    match path.suffix.lower():
        case ".csv" | ".tsv":
            return DelimitedSource(path, options)
        case ".jsonl" | ".ndjson":
            return JsonLinesSource(path, options)
        case ".parquet":
            return ParquetSource(path, options)
        case suffix:
            raise UserMistake(f"{path}: {suffix or 'no extension'} is not read; use .csv, .tsv, .jsonl or .parquet")
