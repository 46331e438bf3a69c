"""JSON Lines: one object a line; columns and their types are found in a first pass over the file."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables.places import Place
from ukraine_stance.tables.reading import JSON_TEXT, Batch, ReadOptions, holds_json, in_batches
from ukraine_stance.tables.text import TextFile

# Beyond the first, integers do not survive as double; beyond the second, not as int64. Such are kept as JSON text.
_EXACT_IN_DOUBLE = 2**53
_EXACT_IN_INT64 = 2**63 - 1

# Python's own limit depends on what called it: a row read at one depth of calls could not be written at another.
_DEEPEST_NESTING = 100


class JsonLinesSource:
    """A file of JSON objects; a key that a row lacks is null there."""

    def __init__(self, place: Place, options: ReadOptions) -> None:
        self._file = TextFile(place, options.encoding, options.adjustable)
        self._options = options
        # Name of a column -> the kinds of value that it holds.
        self.kinds: dict[str, set[str]] = {}
        total = 0
        first_fault = ""
        for value, fault, _ in self._records():
            total += 1
            first_fault = first_fault or fault
            for key, item in (value or {}).items():
                self.kinds.setdefault(key, set()).add(_kind(item))
        if not self.kinds:
            said = f" (the first fault: {first_fault})" if first_fault else ""
            raise UserMistake(f"{place}: no line holds a JSON object with a key that can be used{said}")
        self.total: int | None = total
        self.widen(self.kinds)

    def widen(self, kinds: dict[str, set[str]]) -> None:
        """Take the columns and types that hold these kinds of value too: those of several files."""
        self.schema = pa.schema([_field(name, found) for name, found in kinds.items()])

    def batches(self) -> Iterator[Batch]:
        """Every line once; blank lines are no rows."""
        for good, rows, rejects, raws in in_batches(self._records(), self._options.rows_a_batch(len(self.schema))):
            columns = [self._column(field, [row.get(field.name) for row in good]) for field in self.schema]
            yield Batch(pa.table(columns, schema=self.schema), rows, rejects, raws=raws)

    def _records(self) -> Iterator[tuple[dict[str, Any] | None, str, bytes]]:
        """(object, "", raw bytes) or (None, fault, raw bytes) of each line that is not blank."""
        for line in self._file.lines(newline="\n"):
            if line.strip():
                yield *self._parsed(line), self._file.raw(line)

    def _parsed(self, line: str) -> tuple[dict[str, Any] | None, str]:
        fault = self._file.fault(line)
        if fault:
            return None, fault
        try:
            value = _loaded(line)
        except ValueError as broken:
            return None, str(broken)
        if not isinstance(value, dict):
            return None, f"a JSON {type(value).__name__}, not an object"
        for name in self._options.strings:
            if not isinstance(value.get(name), str | None):
                return None, f"{name} is not a string ({json.dumps(value[name])[:40]})"
        return value, ""

    def _column(self, field: pa.Field, values: list[Any]) -> pa.Array:
        if holds_json(field):
            values = [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
        return pa.array(values, field.type)


def _field(name: str, kinds: set[str]) -> pa.Field:
    match sorted(kinds - {"null"}):
        case [] | ["string"]:
            return pa.field(name, pa.string())
        case ["bool"]:
            return pa.field(name, pa.bool_())
        case ["int"] | ["long"] | ["int", "long"]:
            return pa.field(name, pa.int64())
        case ["float"] | ["float", "int"]:
            return pa.field(name, pa.float64())
        case _:
            return pa.field(name, pa.string(), metadata=JSON_TEXT)


def _loaded(line: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The line's value. Raises ValueError saying why it cannot be used."""
    try:
        value = json.loads(line, object_pairs_hook=_object, parse_constant=_no_constant)
        # An escape can name half of a surrogate pair, and 1e999 no number that a file can hold.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError as fault:
        raise ValueError("holds half of a surrogate pair") from fault
    except (json.JSONDecodeError, RecursionError) as fault:
        raise ValueError(f"not JSON ({fault})") from fault
    except ValueError as fault:
        said = str(fault)
        if said.startswith("Exceeds the limit"):  # Python's, on the digits of a whole number
            raise ValueError("holds a number of too many digits") from fault
        if said.startswith("Out of range"):
            raise ValueError("holds a number that is too large") from fault
        raise
    if _is_too_deep(line, value):
        raise ValueError(f"nested more than {_DEEPEST_NESTING} deep")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"holds {name}, which is no JSON; write null")


def _is_too_deep(line: str, value: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
    if line.count("[") + line.count("{") <= _DEEPEST_NESTING:
        return False
    level = [value]
    for _ in range(_DEEPEST_NESTING + 1):
        level = [item for part in level for item in _inside(part)]
    return bool(level)


def _inside(value: Any) -> list[Any]:  # noqa: ANN401 - whatever JSON holds
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
        case _:
            return []


def _kind(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            magnitude = abs(value)
            return "int" if magnitude <= _EXACT_IN_DOUBLE else "long" if magnitude <= _EXACT_IN_INT64 else "json"
        case float():
            return "float"
        case str():
            return "string"
        case _:
            return "json"
