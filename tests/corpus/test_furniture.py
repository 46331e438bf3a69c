from collections.abc import Iterable

import pytest

from ukraine_stance.corpus import furniture

SENTENCE = "The council of Veldmark voted on Tuesday to lend two ferries to its neighbour."
SECOND = "Its chair, Ada Lindqvist, said the crews would leave before the end of the month."
THIRD = "Nobody in the hall spoke against the plan, which costs four million crowns."
TITLE = "Veldmark lends two ferries to its neighbour"


def judged(*lines: str) -> list[tuple[str, str | None]]:
    return [(line.text, line.kind) for line in furniture.judge("\n".join(lines))]


def kept(*lines: str) -> list[str]:
    return [text for text, kind in judged(*lines) if kind]


def kinds(*lines: str) -> list[str]:
    return [kind for _, kind in judged(*lines) if kind]


def rules(lines: Iterable[str]) -> dict[str, str]:
    return {line.text: line.rule for line in furniture.judge("\n".join(lines)) if line.kind is None}


def test_a_page_is_headline_body_crosshead_and_items() -> None:
    assert judged(TITLE, "", SENTENCE, "", "What comes next", "", SECOND, "- one ferry", "- another ferry", THIRD) == [
        (TITLE, "headline"),
        (SENTENCE, "body"),
        ("What comes next", "crosshead"),
        (SECOND, "body"),
        ("one ferry", "item"),
        ("another ferry", "item"),
        (THIRD, "body"),
    ]


@pytest.mark.parametrize("mark", ["-", "•", "*", "–", "1.", "2)", "▪"])
def test_a_list_mark_is_no_part_of_its_item(mark: str) -> None:
    assert judged(TITLE, SENTENCE, f"{mark} three buses from Ostrow")[-1] == ("three buses from Ostrow", "item")


def test_a_list_mark_on_its_own_line_marks_the_line_below() -> None:
    assert kinds(TITLE, SENTENCE, "-", "three buses from Ostrow", "-", "two tents", THIRD) == [
        "headline",
        "body",
        "item",
        "item",
        "body",
    ]
    assert rules([TITLE, "1.", "three buses"]) == {"1.": "list mark"}


def test_a_german_date_at_the_start_of_a_line_is_no_list_number() -> None:
    assert judged(TITLE, SENTENCE, "3. Mai war der Tag, an dem die Fähren kamen.")[-1][1] == "body"


def test_a_first_line_that_is_a_sentence_is_body_and_the_article_has_no_headline() -> None:
    assert kinds(SENTENCE, SECOND) == ["body", "body"]


def test_one_sentence_alone_is_body_and_one_title_alone_a_headline() -> None:
    assert kinds(SENTENCE) == ["body"]
    assert kinds(TITLE) == ["headline"]


def test_a_last_line_without_a_full_stop_is_body_not_crosshead() -> None:
    assert judged(TITLE, SENTENCE, "He left the hall")[-1] == ("He left the hall", "body")


def test_a_wire_dateline_stays_in_its_sentence() -> None:
    line = "OSTROW, May 3 (Northwire) - The council lends two ferries, its chair said."
    assert judged(TITLE, line)[1] == (line, "body")


