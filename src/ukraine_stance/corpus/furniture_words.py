"""Page furniture that a line betrays by its own words.

The rules know how news pages are made, not which pages we have. In doubt a full sentence is kept: a spare neutral
statement costs less than a lost one. So a phrase is anchored wherever an article's sentence could hold it too.
"""

import re

from ukraine_stance.corpus import line_shapes

_PICTURE = (
    r"(?:(?:file )?(?:photo(?:graph|s)?|picture|image)|foto|bild|video|illustration|graphic|grafik"
    r"|(?:archiv|symbol)(?:bild|foto))"
)
_AGENCY = (
    r"(?-i:\b(?:AP|AFP|EPA|EFE|ANP|ANSA|TASS|dpa|DPA|Reuters|REUTERS|Getty|Bloomberg|Sipa|Anadolu|Xinhua|Ukrinform"
    r"|Unian|NurPhoto|Zuma|ZUMA|[Ii]mago|IMAGO|picture alliance|Shutterstock|Alamy|Unsplash|Wikimedia|Flickr|[Pp]ool"
    r"|[Hh]andout)\b)"
)
_IN_BRACKETS = r"[^()\[\]]*"
_FEED = (
    r"(?:news ?feed|editors?['’]?s? picks?|most (?:read|popular|viewed|shared)|trending(?: now)?|newsletters?"
    r"|(?:latest|more|other|top|recent) (?:news|stories|headlines|posts|articles)|leave a (?:comment|reply)"
    r"|about (?:the )?authors?|from our partners|around the web|meistgelesen|mehr nachrichten)"
)
_POINTER = (
    r"(?:read (?:more|also|next)|also read|see also|(?:watch|listen) (?:more|also|now)|more on this(?: story)?"
    r"|related(?: (?:stor(?:y|ies)|posts?|articles?|news|topics?|content|reading))?|continue reading|up next"
    r"|recommended(?: for you)?|source link|don['’]t miss|you (?:may|might) (?:also )?like"
    r"|lesen sie (?:auch|mehr)|mehr zum thema|mehr dazu)"
)

_RULES: dict[str, tuple[str, ...]] = {
    "navigation": (
        r"^(?:skip|jump) to (?:the )?(?:main )?(?:content|navigation)\b",
        r"^zum inhalt\b",
        r"^(?:top|bottom) of page$",
    ),
    "feed": (rf"^{_FEED}\s*:?$",),
    "pointer": (rf"^\W*{_POINTER}\s*[:>»|…]?$",),
    "teaser": (rf"^\W*{_POINTER}\s*[:|]", r"^\W*read more (?:about|on|in|at|here)\b"),
    "byline": (r"(?-i:^[Bb]y [A-Z].*(?:\d{1,2}:\d\d(?: ?[AaPp]\.?[Mm]\.?)?|min(?:utes?)? read)$)",),
    "credit": (
        r"\bcontributed to this (?:report|story|article)\b",
        r"^\(.*\b(?:reporting|editing|writing) by\b.*\)$",
    ),
    "caption": (
        rf"^\W*(?:cover |archive )?{_PICTURE}\s*[:/©|]|^credits?\s*:",
        r"(?-i:^(?:FILE|FILE PHOTO|PHOTO)\s*[-–—:])",
        rf"[(\[](?={_IN_BRACKETS}{_AGENCY})(?={_IN_BRACKETS}(?:/|\bvia\b|photo|image|foto|bild)){_IN_BRACKETS}[)\]]\.?$",
        rf"[(\[]{_PICTURE}\s*(?:[:/©]|by\b|courtesy\b){_IN_BRACKETS}[)\]]\.?$",
        r"[(\[](?:file (?:photo|picture|image)|(?:archiv|symbol)(?:bild|foto))[)\]]\.?$",
        rf"[.|/–—]\s*(?:{_PICTURE}|credit)s?\s*:\s*\S.{{0,80}}$",
        r"[.!?\"”]\s*\((?:source|credit|courtesy)\b[^()]*\)$",
        r"©[^.]{0,60}$",
    ),
    "audio note": (
        r"^this (?:audio|article|story|page|translation) (?:is|was|has been) (?:\w+ )?"
        r"(?:created|generated|narrated|translated|produced|recorded)\b",
        r"^(?:listen to|hear) (?:this|the) (?:article|story|episode|audio|podcast)\b",
        r"^play audio\b",
    ),
    "advertisement": (r"^\W*(?:story|article|text) continues (?:below|after)\b", r"^sponsored (?:by|content)\b"),
    "copyright": (r"^(?:©|\(c\)|copyright (?:©|\(c\)|\d))", r"\ball rights reserved\b"),
    "tags": (r"^(?:tags?|topics?|keywords|categories|filed under|themen|schlagworte)\s*(?::|$)", r"^(?:#\w+[\s,]*)+$"),
    "contact": (r"^(?:https?://\S+|www\.\S+|\S+@\S+\.\w+|@\w+)$", r"^(?:\S+\s+){0,9}https?://\S+$"),
    "social": (
        r"^(?:share (?:this|on|via)|(?:follow|find|like|join) us|tweet this|pin it)\b",
        r"^follow @|^follow\b.{1,40}\bon\b[^.]{0,30}:$",
        r"^(?:\d+\s*(?:views?|comments?|shares?|likes?)\W*)+$",
    ),
    "form": (
        r"^\W*(?:(?:\w+ )?indicates )?required(?: fields?)?$",
        r"^(?:please,? )?enter (?:your|a|an|the|correct|valid)\b.*\be-?mail",
        r"^(?:subscribe|sign up|register)(?: (?:now|here|today))?\W*$",
        r"^(?:subscribe|sign up|register)\b.*\b(?:newsletter|updates|inbox|e-?mails?)\b",
        r"^your e-?mail address\b",
    ),
}
# These speak to the reader in ordinary sentences, so a line with a quotation in it is never one of them.
_RULES_OUTSIDE_QUOTES: dict[str, tuple[str, ...]] = {
    "form": (
        r"^success\w* subscribed",
        r"\bconfirmation e-?mail\b",
        r"\bsign(?:ing)? up (?:for|to) (?:this|our) newsletter\b",
    ),
    "cookie notice": (
        r"^(?=.*\bcookies?\b).*\b(?:accept|consent|we use|your (?:browser|experience)|settings|policy)\b",
    ),
    "appeal": (
        r"\b(?:community|readers|members|subscribers)\b.*\bthank you\b[.!]?$",
        r"^(?:please,? )?(?:become|be) (?:a|our) (?:\w+ )?(?:member|subscriber|supporter|patron)\b",
        r"^donate (?:now|today|here)\b",
    ),
}
_CAUSE = (
    r"\b(?:independent|quality|our) journalism\b|\bpaywall\b|\bour (?:newsroom|reporting|readers|subscribers)\b"
    r"|\bsupport our work\b|\bpatreon\b"
)
_THANKS = (
    r"\b(?:your (?:support|help|gift|donation)|grateful|thank you|donat\w+|contribut\w+|subscri\w+|members?(?:hip)?"
    r"|readers?|stand (?:behind|with) us|free for everyone|monthly|cancel)\b"
)
_TO_READER = r"\b(?:we|us|our|you|your|let['’´]s)\b"
_BY = (
    r"(?:additional )?(?:(?:written|story|text|words|photos?|reporting|editing|translated|compiled) )?by\b"
    r"|von(?! de[rnm]\b)|(?:text|authors?|autor(?:in)?):"
)
_QUOTE_MARKS = frozenset('"“”„«»')
# A short line made of these words only is a row of buttons.
_BUTTONS = frozenset(
    "menu home search close back next previous more less show load all see view toggle navigation login register sign"
    " log in up out share tweet pin facebook x twitter whatsapp telegram linkedin reddit instagram youtube bluesky"
    " threads email e-mail print copy link save bookmark like likes comment comments shares views follow subscribe"
    " post edit live listen play watch video advertisement ad sponsored anzeige werbung teilen drucken"
    " kommentare merken".split()
)


