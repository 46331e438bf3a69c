"""Names taken out of a statement, or the two sides swapped: what a model still knows of it, it has read."""

import re

MASK = "NAME"

# Read as names even where a capital letter says nothing: at the beginning, and in headlines that capitalise every word.
_KNOWN = frozenset(
    """Afghanistan Africa African Africans America American Americans Ankara Asia Asian Athens Australia Australian
    Austria Austrian Baltic Baltics Beijing Belarus Belarusian Belgian Belgium Belgrade Berlin Biden Bratislava
    Brazil Brazilian Britain British Brussels Bucharest Budapest Bulgaria Bulgarian Bundestag Canada Canadian
    Canberra Chile China Chinese Congress Copenhagen Crimea Crimean Croatia Croatian Cyprus Czech Czechia Danish
    Delhi Denmark Donbas Donetsk Dublin Dutch Egypt Erdogan Estonia Estonian Europe European Europeans Finland
    Finnish France French Geneva Georgia Georgian German Germans Germany Greece Greek Hague Helsinki Hungarian
    Hungary Iceland India Indian Indonesia Iran Iranian Iraq Ireland Irish Israel Israeli Istanbul Italian Italy
    Japan Japanese Kazakhstan Kharkiv Kherson Kiev Korea Korean Kosovo Kremlin Kyiv Latvia Latvian Lisbon
    Lithuania Lithuanian London Luhansk Luxembourg Lviv Macron Madrid Malta Mariupol Merkel Merz Mexican Mexico
    Minsk Modi Moldova Moldovan Montenegro Moscow Netherlands Nigeria Nordic Norway Norwegian Obama Odesa Orban
    Orbán Oslo Ottawa Pakistan Paris Parliament Pentagon Poland Polish Poroshenko Portugal Portuguese Prague
    Putin Qatar Riga Romania Romanian Rome Rubio Russia Russian Russians Saudi Scandinavia Scholz Scotland
    Scottish Senate Seoul Serbia Serbian Slovak Slovakia Slovenia Slovenian Sofia Spain Spanish Stockholm
    Stoltenberg Sweden Swedish Swiss Switzerland Sydney Syria Taiwan Tallinn Tbilisi Tehran Tokyo Trump Turkey
    Turkish Ukraine Ukrainian Ukrainians Vance Vatican Vienna Vietnam Vilnius Wales Warsaw Washington Zagreb
    Zelensky Zelenskyy""".split()
)
# Capital letters without a name behind them.
_NO_NAMES = frozenset(
    """I Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August
    September October November December Christmas Easter Mr Mrs Ms Dr President Minister Prime Foreign Defence Defense
    Chancellor Secretary General Sir Lord""".split()
)
# The two sides by the names that the news gives them; each takes the other's place.
_SIDES = (
    ("Ukraine", "Russia"),
    ("Ukrainian", "Russian"),
    ("Ukrainians", "Russians"),
    ("Kyiv", "Moscow"),
    ("Kiev", "Moscow"),
    ("Zelensky", "Putin"),
    ("Zelenskyy", "Putin"),
)
_OTHER_SIDE = {one: other for pair in reversed(_SIDES) for one, other in (pair, pair[::-1])}
_SIDE = re.compile(rf"\b(?:{'|'.join(sorted(_OTHER_SIDE, key=len, reverse=True))})\b")
# A word about either side: a statement without any of them is about nothing that a stance could be toward.
_SIDE_WORD = re.compile(r"(?:\w+-)?(?:Ukrain|Ukran|Russ|Ky[ivy]{2}|Kiev|Moscow|Kremlin|Zelensk|Putin)")

_WORD = re.compile(r"[^\W\d_]+(?:['’.\-][^\W\d_]+)*\.?(?<![.]{2})")
_BEGINS = re.compile(r"(?:[.!?:;]\s+|[\"“‘«(]\s*|['’](?=\w)|[-–—]\s+)$")
_LINKS = frozenset("of the de van von der den al bin and for".split())
_LOOK_BACK = 8  # characters before a word that tell whether a sentence begins with it: whole beginnings cost the square
# Words of this share of a text that bear a capital make it a headline.
_HEADLINE = 0.6


def masked(text: str, but_sides: bool = False) -> str:
    """The statement with every run of names as one `NAME`; weekdays, months and titles stay, on request the sides too.

    A word is a name by its capital letter inside a sentence, by two capitals (NATO), or by a list of countries,
    capitals, their people and a few leaders; some names at the beginning of a sentence are missed, and a headline in
    capitals loses only what the list knows.
    """
    words = [(match.start(), match.end(), match.group().rstrip(".")) for match in _WORD.finditer(text)]
    headline = _is_headline([word for _, _, word in words])
    named = [
        _is_name(word, text[max(0, start - _LOOK_BACK) : start], headline)
        and not (but_sides and _SIDE_WORD.match(word))
        for start, _, word in words
    ]
    for at in range(1, len(words) - 1):  # "Bank of England" is one name
        if words[at][2] in _LINKS and named[at - 1] and named[at + 1] and text[words[at - 1][1] : words[at][0]] == " ":
            named[at] = words[at][2] not in ("and", "for")
    return _written(text, words, named)


def sides_swapped(text: str) -> str:
    """The text with Ukraine and Russia, their people, capitals and presidents in each other's place; else as it was."""
    return _SIDE.sub(lambda found: _OTHER_SIDE[found.group()], text)


def _written(text: str, words: list[tuple[int, int, str]], named: list[bool]) -> str:
    pieces, done, last = [], 0, None
    for (start, _, word), name in zip(words, named, strict=True):
        if not name:
            last = None
            continue
        possessive = re.search(r"['’]s?$", word)
        end = start + len(word) - (len(possessive.group()) if possessive else 0)
        if last is not None and re.fullmatch(r"[ \-]", text[done:start]):
            done = end  # goes on with the name before
        else:
            pieces += [text[done:start], MASK]
            done = end
        last = end
    return "".join([*pieces, text[done:]])


def _is_headline(words: list[str]) -> bool:
    long = [word for word in words if len(word) > 3]
    return len(long) > 3 and sum(word[0].isupper() for word in long) > _HEADLINE * len(long)


def _is_name(word: str, before: str, headline: bool) -> bool:
    core = re.sub(r"['’]s?$", "", word)
    if core in _NO_NAMES or not core:
        return False
    first = core.split("-")[0]
    if first in _KNOWN or core in _KNOWN or (len(core) > 1 and sum(letter.isupper() for letter in core) > 1):
        return True
    return core[0].isupper() and not headline and bool(before) and not _BEGINS.search(before)
