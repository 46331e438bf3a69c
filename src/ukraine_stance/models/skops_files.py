"""Fitted scikit-learn objects as skops files: of the same object the same bytes, and nothing read that skops mistrusts.

skops names arrays by their addresses in memory and dates them; what it writes is written again with numbers and without
a date, so that equal trainings give files that can be compared.
"""

import io
import json
from itertools import count
from pathlib import Path, PurePath
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import skops.io

from ukraine_stance.errors import UserMistake

_SCHEMA = "schema.json"
_LEVEL = 6


def write(held: Any, path: Path) -> None:  # noqa: ANN401
    """Write what skops can hold, deflated; numpy integers in a dictionary make it one file each, and slow."""
    with ZipFile(io.BytesIO(skops.io.dumps(held))) as given, ZipFile(path, "w") as written:
        schema = json.loads(given.read(_SCHEMA))
        for old, new in _renumbered(schema, set(given.namelist())).items():
            _add(written, new, given.read(old))
        _add(written, _SCHEMA, json.dumps(schema, separators=(",", ":")).encode())


def read(path: Path) -> Any:  # noqa: ANN401
    """What a skops file holds. Raises UserMistake where it is missing, broken or holds types that skops mistrusts."""
    if not path.is_file():
        raise UserMistake(f"{path}: missing; the model folder is incomplete, copy or train it again")
    try:
        foreign = skops.io.get_untrusted_types(file=path)
        held = None if foreign else skops.io.load(path, trusted=[])
    except (BadZipFile, KeyError, TypeError, ValueError) as fault:
        raise UserMistake(f"{path}: cannot be read; copy or train the model again") from fault
    if foreign:
        raise UserMistake(f"{path}: holds types that no model of ours has ({', '.join(sorted(foreign))}); not loaded")
    return held


def _renumbered(schema: Any, members: set[str]) -> dict[str, str]:  # noqa: ANN401
    """Put numbers, in the order of the schema, for addresses of objects and names of members; new names by old."""
    numbers: dict[Any, int] = {}
    names: dict[str, str] = {}
    waiting, following = [schema], count(1)
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(reversed(node))
            continue
        if not isinstance(node, dict):
            continue
        waiting.extend(reversed(node.values()))
        if isinstance(node.get("__id__"), int):
            # Whether equal words or numbers are one object depends on how they came to be.
            known = (node["__class__"], node["content"]) if node.get("is_json") else node["__id__"]
            if known not in numbers:
                numbers[known] = next(following)
            node["__id__"] = numbers[known]
        if isinstance(name := node.get("file"), str) and name in members:
            names.setdefault(name, f"{len(names) + 1}{PurePath(name).suffix}")
            node["file"] = names[name]
    return names


def _add(written: ZipFile, name: str, content: bytes) -> None:
    undated = ZipInfo(name)
    undated.external_attr = 0o600 << 16
    written.writestr(undated, content, ZIP_DEFLATED, _LEVEL)
