"""What pydantic finds, said in plain words: expected, found, and the remedy where one is known."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ukraine_stance.config.faults import Plain, found
from ukraine_stance.config.scalars import resolve_plain
from ukraine_stance.config.schema import KEY, REGISTRY_NAME, SHA256, SLUG
from ukraine_stance.config.sweep import TRIED

Words: TypeAlias = Callable[[Mapping[str, Any], str, str], str]

_PATTERNS = {
    SLUG: "small letters, digits and single hyphens between them",
    SHA256: "64 hexadecimal digits in small letters",
    TRIED: "a key of the sections model, tfidf or transformer, written model.KEY",
    KEY: "small letters, digits, '_' and '-', the first a letter or digit",
    REGISTRY_NAME: "letters, digits, '.', '_' and '-', the first a letter or digit",
}

_SIZES = "two whole numbers [shortest, longest]"
_LISTS = {"field_shares": "three shares [favor, against, neutral]"}

# (pydantic's context, what was found, " or null" where null is allowed) -> the fault.
_WORDS: dict[str, Words] = {
    "string_type": lambda _, found, null: f"expected text{null}, found {found}",
    "int_type": lambda _, found, null: f"expected a whole number{null}, found {found}",
    "float_type": lambda _, found, null: f"expected a number{null}, found {found}",
    "finite_number": lambda _, found, null: f"expected a finite number{null}, found {found}",
    "bool_type": lambda _, found, null: f"expected true or false{null}, found {found}",
    "tuple_type": lambda _, found, null: f"expected a list in brackets{null}, found {found}",
    "model_type": lambda _, found, null: f"expected a section of keys, found {found}",
    "dict_type": lambda _, found, null: f"expected a section of keys, found {found}",
    "model_attributes_type": lambda _, found, null: f"expected a section of keys, found {found}",
    "too_long": lambda context, found, null: _WORDS["wrong_length"](context, found, null),
    "literal_error": lambda context, found, null: f"expected {context['expected']}{null}, found {found}",
    "greater_than": lambda context, found, _: f"must be above {context['gt']:g}, found {found}",
    "greater_than_equal": lambda context, found, _: f"must be at least {context['ge']}, found {found}",
    "less_than": lambda context, found, _: f"must be below {context['lt']:g}, found {found}",
    "less_than_equal": lambda context, found, _: f"must be at most {context['le']}, found {found}",
    "string_too_short": lambda _, found, null: f"expected text{null}, found an empty one",
    "string_too_long": lambda context, found, _: f"longer than {context['max_length']} characters",
    "string_unicode": lambda *_: "holds half of a surrogate pair, which is no character",
    "string_pattern_mismatch": lambda context, found, null: (
        f"expected {_PATTERNS[context['pattern']]}{null and ', or null'}; found {found}"
    ),
    "value_error": lambda context, found, _: str(context["error"]),
    "wrong_length": lambda context, found, null: f"expected {_LISTS.get(context['key'], _SIZES)}{null}, found {found}",
}


def plain_words(kind: str, context: Mapping[str, Any], value: Plain, nullable: bool) -> str:
    """The fault of a value; kind and context are pydantic's, or `wrong_length` for a list of the wrong length.

    context also holds the `key` whose value it is.
    """
    words = _WORDS.get(kind)
    if words is None:
        return f"not a value for this key, found {found(value)}"
    remedy = _remedy(kind, value)
    return words(context, found(value), " or null" if nullable else "") + (f" ({remedy})" if remedy else "")


def _remedy(kind: str, value: Plain) -> str:
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "put it in quotes"
    if kind in {"model_type", "dict_type", "model_attributes_type"} and value is None:
        return "write its keys below it, indented, or remove the line"
    if not isinstance(value, str):
        return ""
    meaning = resolve_plain(value)
    if kind == "bool_type" and (value.lower() in {"yes", "no", "on", "off"} or isinstance(meaning, bool)):
        return "write true or false without quotes; in YAML 1.2 any other word is text"
    if kind in {"int_type", "float_type"} and isinstance(meaning, int | float) and not isinstance(meaning, bool):
        return "remove the quotes"
    return ""
