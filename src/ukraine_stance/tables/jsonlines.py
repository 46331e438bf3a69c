"""JSON Lines: one object a line; columns and their types are found in a first pass over the file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables.reading import JSON_TEXT, Batch, ReadOptions, Reject

# Beyond this, integers do not survive as double; such columns are kept as JSON text.
_EXACT_IN_DOUBLE = 2**53


class JsonLinesSource:
    """A file of JSON objects; a key that a row lacks is null there."""

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self._path = path
        self._options = options
        kinds: dict[str, set[str]] = {}
        total = 0
        for _, value, _ in self._lines():
            total += 1
            for key, item in (value or {}).items():
                kinds.setdefault(key, set()).add(_kind(item))
        if not kinds:
            raise UserMistake(f"{path}: no line holds a JSON object")
        self.total: int | None = total
        self.schema = pa.schema([self._field(name, found) for name, found in kinds.items()])

    def batches(self) -> Iterator[Batch]:
        """Every line once; blank lines are no rows."""
        good: list[dict[str, Any]] = []
        rows: list[int] = []
        rejects: list[Reject] = []
        for number, (raw, value, fault) in enumerate(self._lines(), start=1):
            if value is None:
                rejects.append(Reject(number, fault, raw))
            else:
                good.append(value)
                rows.append(number)
            if len(good) + len(rejects) >= self._options.batch_rows:
                yield self._batch(good, rows, rejects)
                good, rows, rejects = [], [], []
        if good or rejects:
            yield self._batch(good, rows, rejects)

    def _lines(self) -> Iterator[tuple[bytes, dict[str, Any] | None, str]]:
        """(raw line, object or None, fault) of each line that is not blank."""
        with self._path.open("rb") as stream:
            for number, raw in enumerate(stream):
                line = raw.removeprefix(b"\xef\xbb\xbf") if number == 0 else raw
                if line.strip():
                    yield raw, *self._parsed(line)

    def _parsed(self, line: bytes) -> tuple[dict[str, Any] | None, str]:
        try:
            text = line.decode(self._options.encoding)
            value = json.loads(text)
            # An escape can name half a surrogate pair, which no file can hold.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            return None, "holds half of a surrogate pair"
        except UnicodeDecodeError as fault:
            return None, f"not {self._options.encoding} (byte 0x{line[fault.start]:02x}); if so, add --encoding NAME"
        except (ValueError, RecursionError) as fault:
            return None, f"not JSON ({fault})"
        if not isinstance(value, dict):
            return None, f"a JSON {type(value).__name__}, not an object"
        for name in self._options.strings:
            if not isinstance(value.get(name), str | None):
                return None, f"{name} is {json.dumps(value[name])[:40]}, not a string"
        return value, ""

    def _field(self, name: str, kinds: set[str]) -> pa.Field:
        match sorted(kinds - {"null"}):
            case [] | ["string"]:
                return pa.field(name, pa.string())
            case ["bool"]:
                return pa.field(name, pa.bool_())
            case ["int"]:
                return pa.field(name, pa.int64())
            case ["float"] | ["float", "int"]:
                return pa.field(name, pa.float64())
            case _:
                return pa.field(name, pa.string(), metadata=JSON_TEXT)

    def _batch(self, good: list[dict[str, Any]], rows: list[int], rejects: list[Reject]) -> Batch:
        columns = []
        for field in self.schema:
            values = [row.get(field.name) for row in good]
            if field.metadata == JSON_TEXT:
                values = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
            columns.append(pa.array(values, field.type))
        return Batch(pa.table(columns, schema=self.schema), tuple(rows), tuple(rejects))


def _kind(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int" if abs(value) <= _EXACT_IN_DOUBLE else "json"
        case float():
            return "float"
        case str():
            return "string"
        case _:
            return "json"
