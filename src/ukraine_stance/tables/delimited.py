"""CSV and TSV: quoted line breaks kept, broken rows given back one by one instead of ending the file."""

import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables.reading import Batch, ReadOptions, Reject

# An unclosed quote swallows what follows; a field of this many characters is taken for one.
_LONGEST_FIELD = 4_000_000


class _Lines:
    """Lines of a stream; those of the record being parsed are remembered and can be put back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: deque[str] = deque()
        self.record: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._stream)
        self.record.append(line)
        return line

    def start_record(self) -> None:
        self.record = []

    def give_back_all_but_first(self) -> None:
        self._waiting.extendleft(reversed(self.record[1:]))
        self.record = self.record[:1]


class DelimitedSource:
    """A delimited text file with a header; every column is a string column."""

    total: int | None = None

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self._path = path
        self._options = options
        self._delimiter = options.delimiter or ("\t" if path.suffix.lower() == ".tsv" else ",")
        _refuse_other_encodings(path, options.encoding)
        header = next(self._records(), None)
        if header is None:
            raise UserMistake(f"{path}: the file holds no header")
        self._columns = self._checked_header(header)
        self.schema = pa.schema([(name, pa.string()) for name in self._columns])

    def batches(self) -> Iterator[Batch]:
        """Every record once; blank lines are no records."""
        good: list[list[str]] = []
        rows: list[int] = []
        rejects: list[Reject] = []
        records = self._records()
        next(records)
        for number, (fields, raw, fault) in enumerate(records, start=1):
            fault = fault or self._width_fault(fields)
            if fault:
                rejects.append(Reject(number, fault, raw.encode(self._codec, "surrogateescape")))
            else:
                good.append(fields)
                rows.append(number)
            if len(good) + len(rejects) >= self._options.batch_rows:
                yield self._batch(good, rows, rejects)
                good, rows, rejects = [], [], []
        if good or rejects:
            yield self._batch(good, rows, rejects)

    @property
    def _codec(self) -> str:
        # The BOM that Excel writes is no part of the first column's name.
        return "utf-8-sig" if self._options.encoding.lower() in ("utf-8", "utf8") else self._options.encoding

    def _records(self) -> Iterator[tuple[list[str], str, str | None]]:
        """(fields, raw text, fault or None) of each record, the header included."""
        csv.field_size_limit(_LONGEST_FIELD)
        with self._path.open(encoding=self._codec, errors="surrogateescape", newline="") as stream:
            lines = _Lines(stream)
            while True:
                lines.start_record()
                try:
                    fields = next(csv.reader(lines, delimiter=self._delimiter, strict=True), None)
                except csv.Error as fault:
                    lines.give_back_all_but_first()
                    yield [], "".join(lines.record), f"quoting is broken ({fault})"
                    continue
                if fields is None:
                    return
                if fields:
                    raw = "".join(lines.record)
                    yield fields, raw, _decoding_fault(raw, self._options.encoding)

    def _checked_header(self, header: tuple[list[str], str, str | None]) -> list[str]:
        columns, _, fault = header
        if fault:
            raise UserMistake(f"{self._path}:1: header: {fault}")
        doubled = sorted({name for name in columns if columns.count(name) > 1})
        if doubled:
            raise UserMistake(f"{self._path}:1: columns named twice: {', '.join(doubled)}; rename them")
        if len(columns) == 1 and self._options.delimiter is None:
            for other, name in ((";", "semicolons"), ("\t", "tabs")):
                if other in columns[0]:
                    raise UserMistake(f"{self._path}:1: columns look separated by {name}; add --delimiter '{other}'")
        return columns

    def _width_fault(self, fields: list[str]) -> str | None:
        if len(fields) == len(self._columns):
            return None
        return f"{len(fields)} fields where the header has {len(self._columns)}"

    def _batch(self, good: list[list[str]], rows: list[int], rejects: list[Reject]) -> Batch:
        columns = zip(*good, strict=True) if good else [[] for _ in self._columns]
        table = pa.table([pa.array(list(values), pa.string()) for values in columns], schema=self.schema)
        return Batch(table, tuple(rows), tuple(rejects))


def _decoding_fault(text: str, encoding: str) -> str | None:
    for character in text:
        if "\ud800" <= character <= "\udfff":
            byte = ord(character) & 0xFF
            return f"not {encoding} (byte 0x{byte:02x}); if the file has another encoding, add --encoding NAME"
    return None


def _refuse_other_encodings(path: Path, encoding: str) -> None:
    try:
        "".encode(encoding)
    except LookupError as fault:
        raise UserMistake(f"--encoding: {encoding!r} is no encoding that Python knows") from fault
    with path.open("rb") as stream:
        start = stream.read(2)
    if start in (b"\xff\xfe", b"\xfe\xff") and "16" not in encoding:
        raise UserMistake(f"{path}: looks like UTF-16; add --encoding utf-16")
