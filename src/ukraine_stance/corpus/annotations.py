"""Labels of article sentences, kept apart from the text: a row names a place and the hash of what stands there.

So labels can be shared without the articles, and lead back to the sentences only where somebody has those.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from ukraine_stance.corpus import relocation
from ukraine_stance.corpus.relocation import Place
from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ASPECTS
from ukraine_stance.records import Article, Kind, Vote

_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Name = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Annotation:
    """One coder's label for `body[start:end]` of an article; sha256 is that sentence's, article_sha256 the body's."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    article_id: _Name
    article_sha256: _Hash
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=1)]
    sha256: _Hash
    label: Literal["favor", "against", "neutral"]
    holder: str
    aspect: str
    coder: _Name
    codebook_version: _Name
    topic: Literal["on", "off"] = "on"
    hard_case: Annotated[int, Field(ge=1, le=17)] | None = None

    @property
    def place(self) -> Place:
        """Where the sentence stood when it was labelled."""
        return Place(self.start, self.end, self.sha256)

    @property
    def vote(self) -> Vote:
        """The label as a dataset keeps it."""
        return Vote(self.coder, self.label, self.codebook_version)


@dataclass(frozen=True, slots=True)
class LabelledSpan:
    """A labelled sentence found in its article: `text == article.body[start:end]`, with every annotation of it."""

    article: Article
    start: int
    end: int
    text: str
    kind: Kind
    votes: tuple[Annotation, ...]


@dataclass(frozen=True, slots=True)
class Unmatched:
    """An annotation whose sentence was not found, and in one line why."""

    annotation: Annotation
    reason: str


@dataclass(frozen=True, slots=True)
class Alignment:
    """Annotations against articles, none lost: matched in the articles' order, unmatched in the annotations'."""

    matched: tuple[LabelledSpan, ...]
    unmatched: tuple[Unmatched, ...]


_ROW = TypeAdapter(Annotation)


def read(folder: Path) -> list[Annotation]:
    """Read every .jsonl file of a folder, in the order of their names.

    Raises UserMistake with every fault, one `file:line: fault` per line, or where there is no such file.
    """
    lines = [
        (f"{path}:{number}", line)
        for path in sorted(folder.glob("*.jsonl"))
        for number, line in enumerate(path.read_bytes().splitlines(), start=1)
        if line.strip()
    ]
    if not lines:
        raise UserMistake(f"{folder}: holds no annotations; put .jsonl files with a row per coder and sentence there")
    annotations: list[Annotation] = []
    faults: list[str] = []
    first_places: dict[tuple[str | int, ...], str] = {}
    for place, line in lines:
        try:
            annotation = _ROW.validate_json(line)
        except ValidationError as error:
            faults += [f"{place}: {_said(detail)}" for detail in error.errors()]
            continue
        faults += [f"{place}: {fault}" for fault in _inconsistencies(annotation)]
        first = first_places.setdefault(_identity(annotation), place)
        if first != place:
            faults.append(
                f"{place}: {annotation.coder} has labelled this sentence at {first}; keep one of the two rows"
            )
        annotations.append(annotation)
    if faults:
        raise UserMistake("\n".join(faults))
    return annotations


def align(annotations: Sequence[Annotation], articles: Sequence[Article]) -> Alignment:
    """Find the sentence of every annotation.

    In an unchanged article (equal hash) it must stand where the row says; in a changed one it is looked for by its
    hash and keeps its labels at its new place. A renamed file is known by its body's hash.
    """
    by_id = {article.article_id: article for article in articles}
    by_hash = {article.sha256: article for article in reversed(articles)}
    starts: dict[Annotation, int] = {}
    homes: dict[Annotation, Article] = {}
    for (article_id, body_hash), group in _grouped(annotations).items():
        article = by_id.get(article_id) or by_hash.get(body_hash)
        if article is not None:
            find = relocation.verified if article.sha256 == body_hash else relocation.found_again
            found = find(article, {annotation.place for annotation in group})
            homes.update(dict.fromkeys(group, article))
            starts.update({a: found[a.place] for a in group if a.place in found})
    votes: defaultdict[tuple[str, int, int], list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        if annotation in starts:
            start, length = starts[annotation], annotation.end - annotation.start
            votes[homes[annotation].article_id, start, start + length].append(annotation)
    return Alignment(
        tuple(_spans(votes, articles)),
        tuple(Unmatched(a, _reason(a, homes.get(a))) for a in annotations if a not in starts),
    )


def _inconsistencies(annotation: Annotation) -> Iterator[str]:
    if annotation.end <= annotation.start:
        yield f"end {annotation.end} is not after start {annotation.start}"
    if annotation.aspect not in ASPECTS:
        yield f"aspect {annotation.aspect!r} is none of {', '.join(ASPECTS)}"
    if annotation.topic == "off" and annotation.label != "neutral":
        yield "a statement about something else (topic off) is neutral"


def _identity(annotation: Annotation) -> tuple[str | int, ...]:
    """What no two rows may share; under a new version of the codebook a coder may label a sentence again."""
    return (
        annotation.article_id,
        annotation.article_sha256,
        *annotation.place,
        annotation.coder,
        annotation.codebook_version,
    )


def _said(detail: Any) -> str:  # noqa: ANN401 - pydantic's ErrorDetails
    where = ".".join(map(str, detail["loc"]))
    return f"{where}: {detail['msg']}" if where else str(detail["msg"])


def _grouped(annotations: Sequence[Annotation]) -> dict[tuple[str, str], list[Annotation]]:
    groups: defaultdict[tuple[str, str], list[Annotation]] = defaultdict(list)
    for annotation in annotations:
        groups[annotation.article_id, annotation.article_sha256].append(annotation)
    return groups


def _spans(votes: dict[tuple[str, int, int], list[Annotation]], articles: Sequence[Article]) -> Iterator[LabelledSpan]:
    order = {article.article_id: (index, article) for index, article in enumerate(articles)}
    for article_id, start, end in sorted(votes, key=lambda key: (order[key[0]][0], key[1], key[2])):
        article = order[article_id][1]
        text = article.body[start:end]
        yield LabelledSpan(article, start, end, text, _kind(article, start), tuple(votes[article_id, start, end]))


def _kind(article: Article, start: int) -> Kind:
    """Kind of the block that holds a position; a line labelled before it was taken for furniture is body."""
    return next((block.kind for block in article.blocks if block.start <= start < block.end), "body")


def _reason(annotation: Annotation, article: Article | None) -> str:
    where = f"{annotation.article_id} {annotation.start}:{annotation.end}"
    if article is None:
        return f"{where}: article missing: no file of this name or content was given"
    if article.sha256 == annotation.article_sha256:
        return f"{where}: sentence changed: the article is unchanged, but another text stands there; mend the row"
    return f"{where}: sentence changed: {article.path.name} was changed and no longer holds it"
