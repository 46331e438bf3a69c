import hashlib
import json
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ukraine_stance.corpus import articles, sentences
from ukraine_stance.corpus.furniture import judge
from ukraine_stance.files import sha256_text
from ukraine_stance.records import Article, Block, Statement

# Text that looks like news often enough to reach the rules, and any other character now and then.
_PIECES = [
    "The ",
    "minister ",
    "said",
    "he added",
    ". ",
    ", ",
    "? ",
    "! ",
    "“",
    "”",
    '"',
    "‘",
    "’",
    "'",
    "«",
    "»",
    "„",
    "\n",
]
_PIECES += [
    "U.S. ",
    "p.m. ",
    "No. 5",
    "Dr. ",
    "X. ",
    "Veld.Az ",
    "3.5",
    "(",
    ")",
    "- ",
    "— ",
    "…",
    "\u00a0",
    "\r\n",
    "1. ",
]
NEWS = st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), max_size=40).map("".join)
ANY = NEWS | st.text(st.characters(), max_size=60)


def article(body: str) -> Article:
    blocks = tuple(Block(line.start, line.end, line.kind) for line in judge(body) if line.kind)
    return Article("a", Path("a.txt"), body, sha256_text(body.encode("utf-8", "replace").decode()), blocks)


def split(*lines: str) -> list[Statement]:
    return sentences.split(article("\n".join(lines)))


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences.spans(text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "The report by Veld.Az names three harbours.",
        "It was first told by Courier.Com and later by others.",
        "U.S. Secretary Ada Lindqvist met U.K. Minister Jon Marsh.",
        "He met Gen. X and Lt. Gen. Marsh, then Spc. Low and Dr. No.",
        "The crew of No. 5 read Vol. 2 and Ch. 3 of it.",
        "J. K. Marsh and Ada P. Lindqvist signed it.",
        "J.\u00a0K.\u00a0Marsh signed it.",
        "They meet at 5 p.m. Kyiv time and at 9 a.m. Monday.",
        "It cost 3.5 million, or 4.25 percent of 1.6 billion.",
        "OSTROW, Sept. 5 (Northwire) - The council lends two ferries.",
        "OSTROW – The council lends two ferries.",
        "“Will you help us?” asked the chair.",
        "“Help us!” President Marsh told reporters on Monday.",
        "“Go!” Ada Lindqvist, the chair of the council, said after the vote.",
        "His Ph.D. Thesis was on ferries.",
        "The film “Who Pays? The Ferries of Ostrow” was shown twice.",
        "“No. We go,” she said.",
        "He (the chair) left.",
        "The crew of the Who? tour left.",
    ],
)
def test_a_sentence_is_not_cut_inside(sentence: str) -> None:
    assert cut(f"{sentence} Then it rained.") == [sentence, "Then it rained."]


@pytest.mark.parametrize(
    "parts",
    [
        ["The vote is over.", "The crews leave."],
        ["The crews came from the U.S.", "The chair thanked them."],
        ["They left at 5 p.m.", "Northern crews stayed."],
        ["“Help us!”", "The council voted, the chair said."],
        ["“Help us!”", "The council said the crews would leave."],
        ["The harbour stays open.", "eFerry, the operator, said no more."],
        ["There is no plan B.", "We go on."],
        ["Is it over?", "Nobody knows!", "“We do,” she said."],
        ["The harbour of Ostrow is open.\u00a0", "The crews leave."],
    ],
)
def test_two_sentences_are_cut_apart(parts: list[str]) -> None:
    assert cut(" ".join(parts)) == [part.strip() for part in parts]


def test_a_missing_space_behind_a_full_stop_still_ends_the_sentence() -> None:
    assert cut("The vote is over.We leave.The rest stay.") == ["The vote is over.", "We leave.", "The rest stay."]


@pytest.mark.parametrize(
    ("marks"), [("“", "”"), ('"', '"'), ("„", "“"), ("«", "»"), ("»", "«"), ("‘", "’"), ("'", "'")]
)
def test_each_sentence_of_a_quotation_is_a_statement_and_the_attribution_stays_with_its_own(
    marks: tuple[str, str],
) -> None:
    first, last = marks
    found = split(
        f"{first}We lend two ferries. We don't sell them, and we won't,{last} Marsh said in an interview. Then he left."
    )
    assert [(s.text, s.quote_id) for s in found] == [
        (f"{first}We lend two ferries.", 1),
        (f"We don't sell them, and we won't,{last} Marsh said in an interview.", 1),
        ("Then he left.", None),
    ]


def test_an_attribution_before_the_quotation_stays_with_its_first_sentence() -> None:
    found = split("Marsh said: “We lend two ferries. We do not sell them.”")
    assert [s.text for s in found] == ["Marsh said: “We lend two ferries.", "We do not sell them.”"]
    assert cut("Marsh said: “We lend two. We sell none”") == ["Marsh said: “We lend two.", "We sell none”"]


def test_an_apostrophe_closes_no_quotation() -> None:
    found = split("‘The crews’ ships are here. They sail, and we won’t,’ he said.")
    assert [s.text for s in found] == ["‘The crews’ ships are here.", "They sail, and we won’t,’ he said."]
    assert [s.quote_id for s in found] == [1, 1]


def test_an_attribution_inside_a_quotation_joins_its_two_halves() -> None:
    found = split("“We lend two. We said so,” she added, “and we stay. Nobody leaves.” The rest was silence.")
    assert [s.quote_id for s in found] == [1, 1, 1, None]