@pytest.mark.parametrize("line", ["OSTROW", "NEW OSTROW", "OSTROW, Veldmark", "Ostrow, 3 May 2031", "OSTROW/VELD"])
def test_a_dateline_alone_is_dropped_before_and_behind_the_headline(line: str) -> None:
    assert kept(line, TITLE, SENTENCE) == [TITLE, SENTENCE]
    assert kept(TITLE, line, SENTENCE) == [TITLE, SENTENCE]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("Skip to main content", "navigation"),
        ("Home | Search | Menu", "buttons"),
        ("Share Tweet Print", "buttons"),
        ("12 comments", "social"),
        ("By Ada Lindqvist", "byline"),
        ("by Ada Lindqvist and Jon P. Marsh, Veldmark Courier May 3, 2031 9:14 PM 4 min read", "byline"),
        ("by Ada Lindqvist and the Courier's sea desk May 3, 2031 9:14 PM 4 min read", "byline"),
        ("Von Ada Lindqvist, Ostrow", "byline"),
        ("(Reporting by Ada Lindqvist; editing by Jon Marsh)", "credit"),
        ("Reporting by Ada Lindqvist", "byline"),
        ("Jon Marsh contributed to this report.", "credit"),
        ("Source: Ada Lindqvist", "source"),
        ("Quelle: veldmark-courier.example", "source"),
        ("May 3, 2031", "date"),
        ("Updated: 03.05.2031, 14:05 Uhr", "date"),
        ("5:41 PM", "date"),
        ("3 hours ago", "date"),
        ("Photo: Ada Lindqvist/Northwire", "caption"),
        ("A ferry leaves Ostrow on Friday. (Ada Lindqvist/Pool via Reuters)", "caption"),
        ("Eine Fähre im Hafen von Ostrow. Foto: A. Lindqvist", "caption"),
        ("Eine Fähre im Hafen von Ostrow | Bild: dpa", "caption"),
        ("Eine Fähre im Hafen (Archivbild)", "caption"),
        ("A ferry in the harbour © Ada Lindqvist", "caption"),
        ("FILE - A ferry leaves the harbour of Ostrow, May 3, 2031.", "caption"),
        ("This article was translated by Jon Marsh.", "audio note"),
        ("Listen to this article", "audio note"),
        ("Read more: Veldmark counts its ferries", "teaser"),
        ("Lesen Sie auch: Veldmark zählt seine Fähren", "teaser"),
        ("Story continues below", "advertisement"),
        ("Advertisement", "buttons"),
        ("bottom of page", "navigation"),
        ("Continue reading…", "pointer"),
        ("Source link", "pointer"),
        ("The chair on her ferry in May. (Source: Office of the chair)", "caption"),
        ("The ferries in pictures: https://courier.example/ferries", "contact"),
        ("Follow the Veldmark Courier on:", "social"),
        ("13 views 0 comments", "social"),
        ("Your email address will not be published.", "form"),
        ("Subscribe", "form"),
        ("* indicates required", "form"),
        ("Enter your e-mail address", "form"),
        ("Sign up for our morning newsletter", "form"),
        ("We use cookies to improve your experience.", "cookie notice"),
        ("Become a member", "appeal"),
        ("Our newsroom lives from what you give: join us.", "appeal"),
        ("Follow us on every network", "social"),
        ("© 2031 Veldmark Courier", "caption"),
        ("Tags: ferries, Veldmark", "tags"),
        ("#Veldmark #Ostrow", "tags"),
        ("news@veldmark-courier.example", "contact"),
        ("* * *", "ornament"),
    ],
)
def test_furniture_between_two_sentences_is_dropped_by_its_rule(line: str, rule: str) -> None:
    lines = (TITLE, SENTENCE, line, SECOND)
    assert kept(*lines) == [TITLE, SENTENCE, SECOND]
    assert rule in rules(lines).values()


@pytest.mark.parametrize(
    "line",
    [
        "By Friday the ferries will have left, the chair said.",
        "By lending ferries, Veldmark shows its will.",
        "Von der Heide and Marsh met in Ostrow.",
        "Source: two officials told the paper that the ferries had left already.",
        "The sources painted a bleak picture: the harbour is closed.",
        "We want our neighbour to become a member of the league, the chair said.",
        "We thank you for your support of the harbour towns.",
        "The guard refused to share it with the press (see page 3/4).",
        "The motion was tabled by Jon Marsh (VLP/DKU).",
        "Subscribers of the Courier wrote 400 letters about the ferries.",
        "Photos by a dockworker show the ferry burning in the harbour.",
        "The text was read out in parliament before the vote.",
        "“Subscribe to our plan or resign,” she told the council.",
        "“We use cookies as bait,” said the keeper of the harbour.",
        "By Backing Ostrow, Veldmark Backs Itself Against The Storm",
        "Von der Heide in Ostrow",
        "Minister accepts all cookies of the trade fair, and no more.",
        "5 ferries left on Monday and 3 more on Tuesday.",
        "— We go where we are needed, she said.",
        "Read the report before you vote, the chair told members.",
        "More on this is not known, the chair said.",
        "Europe gave ten billion and Northland two (Source: Institute of Ostrow).",
        "In a letter to all the people of Ostrow she wrote: we thank you.",
    ],
)
def test_a_full_sentence_that_sounds_like_furniture_is_kept(line: str) -> None:
    assert line in kept(TITLE, SENTENCE, line, SECOND)


def test_a_title_printed_twice_is_kept_once() -> None:
    assert kept(TITLE, "", TITLE, "", SENTENCE) == [TITLE, SENTENCE]
    assert kept(f"{TITLE} | Veldmark Courier", TITLE, SENTENCE) == [TITLE, SENTENCE]
    assert kept(TITLE, f"{TITLE}.", SENTENCE) == [TITLE, SENTENCE]
    assert kept(f"{TITLE} | Courier", f"{TITLE}.", SENTENCE) == [f"{TITLE} | Courier", SENTENCE]


def test_a_sentence_printed_twice_in_the_text_is_kept_twice() -> None:
    assert kept(TITLE, SENTENCE, SECOND, SENTENCE) == [TITLE, SENTENCE, SECOND, SENTENCE]


def test_what_stands_above_the_skip_link_and_a_section_name_is_dropped() -> None:
    assert kept("9,000 readers like you pay for this page.", "Skip to content", "World", TITLE, SENTENCE) == [
        TITLE,
        SENTENCE,
    ]


