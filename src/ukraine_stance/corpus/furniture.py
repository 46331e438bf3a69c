"""Which lines of a page are the article and which are furniture, each with the rule that decided.

First every line is judged by its own words (`furniture_words`), then the page as a whole: what stands before the
navigation, what follows a feed's heading, which title is the headline. Nothing here knows a particular site.
"""

from dataclasses import dataclass
from itertools import pairwise, zip_longest

from ukraine_stance.corpus import furniture_words, line_shapes
from ukraine_stance.records import Kind


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page, `text == body[start:end]`: kept as `kind`, or dropped where kind is None; `rule` says why."""

    number: int
    start: int
    end: int
    text: str
    kind: Kind | None
    rule: str

    def __str__(self) -> str:
        """Say it for a reader who wants to see what was dropped."""
        verdict = f"kept as {self.kind}" if self.kind else "dropped"
        return f"{self.number}: {verdict} ({self.rule}): {self.text}"


@dataclass(slots=True)
class _Draft:
    """A line under judgement; `dropped_as` and `kind` fill up while the passes run."""

    number: int
    start: int
    text: str
    after_blank: bool
    dropped_as: str | None = None
    kind: Kind | None = None
    rule: str = "text"

    @property
    def is_kept(self) -> bool:
        return self.dropped_as is None

    @property
    def is_title(self) -> bool:
        return line_shapes.is_title(self.text) and self.kind != "item"


def judge(body: str) -> tuple[Line, ...]:
    """Judge every line of a body that is not blank, in order.

    A list mark is no part of an item. Paragraphs of a file that was wrapped at a fixed width count as one line each.
    """
    page = _cut(body)
    _find_items(page)
    for draft in page:
        draft.dropped_as = draft.dropped_as or furniture_words.furniture(draft.text)
    _drop_banner(page)
    _drop_appeals(page)
    _drop_feeds(page)
    _drop_pointed_titles(page)
    _drop_teaser_cards(page)
    _find_headline(page)
    _find_crossheads(page)
    return tuple(_line(draft) for draft in page)


def _line(draft: _Draft) -> Line:
    kind = (draft.kind or "body") if draft.is_kept else None
    rule = draft.dropped_as or draft.rule
    return Line(draft.number, draft.start, draft.start + len(draft.text), draft.text, kind, rule)


def _cut(body: str) -> list[_Draft]:
    page: list[_Draft] = []
    position, after_blank = 0, False
    for number, raw in enumerate(body.splitlines(keepends=True), start=1):
        text = raw.strip()
        if text:
            page.append(_Draft(number, position + raw.index(text), text, after_blank))
        after_blank = not text
        position += len(raw)
    return _unwrap(page, body) if _is_wrapped(page) else page


def _is_wrapped(page: list[_Draft]) -> bool:
    """True where lines end in mid-sentence again and again at the same width, as in old plain-text files."""
    followed = [a for a, b in pairwise(page) if not b.after_blank and len(a.text) >= 50]
    broken = [draft for draft in followed if draft.text[-1].isalnum() or draft.text[-1] in ",–—-"]
    return len(broken) >= 4 and len(broken) >= 0.6 * len(followed) and max(len(d.text) for d in page) <= 100


def _unwrap(page: list[_Draft], body: str) -> list[_Draft]:
    joined: list[_Draft] = []
    for draft in page:
        if joined and not draft.after_blank and not line_shapes.bullet_length(draft.text):
            joined[-1].text = body[joined[-1].start : draft.start + len(draft.text)]
        else:
            joined.append(draft)
    return joined


def _find_items(page: list[_Draft]) -> None:
    """Take list marks off the items; a mark that is a line of its own marks the line below it."""
    marked = False
    for draft, following in zip_longest(page, page[1:]):
        length = line_shapes.bullet_length(draft.text)
        if line_shapes.is_lone_bullet(draft.text):
            draft.dropped_as = "list mark"
            marked = following is not None and not following.after_blank
            continue
        if length:
            draft.start, draft.text = draft.start + length, draft.text[length:]
        if length or marked:
            draft.kind, draft.rule = "item", "list mark"
        marked = False


def _drop_banner(page: list[_Draft]) -> None:
    """Drop what stands before the link that skips to the content: by its nature that comes before the article."""
    for index, draft in enumerate(page):
        if draft.dropped_as == "navigation" and _length(page[:index]) < _length(page[index:]):
            for earlier in page[:index]:
                earlier.dropped_as = earlier.dropped_as or "banner"


def _drop_appeals(page: list[_Draft]) -> None:
    inside = False
    for draft in page:
        if not draft.is_kept:
            continue
        inside = furniture_words.is_appeal(draft.text) or (inside and furniture_words.goes_on_appealing(draft.text))
        if inside:
            draft.dropped_as = "appeal"


def _drop_feeds(page: list[_Draft]) -> None:
    """Drop all that follows a feed's heading, unless most of the text does: then the feed stood above the article."""
    for index, draft in enumerate(page):
        if draft.dropped_as == "feed" and _length(page[:index]) > _length(page[index:]):
            for later in page[index:]:
                later.dropped_as = later.dropped_as or "feed"
            return


