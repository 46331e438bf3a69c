"""Statements to labelling tools and labels back: Label Studio, doccano and Argilla, in the JSON that each reads.

A task bears its statement's id as `statement_id` (two of the three overwrite `id`) and the other columns of its row as
one JSON text `columns`, so that they come back exactly and clash with no name of the tool's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ukraine_stance.corpus.exchange import argilla, doccano, label_studio
from ukraine_stance.corpus.exchange.tasks import Labelling, Task

Tool = Literal["label-studio", "doccano", "argilla"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one tool reads and writes; `tasks` gives the files to write by the ending to put after the output's name."""

    suffix: str
    tasks: Callable[[list[Task]], dict[str, str]]
    labellings: Callable[[Path], list[Labelling]]


TOOLS: dict[str, Dialect] = {
    "label-studio": Dialect(".json", label_studio.tasks, label_studio.labellings),
    "doccano": Dialect(".jsonl", doccano.tasks, doccano.labellings),
    "argilla": Dialect(".json", argilla.tasks, argilla.labellings),
}

__all__ = ["TOOLS", "Dialect", "Labelling", "Task", "Tool"]
