"""What differs between what was asked once and what is asked now, in words for one line."""

from collections.abc import Iterator
from typing import Any

_MOST_SHOWN = 3


def difference(there: dict[str, Any], here: dict[str, Any]) -> str:
    """The values that differ, by dotted name; of data, which are hashes, only that they do. Empty where none does."""
    old, new = dict(_flat(there)), dict(_flat(here))
    differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    said = [
        f"other {name}" if name in ("data", "code") else f"{name}: {old.get(name)} there, {new.get(name)} here"
        for name in differing[:_MOST_SHOWN]
    ]
    more = len(differing) - len(said)
    return ", ".join(said) + (f" and {more} more" if more else "")


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
