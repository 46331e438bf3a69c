"""Articles to statements: sentencex finds the sentences, and here its cuts are mended where news text misleads it.

Every offset is exact: `text == article.body[start:end]`, and between two statements of a block stands only white space.
"""

import re
from collections import Counter, deque
from collections.abc import Iterator
from itertools import pairwise

import sentencex

from ukraine_stance.corpus import quotations
from ukraine_stance.records import Article, Block, Statement

LANGUAGE = "en"

# Shortened words that stand before a name or a figure and so never end a sentence; sentencex knows many others, but
# not before a name that is a common word, as in 'Dr. No'.
_BEFORE_NAME = frozenset(
    "dr mr mrs ms messrs prof gen gens lt col maj sgt capt cpl spc pvt adm brig cmdr sen sens rep reps gov pres amb rev"
    " hon st mt ft vs approx e.g i.e".split()
)
_BEFORE_FIGURE = frozenset("vol ch chap para".split())
# Words that open a sentence after 'the U.S.' or 'a Ph.D.', where a capital alone tells nothing.
_OPENERS = frozenset(
    "the a an he she it they we i you this that these those but and in on at by for his her their".split()
)
_TIME_AFTER_CLOCK = re.compile(
    r"(?:\w+ ){0,2}time\b|(?:GMT|UTC|[CEMPW]E?[SD]?T|MSK)\b|on\b|(?:Sun|Mon|Tues|Wednes|Thurs|Fri|Satur)day\b"
)
# Two letters after a dot inside a word are a site's country ('Example.Az') unless they are a word.
_SHORT_WORDS = frozenset("am an as at be by do eu go he if in is it me my no of oh on or so to uk un up us we".split())
_SITE_ENDINGS = frozenset("com org net info news media press online".split())
_SAID = (
    r"(?:said|says|added|adds|asked|asks|told|replied|answered|warned|stressed|noted|wrote|writes|explained|insisted"
    r"|continued|concluded|argued|declared|stated|shouted|cried|tweeted|posted|recalled|emphasi[sz]ed|demanded|joked)"
)
_AFTER_SAID = (
    r"on|in|at|during|after|before|to|late|later|earlier|when|while|as|from|by|via|last|this|yesterday|today|\w+day"
)
# At most 14 words with nothing said in them: 'Ana Doe, the president, told reporters in the capital.'
_ATTRIBUTION = re.compile(
    r"(?=(?:\S+\s+){1,13}\S+$)(?!.*\bthat\b)[A-Z][\w.'’-]*(?:\s[\w.'’-]+){0,5}?(?:,[^,]{1,60},)?"
    rf"\s{_SAID}\b(?:\s(?:reporters|journalists|lawmakers))?(?:[,.]|\s(?:{_AFTER_SAID})\b|$)"
)
_CLOSED_QUOTE = re.compile(r"[.?!…][\"”’“»]$")
_LONGEST_WORD = 60
_LAST_WORD = re.compile(r"[^\s(\[“”\"‘'«»]+$")


def split(article: Article) -> list[Statement]:
    """Cut an article's blocks into statements, in order; each sentence of a longer quotation is one of them."""
    cut = [(block, start, end) for block in article.blocks for start, end in _spans_in(article.body, block)]
    quote_ids = _quote_ids(article, [(start, end) for _, start, end in cut])
    return [
        Statement(article.article_id, start, end, article.body[start:end], block.kind, quote_id)
        for (block, start, end), quote_id in zip(cut, quote_ids, strict=True)
    ]


def spans(text: str) -> list[tuple[int, int]]:
    """Cut a paragraph into sentences and give (start, end) of each, without outer white space.

    Cutting a sentence again gives that sentence: a part is cut on until it is whole by itself, since a quotation mark
    that lost its partner no longer holds sentences together.
    """
    bounds = [0, *_cuts(text), len(text)]
    parts = [(start, end) for start, end in (_stripped(text, *part) for part in pairwise(bounds)) if start < end]
    if len(parts) <= 1:
        return parts
    return [(start + a, start + b) for start, end in parts for a, b in spans(text[start:end])]


def _spans_in(body: str, block: Block) -> Iterator[tuple[int, int]]:
    for start, end in spans(body[block.start : block.end]):
        yield block.start + start, block.start + end


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), start + len(part.rstrip())


def _cuts(text: str) -> list[int]:
    """Positions between two sentences, in order."""
    cuts = set(_boundaries(text))
    for quotation in quotations.find(text):
        if quotations.is_speech(text, quotation):
            cuts.update(_cuts_inside(text, quotation.start + 1, quotation.end - 1))
    ordered = [0, *sorted(cuts), len(text)]
    kept = [cut for cut, end in pairwise(ordered[1:]) if not _is_false(text, cut, end)]
    return _without_empty_parts(text, kept)


