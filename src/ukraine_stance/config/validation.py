"""Plain data against the schema: a config, or every fault of every section at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import NoneType
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ukraine_stance.config.faults import Fault, Keys, Place, Plain, dotted, found
from ukraine_stance.config.keys import TOP, keys_of, meant, near_key, nearest_family
from ukraine_stance.config.schema import MEMBERS, AnyLayout, Layout, Schema
from ukraine_stance.config.wording import plain_words
from ukraine_stance.config.yaml_source import Document

_FAMILY: Keys = ("model", "family")

# What pydantic adds to the path of a key that is itself at fault.
_OF_KEY = "[key]"


@dataclass(frozen=True, slots=True)
class _Finding:
    """One error of pydantic's; keys is its path without the union's tag."""

    keys: Keys
    kind: str
    context: dict[str, Any]
    value: Plain


def validate(
    layout: Layout[Schema], document: Document, file_family: Plain = None
) -> tuple[Schema | None, list[Fault]]:
    """The config, None where there are faults; the document must have data.

    file_family is what the file itself says of model.family, before any override.
    """
    assert document.data is not None
    data, family, faults = _with_family(layout, document.data, document)
    if family and family != "ensemble":
        data, foreign = _without_members(data, family, document)
        faults += foreign
    try:
        config = layout.schema.model_validate(data)
        return (None, faults) if faults else (config, [])
    except ValidationError as error:
        findings = [_finding(layout, raw) for raw in error.errors(include_url=False)]
    # A union without its tag is reported already, and nobody knows which keys it should have.
    findings = [finding for finding in findings if not finding.kind.startswith("union_tag")]
    if family and isinstance(file_family, str) and file_family in layout.families and file_family != family:
        findings, switched = _without_switched(layout, findings, file_family, family, document)
        faults += switched
    misspelt = {_misspelt(layout, finding, family) for finding in findings if finding.kind == "extra_forbidden"}
    faults += [
        _fault(layout, finding, family, document)
        for finding in findings
        if not (finding.kind == "missing" and finding.keys in misspelt)
    ]
    return None, faults


def _with_family(
    layout: AnyLayout, data: dict[str, Plain], document: Document
) -> tuple[dict[str, Plain], str | None, list[Fault]]:
    """The data, the family whose keys `model` is held to, and the faults of model.family.

    A misspelt family is mended in the returned data, so that the section's other faults show. One that resembles none
    gives None, and only the keys that no family has are faults.
    """
    section = data.get("model")
    if not isinstance(section, dict) or not layout.families:
        return data, None, []
    family = section.get("family")
    if isinstance(family, str) and family in layout.families:
        return data, family, []
    near = nearest_family(layout, family) if isinstance(family, str) else None
    faults = [Fault(_place_of(_FAMILY, document), dotted(_FAMILY), _family_words(layout, section, near))]
    if near:
        return {**data, "model": {**section, "family": near}}, near, faults
    for key in section:
        if key not in keys_of(layout, "model"):
            faults.append(_fault(layout, _Finding(("model", key), "extra_forbidden", {}, None), None, document))
    return data, None, faults


def _without_members(data: dict[str, Plain], family: str, document: Document) -> tuple[dict[str, Plain], list[Fault]]:
    """The data without sections for members that the family does not have, and one fault for each of these."""
    foreign = [name for name in MEMBERS if data.get(name) is not None]
    text = f"a section for the family ensemble alone; the model here is {family} (did you mean 'model'?)"
    faults = [Fault(_place_of((name,), document), name, text) for name in foreign]
    return {key: value for key, value in data.items() if key not in foreign}, faults


def _family_words(layout: AnyLayout, section: dict[str, Plain], near: str | None) -> str:
    choices = " or ".join(f"'{family}'" for family in layout.families)
    if "family" not in section:
        return f"missing (choose {choices})"
    return f"expected {choices}, found {found(section['family'])}" + (f" (did you mean '{near}'?)" if near else "")


def _finding(layout: AnyLayout, raw: ErrorDetails) -> _Finding:
    keys: Keys = raw["loc"]
    if len(keys) > 1 and keys[0] == "model" and keys[1] in layout.families:
        keys = (keys[0], *keys[2:])
    keys = keys or (_FAMILY if layout.families else ())  # an experiment's one rule across sections is about the family
    kind = raw["type"]
    if kind == "missing" and isinstance(keys[-1], int):  # pydantic misses the second of a pair, a person the pair
        keys, kind = keys[:-1], "wrong_length"
    if keys and keys[-1] == _OF_KEY:
        keys = keys[:-1]
    return _Finding(keys, kind, raw.get("ctx", {}), raw["input"])


def _without_switched(
    layout: AnyLayout, findings: Iterable[_Finding], file_family: str, family: str, document: Document
) -> tuple[list[_Finding], list[Fault]]:
    """The findings that an override of the family did not cause, and one fault in place of those that it did."""
    kept: list[_Finding] = []
    foreign: list[str] = []
    needed: list[str] = []
    for finding in findings:
        key = str(finding.keys[-1])
        if finding.keys[0] != "model" or len(finding.keys) != 2:
            kept.append(finding)
        elif finding.kind == "missing":
            needed.append(key)
        elif _is_foreign(layout, finding, file_family, document):
            foreign.append(key)
        else:
            kept.append(finding)
    if not foreign and not needed:
        return kept, []
    of_file = f"; {', '.join(foreign)} belong to {file_family}" if foreign else ""
    to_set = f"; {family} also needs {', '.join(needed)}" if needed else ""
    text = f"the file's model is of the family {file_family}{of_file}{to_set} (start from a config of {family})"
    return kept, [Fault(_place_of(_FAMILY, document), dotted(_FAMILY), text)]


def _is_foreign(layout: AnyLayout, finding: _Finding, file_family: str, document: Document) -> bool:
    from_file = _place_of(finding.keys, document).source == 0
    return from_file and finding.kind == "extra_forbidden" and finding.keys[-1] in keys_of(layout, "model", file_family)


def _misspelt(layout: AnyLayout, finding: _Finding, family: str | None) -> Keys:
    """Path of the key that an unknown key was meant to be; its absence is the same mistake, said once."""
    *above, key = finding.keys
    return (*above, near_key(layout, str(above[0]) if above else TOP, str(key), family) or "")


def _fault(layout: AnyLayout, finding: _Finding, family: str | None, document: Document) -> Fault:
    keys = finding.keys
    place = _place_of(keys, document)
    section = str(keys[0]) if len(keys) > 1 else TOP
    field = _field(layout, keys, family) if keys else None
    if not keys:
        return Fault(place, "", plain_words(finding.kind, finding.context, finding.value, False))
    if finding.kind == "extra_forbidden":
        text = f"unknown key ({meant(layout, section, str(keys[-1]), family)})"
    elif finding.kind == "missing":
        text = f"missing ({field.description if field else ''})"
    else:
        nullable = field is not None and NoneType in get_args(field.annotation)
        text = plain_words(finding.kind, {**finding.context, "key": keys[-1]}, finding.value, nullable)
        if keys in {(name,) for name in layout.sections}:  # a rule across keys
            place = _latest_override(keys, document) or place
    return Fault(place, dotted(keys), text)


def _field(layout: AnyLayout, keys: Keys, family: str | None) -> FieldInfo | None:
    if len(keys) == 1:
        top: dict[str, FieldInfo] = layout.schema.model_fields
        return top.get(str(keys[0]))
    section = layout.sections.get(str(keys[0])) if keys[0] != "model" else layout.families.get(family or "")
    return section.model_fields.get(str(keys[1])) if section and len(keys) == 2 else None


def _place_of(keys: Keys, document: Document) -> Place:
    """Where the key was written, or else the nearest section around it."""
    while keys and keys not in document.places:
        keys = keys[:-1]
    return document.places[keys]


def _latest_override(keys: Keys, document: Document) -> Place | None:
    below = [place for path, place in document.places.items() if path[: len(keys)] == keys and place.source > 0]
    return max(below, default=None)
