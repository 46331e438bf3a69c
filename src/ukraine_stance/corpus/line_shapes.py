"""What a line of a page looks like, whatever it says: a title, a sentence, a list item, a date, a name."""

import re

_MONTH = (
    r"(?:jan(?:uar[yi]?)?|feb(?:ruar[yi]?)?|mar(?:ch)?|märz|apr(?:il)?|ma[yi]|june?|juni|july?|juli|aug(?:ust)?"
    r"|sept?(?:ember)?|o[ck]t(?:ober)?|nov(?:ember)?|de[cz](?:ember)?)\.?"
)
_WEEKDAY = (
    r"(?:mon|tue|wed|thu|fri|sat|sun)\.?|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch"
)
_FIGURE = (
    r"\d{1,4}(?:st|nd|rd|th|\.)?|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?:t[\d:.+]+z?)?"
    r"|\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:[ap]m)?"
)
_AROUND_DATE = (
    r"[ap]\.?m\.?|gmt|utc|[ce]e?s?t|[ep][ds]?t|msk|uhr|updated|published|posted|modified|created|last|on|at|am|um|stand"
    r"|date|min(?:ute)?s?|hours?|days?|read|reading|time|ago|yesterday|today"
)
_DATE_WORD = re.compile(f"{_MONTH}|{_WEEKDAY}|{_FIGURE}|{_AROUND_DATE}", re.IGNORECASE)
_NAME_WORD = re.compile(r"[A-ZÀ-ÖØ-ÞĀ-ɏЀ-Я][\w.'’-]*|and|und|of|in|for|für|the|de|van|von|der|bin|al|la|&")
_TOKEN = re.compile(r"[^\s,|·•–—()\[\]]+")
_SIGN = r"[-–•*▪◦‣·●■►]"
_BULLET = re.compile(rf"(?:{_SIGN}|\d{{1,2}}\)|\d{{1,2}}\.(?!\s+{_MONTH}\b)|[a-z]\))(?=\s|$)\s*", re.IGNORECASE)
_LONE_BULLET = re.compile(rf"{_SIGN}|—|\d{{1,2}}[.)]")
_SPEAKER_TAG = re.compile(
    r", (?:[A-Z][\w.'’-]*|\w+ ministry|officials?|minister|president) (?:says?|said|warns?|reports?)$"
)
_AFTER_END = "\"'”’“»« )]"
_SITE_NAME = re.compile(r"\s[|–—-]\s\S.{0,40}")


def word_count(text: str) -> int:
    """Number of words; '1,000', 'U.S' and 'peace-keeper' are one each."""
    return len(re.findall(r"\w+(?:[.'’,-]\w+)*", text))


def is_title(text: str) -> bool:
    """True for a line without the end of a sentence: a headline, a cross-head, the title of a teaser."""
    bare = text.rstrip(_AFTER_END)
    return word_count(text) <= 30 and not bare.endswith((".", ";", ":", ",", "…", "!")) and not text[:1].islower()


def is_sentence(text: str) -> bool:
    """True for a line that opens like a sentence and ends like one."""
    return (
        word_count(text) >= 4 and not text[:1].islower() and text.rstrip(_AFTER_END).endswith((".", "!", "?", "…", ":"))
    )


def has_speaker_tag(text: str) -> bool:
    """True for the headline form that ends in ', Doe says', which no cross-head has."""
    return _SPEAKER_TAG.search(text) is not None


def same_title(one: str, other: str) -> bool:
    """True for the same title twice, also where one has a full stop or, after a bar or dash, the site's name."""
    titles = (" ".join(text.casefold().split()).rstrip(".") for text in (one, other))
    short, long = sorted(titles, key=len)
    return long.startswith(short) and (short == long or _SITE_NAME.fullmatch(long[len(short) :]) is not None)


def bullet_length(text: str) -> int:
    """Number of characters that the list mark and its white space take at the start of the line; 0 without a mark."""
    mark = _BULLET.match(text)
    return mark.end() if mark else 0


def is_lone_bullet(text: str) -> bool:
    """True where the list mark is all that stands on the line."""
    return _LONE_BULLET.fullmatch(text) is not None


def is_date(text: str) -> bool:
    """True where the line is nothing but a date, a clock time or a reading time."""
    words = [word.rstrip(":") for word in _TOKEN.findall(text)]
    return any(map(str.isdigit, text)) and all(map(_DATE_WORD.fullmatch, words))


def is_place_and_date(text: str) -> bool:
    """True for 'Examplestadt, 3 May 2030': at most three names, a comma, then only a date."""
    place, comma, rest = text.partition(",")
    names = place.split()
    return bool(comma) and len(names) <= 3 and all(map(_NAME_WORD.fullmatch, names)) and is_date(rest)


def is_dateline(text: str) -> bool:
    """True for a place alone in capitals, of at most two words: 'LONDON', 'NEW YORK', 'PARIS/ROME', 'AUSTIN, Texas'."""
    place, _, rest = text.partition(",")
    region = [word for word in _TOKEN.findall(rest) if not _DATE_WORD.fullmatch(word)]
    return place.isupper() and len(place.split()) <= 2 and len(region) <= 1 and all(map(_NAME_WORD.fullmatch, region))


def is_names(text: str, longest: int = 4) -> bool:
    """True for 'Ana Doe and Ben Roe, Daily Sample May 1, 2030': names of up to `longest` words, and perhaps a date."""
    parts = [_TOKEN.findall(part) for part in re.split(r"[,;|&/]|\band\b|\bund\b", text)]
    parts = [[word for word in part if not _DATE_WORD.fullmatch(word)] for part in parts]
    named = [part for part in parts if part]
    fits = all(len(part) <= longest and all(map(_NAME_WORD.fullmatch, part)) for part in named)
    return 1 <= len(named) <= 5 and fits