def test_everything_below_a_feed_is_dropped_but_not_below_a_feed_at_the_top() -> None:
    feed = ("Latest news", "10:15", "Ostrow closes its harbour", "A storm keeps every ferry in the harbour today.")
    assert kept(TITLE, SENTENCE, SECOND, *feed) == [TITLE, SENTENCE, SECOND]
    assert kept(*feed[:2], TITLE, SENTENCE, SECOND, THIRD) == [TITLE, SENTENCE, SECOND, THIRD]


def test_titles_below_a_pointer_are_dropped_and_the_article_goes_on() -> None:
    box = ("Read also", "Ostrow closes its harbour for a week", "Northern ports fear the next storm")
    assert kept(TITLE, SENTENCE, *box, SECOND, THIRD) == [TITLE, SENTENCE, SECOND, THIRD]
    assert kept(TITLE, SENTENCE, *box, "What comes next", SECOND) == [TITLE, SENTENCE, "What comes next", SECOND]
    assert kept(TITLE, SENTENCE, SECOND, *box, "Northwire", "Fishermen of Ostrow ask for a loan") == [
        TITLE,
        SENTENCE,
        SECOND,
    ]


def test_menus_above_a_navigation_line_or_above_a_title_that_stands_twice_are_dropped() -> None:
    menu = ("Analysis Field Report Business Culture and much that is new", "About the team and the jobs we offer")
    assert kept(*menu, "News Feed", "Edit", TITLE, "By Ada Lindqvist", SENTENCE) == [TITLE, SENTENCE]
    assert kept(*menu, TITLE, "", TITLE, SENTENCE) == [TITLE, SENTENCE]


def test_a_headline_is_no_menu_because_a_standfirst_and_a_byline_follow() -> None:
    page = (TITLE, "Share", "Two crews leave for the islands this month", "By Ada Lindqvist", SENTENCE)
    assert kinds(*page) == ["headline", "body", "body"]
    assert kinds(TITLE, "News feed", SENTENCE, SECOND) == ["headline", "body", "body"]


def test_between_headline_and_text_names_are_dropped_and_a_standfirst_is_body() -> None:
    standfirst = "Two crews leave for the islands this month"
    page = (TITLE, "Ada Lindqvist", "• World, News", standfirst, SENTENCE)
    assert judged(*page)[-2:] == [(standfirst, "body"), (SENTENCE, "body")]
    assert kept(*page) == [TITLE, standfirst, SENTENCE]
    assert kinds(TITLE, "- one ferry", "- two tents") == ["headline", "item", "item"]


def test_an_appeal_of_several_lines_goes_and_the_letter_below_stays() -> None:
    appeal = ("Independent journalism needs you", "We are grateful for every reader.", "Shall we go on?")
    letter = "We, the mayors of the coast, ask our government for more ferries and for crews to sail them."
    assert kept(TITLE, SENTENCE, *appeal, letter) == [TITLE, SENTENCE, letter]


def test_another_story_with_its_summary_is_dropped_from_a_spaced_page_and_a_crosshead_is_not() -> None:
    page = [TITLE, "", SENTENCE, "", SECOND, "", THIRD, ""]
    card = ["Ostrow will not close its harbour before autumn, Marsh says", "The harbour master set no date."]
    assert kept(*page, *card, "", SECOND) == [TITLE, SENTENCE, SECOND, THIRD, SECOND]
    short = ["What comes next", "The harbour master set no date."]
    assert kept(*page, *short, "", "Subscribe") == [TITLE, SENTENCE, SECOND, THIRD, *short]
    crosshead = ["Why the harbour of Ostrow will not close", "The harbour master set no date."]
    assert kept(*page, *crosshead, "", SECOND) == [TITLE, SENTENCE, SECOND, THIRD, *crosshead, SECOND]


def test_paragraphs_of_a_file_wrapped_at_a_fixed_width_are_whole() -> None:
    paragraph = (
        "The council of Veldmark voted on Tuesday to lend two of\n"
        "its ferries to the neighbour, after a debate of more than\n"
        "nine hours in which Ada Lindqvist had asked the members\n"
        "three times to think of the crews and of their families\n"
        "before they spoke about the cost of the fuel."
    )
    body = f"{TITLE}\n\n{paragraph}\n\n{SECOND}"
    assert [line.text for line in furniture.judge(body)] == [TITLE, paragraph, SECOND]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\u2028"])
def test_every_line_is_judged_once_and_stands_at_its_offsets(newline: str) -> None:
    body = newline.join(["", f"  {TITLE} ", "", "By Ada Lindqvist", f"• {SENTENCE}", SECOND, ""])
    lines = furniture.judge(body)
    assert [body[line.start : line.end] for line in lines] == [TITLE, "By Ada Lindqvist", SENTENCE, SECOND]
    assert all(line.text == body[line.start : line.end] for line in lines)


def test_a_dropped_line_says_by_which_rule() -> None:
    line = furniture.judge(f"{TITLE}\nBy Ada Lindqvist\n{SENTENCE}")[1]
    assert str(line) == "2: dropped (byline): By Ada Lindqvist"
