"""A fault and the place it was written at; the shared words for what was found."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from ukraine_stance.errors import UserMistake

Plain: TypeAlias = "bool | int | float | str | tuple[Plain, ...] | dict[str, Plain] | None"
Keys: TypeAlias = tuple[str | int, ...]

_LONGEST_QUOTE = 60


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a key was written; the file's places sort first, by position, then the overrides as given.

    source is 0 for the file, else the override's number from 1; line and column count from 1, in code points.
    """

    source: int
    line: int
    column: int
    label: str


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong: where, at which dotted key (empty: none in particular), what and how to mend it."""

    place: Place
    key: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place.label, self.key, self.text) if part)


def mistake(faults: Iterable[Fault]) -> UserMistake:
    """All faults in one error, a line each, sorted by place."""
    return UserMistake("\n".join(str(fault) for fault in sorted(set(faults))))


def dotted(keys: Keys) -> str:
    """Keys as a person writes them: `data.files[0]`."""
    parts = "".join(f"[{key}]" if isinstance(key, int) else f".{printable(key)}" for key in keys)
    return parts.removeprefix(".")


def printable(text: str) -> str:
    """The text on one line, shortened, with escapes for what a terminal would not show."""
    shown = text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "..."
    return escaped(shown)


def escaped(text: str) -> str:
    """The text on one line, whole, with escapes for what a terminal would not show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def found(value: Plain) -> str:
    """What stands there, in words of YAML."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return f"the whole number {printable(str(value))}"
        case float():
            return f"the number {value!r}"
        case str():
            return f"the text '{printable(value)}'"
        case tuple():
            return f"a list of {len(value)} value{'s' if len(value) != 1 else ''}"
        case _:
            return "a section of keys"
