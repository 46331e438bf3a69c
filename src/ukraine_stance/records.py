"""The records that pass between rooms; each is frozen and states its invariant once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["headline", "crosshead", "item", "body"]


@dataclass(frozen=True, slots=True)
class Block:
    """A kept line of an article: `article.body[start:end]`, never page furniture."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Article:
    """An article file as decoded, before any cleaning; blocks are in order and do not overlap.

    For HTML the body is the text that trafilatura extracts, since sentences run across tags there.
    """

    article_id: str
    path: Path
    body: str
    sha256: str
    blocks: tuple[Block, ...]
    title: str | None = None
    date: str | None = None
    outlet: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence cut from an article; always `text == article.body[start:end]`, offsets in code points.

    Sentences of one quotation share a quote_id, unique within the article.
    """

    article_id: str
    start: int
    end: int
    text: str
    kind: Kind
    quote_id: int | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """One coder's label for one statement under one version of the codebook."""

    coder: str
    label: str
    codebook_version: str


@dataclass(frozen=True, slots=True)
class TrialResult:
    """A trial of a sweep that ended: what was set, in words of `--set`, and its validation macro-F1.

    One that was pruned has that of its end; one whose values the data refuse, or one another, has none. started and
    ended are in seconds since 1970.
    """

    number: int
    values: dict[str, str]
    score: float | None
    outcome: Literal["completed", "pruned", "refused"]
    started: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.started