def _length(page: list[_Draft]) -> int:
    return sum(len(draft.text) for draft in page if draft.is_kept)


def _drop_pointed_titles(page: list[_Draft]) -> None:
    """Drop the titles right below 'Read more' or a feed's heading, once the article has begun.

    A short title right above a sentence may be the article's own cross-head and is left.
    """
    begun = False
    run: list[_Draft] | None = None
    for draft in page:
        if draft.dropped_as in {"pointer", "feed"} and begun:
            run = run or []
        elif draft.is_kept and draft.is_title:
            if run is not None:
                run.append(draft)
        elif draft.is_kept:
            begun = begun or line_shapes.is_sentence(draft.text)
            _drop_run(run or [], before_text=True)
            run = None
    _drop_run(run or [], before_text=False)


def _drop_run(titles: list[_Draft], before_text: bool) -> None:
    if before_text and titles and line_shapes.word_count(titles[-1].text) < 5:
        titles = titles[:-1]
    for title in titles:
        title.dropped_as = "teaser"


def _drop_teaser_cards(page: list[_Draft]) -> None:
    """Drop another story's title and summary, set close together on a page that parts its paragraphs by blank lines.

    A long cross-head looks alike, so the title must name its speaker as headlines do, or furniture must follow.
    """
    sentences = [draft for draft in page if draft.is_kept and line_shapes.is_sentence(draft.text)]
    spaced = sum(draft.after_blank for draft in sentences) > 0.6 * len(sentences)
    for index in range(len(page) - 1):
        title, summary = page[index : index + 2]
        if not (spaced and title.is_kept and summary.is_kept and not summary.after_blank and title.is_title):
            continue
        followed = index + 2 < len(page) and page[index + 2].dropped_as in {"appeal", "feed", "form", "teaser"}
        told_before = sum(draft.number < title.number for draft in sentences)
        long_enough = line_shapes.word_count(title.text) >= 8 and line_shapes.is_sentence(summary.text)
        if told_before >= 3 and long_enough and (followed or line_shapes.has_speaker_tag(title.text)):
            title.dropped_as = summary.dropped_as = "teaser"


def _find_headline(page: list[_Draft]) -> None:
    """Take the first title that is not a menu, section or place as the headline; drop where it is printed again."""
    _drop_above_headline(page)
    kept = [draft for draft in page if draft.is_kept]
    while len(kept) > 1 and (rule := _rule_above_headline(kept[0].text, kept[1])):
        kept.pop(0).dropped_as = rule
    if not kept or not kept[0].is_title:
        return
    headline = kept[0]
    headline.kind, headline.rule = "headline", "first title"
    for later in kept[1:]:
        if line_shapes.same_title(headline.text, later.text):
            later.dropped_as = "title printed twice"
    _judge_lead([draft for draft in kept[1:] if draft.is_kept])


def _drop_above_headline(page: list[_Draft]) -> None:
    """Drop menus and names of sections: titles before a navigation line, or before a title that is printed twice.

    A byline tells nothing here, since a standfirst may stand between the headline and it.
    """
    above: list[_Draft] = []
    menu: list[_Draft] = []
    for draft in page:
        if draft.dropped_as in {"navigation", "feed"}:
            menu = list(above)
        elif draft.is_kept and not draft.is_title:
            break
        elif draft.is_kept:
            menu = next((above[:index] for index, title in enumerate(above) if title.text == draft.text), menu)
            above.append(draft)
    for draft in menu if len(menu) < len(above) else []:
        draft.dropped_as = "navigation"


def _rule_above_headline(text: str, following: _Draft) -> str | None:
    if line_shapes.is_dateline(text):
        return "dateline"
    if line_shapes.same_title(text, following.text) and len(text) > len(following.text) and following.is_title:
        return "title printed twice"
    is_label = line_shapes.word_count(text) <= 2 and line_shapes.is_title(text)
    return "section name" if is_label and following.is_title and line_shapes.word_count(following.text) >= 4 else None


def _judge_lead(below: list[_Draft]) -> None:
    """Judge what stands between the headline and the first sentence: no cross-head, but names, places, a standfirst."""
    ends = (index for index, draft in enumerate(below[:6]) if not draft.is_title and draft.kind != "item")
    for draft in below[: next(ends, 0)]:
        if line_shapes.word_count(draft.text) <= 3:
            draft.dropped_as = "dateline" if line_shapes.is_dateline(draft.text) else "name below the headline"
        elif draft.kind is None:
            draft.kind, draft.rule = "body", "standfirst"


def _find_crossheads(page: list[_Draft]) -> None:
    """Take short titles that text follows as cross-heads; the last line of an article heads nothing."""
    kept = [draft for draft in page if draft.is_kept]
    for draft in kept[:-1]:
        short = draft.is_title and line_shapes.word_count(draft.text) <= 10
        if short and draft.kind is None and not draft.text.startswith(("“", '"', "„", "«", "»")):
            draft.kind, draft.rule = "crosshead", "short title above text"
