"""`--set a.b=v`: parsed, held against the keys there are, and laid over what the file says."""

from collections.abc import Sequence
from dataclasses import dataclass

from ukraine_stance.config.faults import Fault, Place, Plain, dotted, escaped
from ukraine_stance.config.keys import TOP, keys_of, meant
from ukraine_stance.config.schema import AnyLayout
from ukraine_stance.config.yaml_source import Document, parse_value

SET = "--set "


@dataclass(frozen=True, slots=True)
class Override:
    """A value for one key; keys is (key,) at the top level, else (section, key)."""

    keys: tuple[str, ...]
    value: Plain
    place: Place


class _Refused(ValueError):
    """Why an override cannot be used; its key stands beside the words."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


def parse(layout: AnyLayout, texts: Sequence[str]) -> tuple[list[Override], list[Fault]]:
    """Overrides that can be laid over a file, and the faults of the others. A key may be set once."""
    overrides: dict[tuple[str, ...], Override] = {}
    faults: list[Fault] = []
    for number, text in enumerate(texts, start=1):
        place = Place(number, 0, 0, SET + escaped(text))
        try:
            override = _override(layout, text, place)
        except _Refused as refusal:
            faults.append(Fault(place, refusal.key, str(refusal)))
            continue
        earlier = overrides.setdefault(override.keys, override)
        if earlier is not override:
            fault = f"set twice, first by {earlier.place.label} (keep one)"
            faults.append(Fault(place, dotted(override.keys), fault))
    return list(overrides.values()), faults


def apply(overrides: Sequence[Override], document: Document) -> None:
    """Lay the overrides over the document, which must have data; a section that is not there is made.

    Where the file has a plain value in a section's place nothing is laid over it: the file's own fault says why.
    """
    assert document.data is not None
    for override in overrides:
        target = document.data
        for section in override.keys[:-1]:
            if target.get(section) is None:
                target[section] = {}
                document.places[(section,)] = override.place
            inner = target[section]
            if not isinstance(inner, dict):
                break
            target = inner
        else:
            target[override.keys[-1]] = override.value
            _forget_below(override.keys, document)
            document.places[override.keys] = override.place


def _forget_below(keys: tuple[str, ...], document: Document) -> None:
    for below in [place for place in document.places if place[: len(keys)] == keys]:
        del document.places[below]


def _override(layout: AnyLayout, text: str, place: Place) -> Override:
    path, equals, value = text.partition("=")
    keys = tuple(key.strip() for key in path.split("."))
    key = dotted(keys)
    if not equals:
        raise _Refused("", "has no '=' (write --set section.key=value)")
    if not all(keys):
        raise _Refused("", "names no key (write --set section.key=value)")
    if keys[0] in layout.sections and len(keys) == 1:
        inside = ", ".join(keys_of(layout, keys[0])) or f"{keys[0]}.NAME"
        raise _Refused(key, f"is a section (set one of its keys: {inside})")
    if len(keys) > 2 or (len(keys) == 2 and keys[0] not in layout.sections):
        raise _Refused(key, f"unknown key ({_meant_path(layout, keys)})")
    try:
        return Override(keys, parse_value(value), place)
    except ValueError as error:
        raise _Refused(key, str(error)) from None


def _meant_path(layout: AnyLayout, keys: tuple[str, ...]) -> str:
    section, key = keys[0], keys[1]
    known = keys_of(layout, section) if section in layout.sections else ()
    if known and key not in known:
        return meant(layout, section, key)
    if section in keys_of(layout, TOP):
        path = f"{section}.{key}" if section in layout.sections else section
        return f"'{path}' has no keys below it"
    owner = next((name for name in reversed(layout.sections) if key in keys_of(layout, name)), None)
    return f"did you mean '{owner}.{key}'?" if owner else meant(layout, TOP, section)
