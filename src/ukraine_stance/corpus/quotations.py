"""Where quotations stand in a text; sentences of one quotation must be known as such, also across paragraphs."""

import re
from dataclasses import dataclass

# An opening mark and what may close it; German closes with the mark that opens in English.
_CLOSERS = {"“": "”", "„": "“”", "«": "»", "»": "«", '"': '"', "‘": "’", "'": "'"}
# These are apostrophes too, so they close a quotation only after punctuation and are never waited for in vain.
_SINGLE = frozenset("‘'")
_MARK = re.compile(f"[{''.join(_CLOSERS)}]")
_PUNCTUATION = frozenset(".,!?…;:–—")


@dataclass(frozen=True, slots=True)
class Quotation:
    """A quotation in a text, its marks included; one that is not closed runs to the end of the text."""

    start: int
    end: int
    closed: bool = True


def find(text: str) -> list[Quotation]:
    """Find the outermost quotations in order; only the last can be open."""
    found: list[Quotation] = []
    for mark in _MARK.finditer(text):
        if not found or mark.start() >= found[-1].end:
            quotation = _at(text, mark.start())
            found += [quotation] if quotation else []
    return found


def is_speech(text: str, quotation: Quotation) -> bool:
    """Tell words that somebody said from a title or a word in quotes, which has no punctuation at its closing mark."""
    if not quotation.closed:
        return False
    last, after = text[quotation.end - 2], text[quotation.end : quotation.end + 1]
    return last in _PUNCTUATION or after in _PUNCTUATION or not text[quotation.end :].strip()


def is_open(text: str) -> bool:
    """True where the text ends inside a quotation, as a paragraph does whose quotation the next one takes up."""
    found = find(text)
    return bool(found) and not found[-1].closed


def takes_up(text: str) -> bool:
    """True where the text opens with a quotation mark: after an open one it goes on with that quotation."""
    return text.lstrip()[:1] in _CLOSERS.keys() - _SINGLE


def _at(text: str, start: int) -> Quotation | None:
    """Find the quotation that opens at a position, if one does."""
    mark = text[start]
    before, after = text[start - 1 : start], text[start + 1 : start + 2]
    if mark not in _CLOSERS or before.isalnum() or before in _PUNCTUATION - {"–", "—", ":"} or not after.strip():
        return None
    for end in range(start + 2, len(text)):
        if text[end] in _CLOSERS[mark] and _closes(text, end, single=mark in _SINGLE):
            return Quotation(start, end + 1)
    return None if mark in _SINGLE else Quotation(start, len(text), closed=False)


def _closes(text: str, position: int, single: bool) -> bool:
    before, after = text[position - 1], text[position + 1 : position + 2]
    if before.isspace() or after.isalnum():
        return False
    return not single or before in _PUNCTUATION