def _cuts_inside(text: str, start: int, end: int) -> list[int]:
    """Cut the words of a quotation; a single word ('No.', 'Never.') says nothing alone and stays with the next."""
    bounds = [0, *_boundaries(text[start:end]), end - start]
    return [start + cut for before, cut in pairwise(bounds[:-1]) if len(text[start + before : start + cut].split()) > 1]


def _boundaries(text: str) -> list[int]:
    """Positions where sentencex cuts, without the two ends.

    It is given plain spaces and no lone surrogate, one for one: its release 1.0 panics at a no-break space between an
    initial and a full stop.
    """
    plain = re.sub(r"\s", " ", text).encode("utf-8", "replace").decode("utf-8")
    ends = [boundary["end_index"] for boundary in sentencex.get_sentence_boundaries(LANGUAGE, plain)]
    return [end for end in ends if 0 < end < len(text)]


def _is_false(text: str, cut: int, end: int) -> bool:
    """True for a cut where the sentence goes on; `end` is where the part after it ends."""
    left, right = text[max(0, cut - _LONGEST_WORD) : cut].rstrip(), text[cut:end].lstrip()
    if right[:1].islower() and not right[1:2].isupper():
        return True
    if _CLOSED_QUOTE.search(left) and _ATTRIBUTION.match(right.rstrip()):
        return True
    is_inside_word = not any(map(str.isspace, text[cut - 1 : cut + 1]))
    return _is_site(left, right) if is_inside_word else _is_shortened(left, right)


def _is_site(left: str, right: str) -> bool:
    word = re.match(r"[a-z]+", right, re.IGNORECASE)
    if not left.endswith(".") or word is None:
        return False
    ending = word[0].casefold()
    return ending in _SITE_ENDINGS or (len(ending) == 2 and ending not in _SHORT_WORDS)


def _is_shortened(left: str, right: str) -> bool:
    """True where the dot before the cut belongs to a shortened word that needs what follows."""
    last = _LAST_WORD.search(left)
    if last is None or not last[0].endswith("."):
        return False
    word = last[0][:-1].casefold()
    if word in _BEFORE_NAME:
        return True
    if word in _BEFORE_FIGURE:
        return right[:1].isdigit()
    if word in {"a.m", "p.m"}:
        return _TIME_AFTER_CLOCK.match(right) is not None
    opener = re.match(r"\w+", right)
    return (
        "." in word and word.replace(".", "").isalpha() and opener is not None and opener[0].casefold() not in _OPENERS
    )


def _without_empty_parts(text: str, cuts: list[int]) -> list[int]:
    """Leave out cuts beside a part without letter or figure: a closing mark belongs to what it closes."""
    kept: list[int] = []
    for cut in cuts:
        if _has_words(text[kept[-1] if kept else 0 : cut]):
            kept.append(cut)
    while kept and not _has_words(text[kept[-1] :]):
        kept.pop()
    return kept


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)


def _quote_ids(article: Article, statements: list[tuple[int, int]]) -> list[int | None]:
    """Number the quotations that hold several statements, from 1; a statement that touches two of them joins them."""
    numbers: dict[int, int] = {}
    touched: list[int | None] = []
    waiting = deque(_quoted(article))
    for start, end in statements:
        while waiting and waiting[0][2] <= start:
            waiting.popleft()
        keys = []
        for key, first, _ in waiting:
            if first >= end:
                break
            keys.append(key)
        number = next((numbers[key] for key in keys if key in numbers), len(touched) + 1)
        numbers.update(dict.fromkeys(keys, number))
        touched.append(number if keys else None)
    sizes = Counter(touched)
    several = [number for number, size in sizes.items() if number is not None and size > 1]
    renumbered: dict[int | None, int] = {number: place for place, number in enumerate(several, start=1)}
    return [renumbered.get(number) for number in touched]


def _quoted(article: Article) -> list[tuple[int, int, int]]:
    """Give (key, start, end) of the words inside quotations; parts of one over several paragraphs share the key."""
    quoted: list[tuple[int, int, int]] = []
    goes_on = False
    texts = [article.body[block.start : block.end] for block in article.blocks]
    for block, text, next_text in zip(article.blocks, texts, [*texts[1:], ""], strict=False):
        for index, quotation in enumerate(quotations.find(text)):
            continued = not quotation.closed and quotations.takes_up(next_text)
            if not (continued or quotations.is_speech(text, quotation) or (goes_on and index == 0)):
                continue
            key = quoted[-1][0] if goes_on and index == 0 else len(quoted)
            end = quotation.end - 1 if quotation.closed else quotation.end
            quoted.append((key, block.start + quotation.start + 1, block.start + end))
        goes_on = quotations.is_open(text) and quotations.takes_up(next_text)
    return quoted
