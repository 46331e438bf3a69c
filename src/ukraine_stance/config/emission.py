"""A config written as YAML that reads back to the same config."""

import re
from collections.abc import Iterator, Mapping
from typing import get_args

from pydantic import BaseModel

from ukraine_stance.config.faults import Keys, Plain, dotted
from ukraine_stance.config.scalars import resolve_plain

# Without quotes goes only what no YAML reader, not even one of YAML 1.1, can take for anything but text.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*\Z")
_WORDS_OF_OLD_YAML = {"y", "n", "yes", "no", "on", "off"}


def resolved_yaml(config: BaseModel) -> str:
    """The whole config with every default written out; it loads to an equal config."""
    return "".join(f"{line}\n" for _, line in _lines(config, ()))


def annotated_yaml(config: BaseModel, origins: Mapping[str, str]) -> str:
    """As `resolved_yaml`, with the origin of each value as a trailing comment; origins is by dotted key."""
    lines = list(_lines(config, ()))
    width = max((len(line) for keys, line in lines if len(line) <= 60), default=0)
    return "".join(
        f"{line:<{width}}  # {origins[dotted(keys)]}\n" if dotted(keys) in origins else f"{line}\n"
        for keys, line in lines
    )


def leaves(config: BaseModel, above: Keys = ()) -> Iterator[tuple[Keys, Plain]]:
    """Path and value of every key that is no section, in the schema's order."""
    for key, field in type(config).model_fields.items():
        value = getattr(config, key)
        if isinstance(value, BaseModel):
            yield from leaves(value, (*above, key))
        elif isinstance(value, dict):
            yield from (((*above, key, name), inner) for name, inner in value.items())
        elif value is None and _holds_section(field.annotation):
            continue
        else:
            yield (*above, key), value


def _holds_section(annotation: object) -> bool:
    return any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in get_args(annotation))


def _lines(config: BaseModel, section: Keys) -> Iterator[tuple[Keys, str]]:
    for keys, value in leaves(config):
        if keys[:-1] != section:
            section = keys[:-1]
            yield section, f"{section[-1]}:"
        yield keys, f"{'  ' * len(section)}{keys[-1]}: {_flow(value)}"


def _flow(value: Plain) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return value if _reads_as_text(value) else _quoted(value)
        case tuple():
            return f"[{', '.join(_flow(item) for item in value)}]"
        case _:
            raise TypeError(f"a config holds no {type(value).__name__} in a key")


def _reads_as_text(text: str) -> bool:
    return bool(_PLAIN.match(text)) and text.lower() not in _WORDS_OF_OLD_YAML and isinstance(resolve_plain(text), str)


def _quoted(text: str) -> str:
    return '"' + "".join(_escape(character) for character in text) + '"'


def _escape(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08x}"