def test_two_quotations_have_two_numbers_and_a_single_quoted_sentence_has_none() -> None:
    found = split("“We go. We stay,” he said.", "“We wait,” she said.", "“They came. They left,” he said.")
    assert [s.quote_id for s in found] == [1, 1, None, 2, 2]


def test_a_quotation_over_several_paragraphs_is_one() -> None:
    found = split(
        "She said: “We lend two ferries.", "“We do not sell them.", "“Nobody leaves” she added.", "It rained."
    )
    assert [s.quote_id for s in found] == [1, 1, 1, None]


def test_straight_marks_left_open_by_each_paragraph_are_one_quotation_too() -> None:
    found = split('"We lend two ferries. We sell none.', '"Nobody leaves. We stay," she said.', "It rained.")
    assert [(len(s.text.split()), s.quote_id) for s in found] == [(4, 1), (3, 1), (2, 1), (4, 1), (2, None)]


def test_a_quotation_mark_without_a_partner_quotes_nothing() -> None:
    found = split("She called it a “gift. The council agreed.", "It rained. Nobody left.")
    assert [s.quote_id for s in found] == [None] * 4


def test_words_in_quotes_are_no_quotation() -> None:
    assert [s.quote_id for s in split("The ‘big deal’ is off. The “deal” is on. He left.")] == [None] * 3


def test_a_statement_has_the_kind_of_its_block() -> None:
    found = split(
        "Veldmark lends two ferries", "The vote is over. The crews leave:", "- one crew; another", "It rained."
    )
    assert [s.kind for s in found] == ["headline", "body", "body", "item", "body"]


@given(ANY)
def test_a_statement_is_exactly_what_stands_at_its_offsets(body: str) -> None:
    source = article(body)
    for statement in sentences.split(source):
        assert statement.text == body[statement.start : statement.end]
        assert statement.text == statement.text.strip() != ""


@given(ANY)
def test_statements_are_in_order_and_nothing_but_white_space_is_left_between_them(body: str) -> None:
    source = article(body)
    found = sentences.split(source)
    assert all(a.end <= b.start for a, b in pairwise(found))
    for block in source.blocks:
        inside = [s for s in found if block.start <= s.start < block.end]
        bounds = [block.start, *(x for s in inside for x in (s.start, s.end)), block.end]
        assert all(not body[a:b].strip() for a, b in zip(bounds[::2], bounds[1::2], strict=True))


@given(ANY)
@example("“U.S. No. 5")
def test_a_sentence_cut_again_is_itself(text: str) -> None:
    for start, end in sentences.spans(text):
        assert sentences.spans(text[start:end]) == [(0, end - start)]


@given(st.text(st.characters(categories=["L", "P", "Zs", "Cs", "Cc"]), max_size=40))
@example("plan B\u00a0. It rained.")
@example("\ud800")
@example("Who knows? *")
@example("! It rained! (")
def test_no_text_makes_it_fail_or_gives_a_part_without_words(text: str) -> None:
    parts = cut(text)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert len(parts) <= 1 or all(any(map(str.isalnum, part)) for part in parts)


@given(ANY)
def test_a_quotation_number_is_never_alone(body: str) -> None:
    numbers = [s.quote_id for s in sentences.split(article(body)) if s.quote_id is not None]
    assert all(numbers.count(number) > 1 for number in numbers)


# Number of statements and hash of their offsets for each of the five articles that the project was made with.
REAL = {
    "000_7adf82797d7af9fd": (10, "33cfafa10e8a3d670b2b94149a1d13013ac8c3eb02b77dedd2eb8496eeb51d42"),
    "001_9a710b5906e88b3e": (18, "93271d85638f281005bc5474b553457ef2c4e0ddeff10dcdc4b2ae7d1978bcd9"),
    "002_f9b3bc02f16413e9": (28, "1517c1401f1d4423aae01fff3f114986f52c9ae169dd3b9762f415ace0018e8b"),
    "003_0ff7fed9a6d849b5": (19, "67a574774aa74aeefead30b217af8b54db03ecbfec5a93e41beda34f78ad4366"),
    "004_b7b79b4de034053b": (12, "2d8d35a3de436575c5b6660ed41deadcf8997979662f7e47ab77e89b83659545"),
}


@pytest.mark.skipif("STANCE_ARTICLES" not in os.environ, reason="STANCE_ARTICLES does not name the folder of articles")
def test_the_real_articles_are_cut_as_they_were_when_they_were_labelled() -> None:
    found, _ = articles.read_folder(Path(os.environ["STANCE_ARTICLES"]))
    counted = {}
    for source in found:
        offsets = [[s.start, s.end, s.quote_id] for s in sentences.split(source)]
        counted[source.article_id] = (len(offsets), hashlib.sha256(json.dumps(offsets).encode()).hexdigest())
    assert {name: counted.get(name) for name in REAL} == REAL


@pytest.mark.skipif("STANCE_ARTICLES" not in os.environ, reason="STANCE_ARTICLES does not name the folder of articles")
def test_no_statement_of_the_real_articles_is_a_scrap_or_furniture() -> None:
    found, _ = articles.read_folder(Path(os.environ["STANCE_ARTICLES"]))
    statements = [s for source in found for s in sentences.split(source)]
    assert statements
    for statement in statements:
        assert len(statement.text.split()) >= (2 if statement.kind == "crosshead" else 4)
        assert not {"@", "©", "*", "|"} & set(statement.text)
        assert statement.kind in {"crosshead", "item"} or not statement.text[0].islower()
