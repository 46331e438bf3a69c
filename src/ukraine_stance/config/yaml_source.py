"""YAML 1.2 read on the composed node tree: plain data, the place of every key, and all faults of the text at once."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
)
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from ukraine_stance.config.faults import Fault, Keys, Place, Plain, dotted, escaped, printable
from ukraine_stance.config.scalars import resolve_plain

# A config is a screenful; the limits keep a hostile or mistaken file from costing minutes.
_MOST_BYTES = 64 * 1024
_DEEPEST = 10

_REMEDIES = {
    "mapping values are not allowed here": "quote a value that holds ': ', or mend the indentation",
    "found character '\\t' that cannot start any token": "indent with spaces, not tabs",
    "could not find expected ':'": "a key is followed by ': '",
    "expected <block end>, but found": "mend the indentation",
}


class _Unreadable(Exception):
    """The text as a whole cannot be used; carries the one fault that says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(slots=True)
class Document:
    """What one YAML text says. data is None when the text as a whole could not be used.

    places holds the place of every key and list item; the empty path is the document's beginning.
    """

    data: dict[str, Plain] | None = None
    places: dict[Keys, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read(path: Path) -> Document:
    """Read a config file. Whatever its bytes are, the answer is a Document; what is wrong stands in its faults."""
    document = Document()
    try:
        node = _compose(_decode(_read_bytes(path), path), str(path))
        document.data = _mapping(node, str(path), document)
    except _Unreadable as refusal:
        document.faults.append(refusal.fault)
    return document


def parse_value(text: str) -> Plain:
    """A YAML scalar or flow list, as given to an override. Raises ValueError with the fault in plain words."""
    if len(text) > _MOST_BYTES:
        raise ValueError("the value is too long")
    document = Document()
    try:
        node = _compose(text, "")
        if isinstance(node, MappingNode):
            raise ValueError("the value is a section (give each of its keys its own --set)")
        if isinstance(node, SequenceNode) and not node.flow_style:
            raise ValueError("write a list in brackets: [a, b]")
        if node is not None and text[node.end_mark.index :].strip():
            raise ValueError("'#' begins a comment (quote a text that holds ' #')")
        value = None if node is None else _value(node, (), "", document)
    except _Unreadable as refusal:
        raise ValueError(refusal.fault.text) from None
    if document.faults:
        raise ValueError(document.faults[0].text)
    return value


def _place(label: str, line: int, column: int) -> Place:
    return Place(0, line, column, f"{escaped(label)}:{line}:{column}")


def _place_of(node_or_event: Node | Event, label: str) -> Place:
    mark = node_or_event.start_mark
    return _place(label, mark.line + 1, mark.column + 1)


def _read_bytes(path: Path) -> bytes:
    place = Place(0, 0, 0, escaped(str(path)))
    try:
        if path.is_dir():
            raise _Unreadable(Fault(place, "", "is a folder (name a YAML file in it)"))
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise _Unreadable(Fault(place, "", f"no such file{_near_names(path)}")) from None
    except OSError as error:
        raise _Unreadable(Fault(place, "", f"cannot be read ({error.strerror})")) from None
    except ValueError:  # a NUL in the name
        raise _Unreadable(Fault(place, "", "no such file")) from None
    if len(content) > _MOST_BYTES:
        raise _Unreadable(Fault(place, "", f"longer than {_MOST_BYTES // 1024} KiB, which no config is"))
    return content


def _near_names(path: Path) -> str:
    try:
        names = sorted(sibling.name for sibling in path.parent.iterdir() if sibling.suffix in {".yaml", ".yml"})
    except OSError:
        return f" (nor is there a folder {escaped(str(path.parent))})"
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    if not near:
        return ""
    return f" (did you mean {' or '.join(repr(str(path.with_name(name))) for name in near)}?)"


def _decode(content: bytes, path: Path) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        place = _position(before, len(before), str(path))
        raise _Unreadable(Fault(place, "", "not UTF-8 (save the file as UTF-8)")) from None


def _position(text: str, index: int, label: str) -> Place:
    before = re.split(r"\r\n|\r|\n", text[:index])
    return _place(label, len(before), len(before[-1]) + 1)


def _compose(text: str, label: str) -> Node | None:
    """Root of the node tree, None for a text without content. Raises _Unreadable for what is not one plain document."""
    try:
        _refuse_what_is_not_plain(YAML(typ="safe", pure=True).parse(text), label)
        root: Node | None = YAML(typ="safe", pure=True).compose(text)
        return root
    except MarkedYAMLError as error:
        raise _Unreadable(_syntax_fault(error, label)) from None
    except ReaderError as error:
        place = _position(text, error.position, label)
        raise _Unreadable(Fault(place, "", "holds a control character, which YAML does not allow")) from None
    except (YAMLError, ValueError, OverflowError):  # ruamel lets chr() fail on "\UFFFFFFFF"
        raise _Unreadable(Fault(_place(label, 1, 1), "", "not YAML (an escape names no character)")) from None


def _syntax_fault(error: MarkedYAMLError, label: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    place = _place(label, mark.line + 1, mark.column + 1) if mark else _place(label, 1, 1)
    problem = " ".join((error.problem or error.context or "syntax error").split())
    remedy = next((f" ({remedy})" for start, remedy in _REMEDIES.items() if problem.startswith(start)), "")
    return Fault(place, "", f"not YAML: {escaped(problem)}{remedy}")


def _refuse_what_is_not_plain(events: Iterator[Event], label: str) -> None:
    """Stop at the first construct that a config has no use for, before any tree is built from it."""
    depth = documents = 0
    for event in events:
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        elif isinstance(event, DocumentStartEvent):
            documents += 1
        refusal = _refusal(event, depth, documents)
        if refusal:
            raise _Unreadable(Fault(_place_of(event, label), "", refusal))


def _refusal(event: Event, depth: int, documents: int) -> str:
    if depth > _DEEPEST:
        return "nested too deeply for a config"
    if isinstance(event, DocumentStartEvent):
        if documents > 1:
            return "a second document begins (a config is one document; remove '---')"
        if event.version not in {None, (1, 2)} or event.tags:
            return "directives are not supported (a config is YAML 1.2; remove the line that begins with '%')"
        return ""
    if getattr(event, "anchor", None) is not None:
        return "anchors and aliases are not supported (write the value out, or quote a text that begins with & or *)"
    tag = getattr(event, "tag", None)
    if tag is not None:
        return f"tags such as {printable(str(tag))} are not supported (write the plain value)"
    return ""


def _mapping(node: Node | None, label: str, document: Document) -> dict[str, Plain]:
    if node is None:
        raise _Unreadable(Fault(_place(label, 1, 1), "", "the file is empty (write its keys: key: value)"))
    if not isinstance(node, MappingNode):
        raise _Unreadable(Fault(_place_of(node, label), "", "expected keys and values (key: value)"))
    document.places[()] = _place_of(node, label)
    return _section(node, (), label, document)


def _section(node: MappingNode, above: Keys, label: str, document: Document) -> dict[str, Plain]:
    values: dict[str, Plain] = {}
    first: dict[str, Place] = {}
    for key_node, value_node in node.value:
        place = _place_of(key_node, label)
        if not isinstance(key_node, ScalarNode) or key_node.value == "<<":
            document.faults.append(Fault(place, dotted(above), _key_refusal(key_node)))
            continue
        key = key_node.value
        keys = (*above, key)
        if key not in values:
            first[key] = document.places[keys] = place
            values[key] = _value(value_node, keys, label, document)
            continue
        earlier = first[key]
        fault = f"given twice, first at {earlier.line}:{earlier.column} (keep one)"
        document.faults.append(Fault(place, dotted(keys), fault))
        # Read for the repeated keys inside alone: places and values stay those of the first.
        inside = Document()
        _value(value_node, keys, label, inside)
        document.faults += inside.faults
    return values


def _key_refusal(key_node: Node) -> str:
    if isinstance(key_node, ScalarNode):
        return "merge keys (<<) are not supported (write the keys out)"
    return "a key must be a single word"


def _value(node: Node, keys: Keys, label: str, document: Document) -> Plain:
    if isinstance(node, ScalarNode):
        # ruamel marks a quoted or block scalar by its style; only a plain one is anything but text.
        return str(node.value) if node.style else resolve_plain(node.value)
    if isinstance(node, SequenceNode):
        return tuple(_item(item, (*keys, index), label, document) for index, item in enumerate(node.value))
    assert isinstance(node, MappingNode)
    return _section(node, keys, label, document)


def _item(node: Node, keys: Keys, label: str, document: Document) -> Plain:
    document.places[keys] = _place_of(node, label)
    return _value(node, keys, label, document)