def _compiled(rules: dict[str, tuple[str, ...]]) -> list[tuple[str, re.Pattern[str]]]:
    return [(name, re.compile("|".join(patterns), re.IGNORECASE)) for name, patterns in rules.items()]


_COMPILED = _compiled(_RULES)
_COMPILED_OUTSIDE_QUOTES = _compiled(_RULES_OUTSIDE_QUOTES)


def furniture(text: str) -> str | None:
    """Name of the sort of page furniture that the line is by its words alone, else None."""
    rules = _COMPILED if _has_quote(text) else _COMPILED + _COMPILED_OUTSIDE_QUOTES
    return next((name for name, pattern in rules if pattern.search(text)), None) or _shape(text)


def is_appeal(text: str) -> bool:
    """True where the outlet asks its reader for membership or money, as a sentence or as a fragment of a banner."""
    if _has_quote(text) or not _found(_CAUSE, text):
        return False
    return _found(_TO_READER, text) or (line_shapes.word_count(text) <= 10 and not line_shapes.is_sentence(text))


def goes_on_appealing(text: str) -> bool:
    """True for a line that belongs to an appeal only because one stands right before it."""
    if _has_quote(text) or not _found(_TO_READER, text):
        return False
    return _found(_THANKS, text) or line_shapes.word_count(text) <= 8


def _shape(text: str) -> str | None:
    if not any(map(str.isalnum, text)):
        return "ornament"
    if _is_button_row(text):
        return "buttons"
    if _is_byline(text):
        return "byline"
    if _is_source(text):
        return "source"
    return "date" if line_shapes.is_date(text) else "dateline" if line_shapes.is_place_and_date(text) else None


def _is_button_row(text: str) -> bool:
    words = re.findall(r"[\w-]+", text.casefold())
    return len(words) <= 6 and not _BUTTONS.isdisjoint(words) and all(w in _BUTTONS or w.isdigit() for w in words)


def _is_byline(text: str) -> bool:
    opening = re.match(rf"\(?(?:{_BY})\s+", text, re.IGNORECASE)
    return opening is not None and line_shapes.is_names(text[opening.end() :])


def _is_source(text: str) -> bool:
    opening = re.match(
        r"(?:sources?|quellen?|fuente|fonte|sursa|źródło|джерело|kaynak|via)\s*:\s*", text, re.IGNORECASE
    )
    if opening is None:
        return False
    rest = text[opening.end() :]
    return (
        line_shapes.is_names(rest, longest=5) or re.fullmatch(r"[\w-]+(?:\.[\w-]+)+\S*|https?://\S+", rest) is not None
    )


def _has_quote(text: str) -> bool:
    return not _QUOTE_MARKS.isdisjoint(text)


def _found(pattern: str, text: str) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None
