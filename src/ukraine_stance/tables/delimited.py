"""CSV and TSV: quoted line breaks kept, broken rows given back one by one instead of ending the file."""

import csv
from collections import deque
from collections.abc import Iterator

import pyarrow as pa

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables.places import Place
from ukraine_stance.tables.reading import Batch, ReadOptions, in_batches, refuse_doubled
from ukraine_stance.tables.text import TextFile

_BROKEN = "quoting is broken"

# An unclosed quote swallows what follows; a field of this many characters is taken for one.
_LONGEST_FIELD = 4_000_000


class _Lines:
    """Lines of a stream; those of the record being parsed are remembered and can be put back."""

    def __init__(self, stream: Iterator[str]) -> None:
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

    def __init__(self, place: Place, options: ReadOptions) -> None:
        self._place = place
        self._file = TextFile(place, options.encoding, options.adjustable)
        self._options = options
        self._delimiter = _separator(options.delimiter, "\t" if place.suffix == ".tsv" else ",")
        header = next(self._records(), None)
        if header is None:
            raise UserMistake(f"{place}: the file holds no header")
        self._columns = self._checked_header(header)
        self.schema = pa.schema([(name, pa.string()) for name in self._columns])

    def batches(self) -> Iterator[Batch]:
        """Every record once; blank lines are no records."""
        records = self._records()
        next(records)
        checked = (self._with_width_checked(record) for record in records)
        for good, rows, rejects, raws in in_batches(checked, self._options.rows_a_batch(len(self._columns))):
            columns = zip(*good, strict=True) if good else [[] for _ in self._columns]
            table = pa.table([pa.array(list(values), pa.string()) for values in columns], schema=self.schema)
            yield Batch(table, rows, rejects, raws=raws)

    def _records(self) -> Iterator[tuple[list[str] | None, str, bytes]]:
        """(fields, "", raw bytes) or (None, fault, raw bytes) of each record, the header included."""
        csv.field_size_limit(_LONGEST_FIELD)
        lines = _Lines(self._file.lines(newline=""))
        while True:
            lines.start_record()
            try:
                fields = next(csv.reader(lines, delimiter=self._delimiter, strict=True), None)
            except csv.Error as broken:
                lines.give_back_all_but_first()
                yield None, f"{_BROKEN} ({broken})", self._file.raw("".join(lines.record))
                continue
            if fields is None:
                return
            if fields:
                text = "".join(lines.record)
                fault = self._file.fault(text)
                yield None if fault else fields, fault, self._file.raw(text)

    def _with_width_checked(self, record: tuple[list[str] | None, str, bytes]) -> tuple[list[str] | None, str, bytes]:
        fields, _, raw = record
        if fields is None or len(fields) == len(self._columns):
            return record
        return None, f"another number of fields than the header ({len(fields)}, not {len(self._columns)})", raw

    def _checked_header(self, header: tuple[list[str] | None, str, bytes]) -> list[str]:
        columns, fault, _ = header
        if columns is None:
            remedy = "; mend the quotes there" if fault.startswith(_BROKEN) else ""
            raise UserMistake(f"{self._place}:1: header: {fault}{remedy}")
        refuse_doubled(columns, f"{self._place}:1")
        if len(columns) == 1 and self._options.delimiter is None:
            for other, typed, name in ((";", ";", "semicolons"), ("\t", r"\t", "tabs")):
                if other in columns[0]:
                    remedy = f"add --delimiter '{typed}'" if self._options.adjustable else "separate them by commas"
                    raise UserMistake(f"{self._place}:1: columns look separated by {name}; {remedy}")
        return columns


def _separator(given: str | None, usual: str) -> str:
    if given is None:
        return usual
    separator = given.replace(r"\t", "\t")  # a tab is hard to type in a shell
    if len(separator) != 1 or separator in '"\r\n':
        raise UserMistake(f"--delimiter: {given!r} is not one character that can stand between fields")
    return separator
