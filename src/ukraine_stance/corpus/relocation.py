"""Find known sentences again in an article whose file may have changed since; a sentence is known by its hash."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import NamedTuple

from ukraine_stance.corpus import sentences
from ukraine_stance.files import sha256_text
from ukraine_stance.records import Article

# Where a sentence can begin: at a line's start, or after white space behind what ends a sentence or marks an item.
_BEGINNING = re.compile(r"(?:^|[\r\n]|[.!?…:;\"”’“»)\]•*–—-]\s)\s*(?=\S)")


class Place(NamedTuple):
    """A sentence as it stood when it was labelled: body[start:end], and the hash of it."""

    start: int
    end: int
    sha256: str


def verified(article: Article, places: Collection[Place]) -> dict[Place, int]:
    """Give the start of each sentence that stands where it stood; the others are left out."""
    return {place: place.start for place in places if _stands_at(article, place, place.start)}


def found_again(article: Article, places: Collection[Place]) -> dict[Place, int]:
    """Give the start that each sentence has now; those that no longer stand anywhere are left out.

    Of equal sentences each takes a start of its own: the one nearest to where the sentences around it moved.
    """
    starts = _starts(article, places)
    copies = Counter(place.sha256 for place in places)
    found = {p: starts[p.sha256][0] for p in places if copies[p.sha256] == 1 and len(starts[p.sha256]) == 1}
    moved = {place.start: start - place.start for place, start in found.items()}
    open_places = [place for place in places if place not in found]
    choices = sorted(
        (abs(start - place.start - _shift_near(place.start, moved)), place, start)
        for place in open_places
        for start in starts[place.sha256]
    )
    taken: set[int] = set()
    for _, place, start in choices:
        if place not in found and start not in taken:
            found[place] = start
            taken.add(start)
    return found


def _starts(article: Article, places: Collection[Place]) -> Mapping[str, list[int]]:
    """Give every start in the article for each hash: among its statements, else anywhere a sentence can begin."""
    starts: defaultdict[str, list[int]] = defaultdict(list)
    for statement in sentences.split(article):
        starts[sha256_text(statement.text)].append(statement.start)
    beginnings = [match.end() for match in _BEGINNING.finditer(article.body)]
    for place in set(places):
        if place.sha256 not in starts:
            starts[place.sha256] = [start for start in beginnings if _stands_at(article, place, start)]
    return starts


def _stands_at(article: Article, place: Place, start: int) -> bool:
    text = article.body[start : start + place.end - place.start]
    return sha256_text(text) == place.sha256


def _shift_near(position: int, moved: Mapping[int, int]) -> int:
    """How far the nearest sentence moved that is found beyond doubt; 0 where none is."""
    nearest = min(moved, key=lambda start: abs(start - position), default=None)
    return 0 if nearest is None else moved[nearest]
