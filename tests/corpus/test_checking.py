"""What a check finds in rows that can all be read: each rule, how grave it is, and which rows it names."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ukraine_stance.corpus.annotations import Annotation
from ukraine_stance.corpus.checking import Finding, check_annotations, check_rows
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import sha256_text
from ukraine_stance.records import Article

# A row of each label in each part, without a fault.
ROWS = [
    ("train", "favor", "Velden sends two lorries eastward"),
    ("train", "against", "Arlo blocks every new shipment"),
    ("train", "neutral", "Marsk counts its old bridges"),
    ("validation", "favor", "Tolm promises blankets before winter"),
    ("validation", "against", "Ebern refuses money for shells"),
    ("validation", "neutral", "Sulo meets again on Tuesday"),
    ("test", "favor", "Orrin will train forty medics"),
    ("test", "against", "Pesk wants this help stopped"),
    ("test", "neutral", "Lunt has published a list"),
]


def rows(**columns: object) -> pd.DataFrame:
    """The rows of ROWS, named like `test-favor`, with one value more for each of `columns`."""
    frame = pd.DataFrame(
        [
            {"id": f"{part}-{label}", "text": text, "label": label, "group": text.split()[0], "part": part}
            for part, label, text in ROWS
        ]
    ).astype(object)
    for name, value in columns.items():
        frame[name] = pd.Series([value] * len(frame), dtype=object)
    return frame


def changed(*changes: tuple[str, dict[str, Any]]) -> pd.DataFrame:
    """`rows` with other values in the named ones."""
    frame = rows()
    for name, values in changes:
        for column, value in values.items():
            if column not in frame:
                frame[column] = pd.Series(["user" if column == "origin" else None] * len(frame), dtype=object)
            frame.at[frame.index[frame["id"] == name][0], column] = value
    return frame


def found(frame: pd.DataFrame) -> list[tuple[str, bool, str, tuple[str, ...]]]:
    return [(one.rule, one.grave, one.said, one.rows) for one in check_rows(frame)]


def text_of(name: str) -> str:
    return str(rows().set_index("id").loc[name, "text"])


def vote(coder: str, label: str) -> dict[str, str]:
    return {"coder": coder, "label": label, "codebook_version": "1.0"}


def test_rows_without_a_fault_give_nothing() -> None:
    assert found(rows()) == []
    full = rows(
        origin="user", aspect="troops", kind="body", topic="off", hard_case=17, year=2024, date="2024-02-29",
        contrast_group=None, votes=None, outlet="The Velden Post",
    )  # fmt: skip
    assert found(full) == []


@pytest.mark.parametrize("nothing", [None, "", " ", float("nan")], ids=repr)
def test_what_a_row_need_not_say_may_be_blank(nothing: object) -> None:
    names = ("aspect", "kind", "topic", "hard_case", "year", "date")
    assert found(rows(**dict.fromkeys(names, nothing))) == []


@pytest.mark.parametrize("value", [{"year": "2024"}, {"year": 2024.0}, {"date": date(2024, 2, 29)}], ids=repr)
def test_numbers_as_text_and_dates_of_parquet_are_no_faults(value: dict[str, Any]) -> None:
    assert found(changed(("test-favor", value))) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"text": " \n"}, "text is empty"),
        ({"group": ""}, "group is empty"),
        ({"label": "favour"}, "label is none of favor, against, neutral"),
        ({"origin": "web"}, "origin is none of bundled, article, user"),
        ({"aspect": "weather"}, "aspect is none of military_aid"),
        ({"kind": "tweet"}, "kind is none of reported"),
        ({"topic": "maybe"}, "topic is neither on nor off"),
        ({"hard_case": 18}, "hard_case is no rule of the codebook (1 to 17)"),
        ({"hard_case": "first"}, "hard_case is no rule of the codebook (1 to 17)"),
        ({"year": 1024}, "year is outside 1991 to 2100"),
        ({"year": "soon"}, "year is outside 1991 to 2100"),
        ({"date": "May 2024"}, "date is no date (YYYY-MM-DD)"),
        ({"date": "2023-02-29"}, "date is no date (YYYY-MM-DD)"),
        ({"date": "20240229"}, "date is no date (YYYY-MM-DD)"),
    ],
    ids=str,
)
def test_a_value_that_its_column_does_not_hold_is_grave_and_names_the_row(wrong: dict[str, Any], said: str) -> None:
    ((rule, grave, told, named),) = found(changed(("test-neutral", wrong)))
    assert (rule, grave, named) == ("schema", True, ("test-neutral",)) and told.startswith(said)


def test_an_id_that_stands_twice_names_both_rows() -> None:
    frame = changed(("test-neutral", {"id": "train-favor"}))
    assert found(frame) == [("schema", True, "id stands twice", ("train-favor", "train-favor"))]


@pytest.mark.parametrize("name", ["group", "contrast_group"])
def test_a_group_in_two_parts_is_a_leak(name: str) -> None:
    frame = changed(("train-favor", {name: "g"}), ("test-against", {name: "g"}), ("test-neutral", {name: "h"}))
    assert found(frame) == [("leak", True, f"{name} g stands in test and train", ("train-favor", "test-against"))]


@pytest.mark.parametrize(
    ("first", "second", "rule", "grave", "said"),
    [
        ("train-favor", "test-favor", "leak", True, "one text stands in test and train"),
        ("train-favor", "train-against", "contradiction", True, "one text bears several labels"),
    ],
)
def test_one_text_in_two_places_is_found_whatever_its_case_and_spacing(
    first: str, second: str, rule: str, grave: bool, said: str
) -> None:
    frame = changed((second, {"text": f" {text_of(first).upper()}  "}))
    assert found(frame) == [(rule, grave, said, (first, second))]


def test_one_text_twice_with_one_label_in_one_part_is_only_to_be_looked_at() -> None:
    double = rows().iloc[:1].assign(id="again")
    frame = pd.concat([rows(), double], ignore_index=True)
    assert found(frame) == [("double", False, "one text stands 2 times in train", ("train-favor", "again"))]


@pytest.mark.parametrize(
    ("second", "rule", "grave", "said"),
    [
        (
            "test-favor",
            "leak",
            True,
            "near-duplicates in test and train, 60% of the word pairs in common; give them one group, or leave one out",
        ),
        ("train-against", "double", False, "near-duplicates in train, 60% of the word pairs in common"),
    ],
)
def test_near_duplicates_leak_between_parts_alone(second: str, rule: str, grave: bool, said: str) -> None:
    changes = (second, {"text": text_of("train-favor").replace("Velden", "Narth")})
    assert found(changed(changes)) == [(rule, grave, said, ("train-favor", second))]


@pytest.mark.parametrize("tie", [{"group": "g"}, {"contrast_group": "g"}], ids=str)
def test_near_duplicates_of_one_group_are_meant(tie: dict[str, str]) -> None:
    near = {"text": text_of("train-favor").replace("Velden", "Narth"), **tie}
    assert found(changed(("train-favor", tie), ("train-against", near))) == []


def test_a_label_that_most_votes_do_not_name_is_grave() -> None:
    ayes, divided = [vote("a", "favor"), vote("b", "favor")], [vote("a", "favor"), vote("b", "neutral")]
    cells = [("train-favor", ayes), ("test-favor", divided), ("test-against", ayes), ("test-neutral", [])]
    frame = changed(*((name, {"votes": votes}) for name, votes in cells))
    said = "label is not the one that most votes name"
    settled = ("votes", False, "label was settled where the votes tie", ("test-favor",))
    assert found(frame) == [("votes", True, said, ("test-against",)), settled]


def test_votes_that_cannot_be_read_are_refused_by_their_row() -> None:
    with pytest.raises(UserMistake, match=r"^row test-favor: votes are no list"):
        check_rows(changed(("test-favor", {"votes": "two ayes"})))


def test_a_part_without_a_label_is_grave_but_for_the_articles() -> None:
    frame = rows()[lambda frame: frame["id"] != "test-neutral"].reset_index(drop=True)
    assert found(frame) == [("balance", True, "test holds no neutral statement", ())]
    frame.loc[frame["part"] == "test", "part"] = "articles"
    assert found(frame) == []


def test_a_part_with_far_too_many_of_a_label_is_to_be_looked_at() -> None:
    sizes = {"train": (100, 100, 100), "test": (48, 6, 6)}
    labels = ("favor", "against", "neutral")
    names = [
        (f"{part}{label}{at}", label, part)
        for part, counts in sizes.items()
        for label, count in zip(labels, counts, strict=True)
        for at in range(count)
    ]
    frame = pd.DataFrame(names, columns=["id", "label", "part"]).astype(object)
    frame = frame.assign(group=frame["id"], text=[f"one{name} two{name} three{name}" for name in frame["id"]])
    assert found(frame) == [("balance", False, "test is 80% favor, the whole 41%", ())]


@pytest.mark.parametrize(
    ("text", "said"),
    [("Two words", "under 3 words"), (" ".join(f"w{at}" for at in range(21)), "over 4 times the usual 5 words")],
)
def test_a_scrap_and_a_whole_paragraph_are_to_be_looked_at(text: str, said: str) -> None:
    assert found(changed(("test-favor", {"text": text}))) == [("length", False, said, ("test-favor",))]


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ("Orrin\ufffds", "a character that a wrong encoding leaves"),
        ("OrrÃ©n", "a character that a wrong encoding leaves"),
        ("Orrinâ€™s", "a character that a wrong encoding leaves"),
        ("Orrin\x00", "a control character"),
        ("<b>Orrin</b>", "HTML"),
        ("Orrin&nbsp;and", "HTML"),
        ("https://example.org/a", "an address of the web"),
    ],
    ids=ascii,
)
def test_a_text_that_holds_remains_of_its_page_is_to_be_looked_at(odd: str, said: str) -> None:
    frame = changed(("test-favor", {"text": f"{odd} will train forty medics"}))
    assert found(frame) == [("text", False, f"holds {said}", ("test-favor",))]


@pytest.mark.parametrize("plain", ["Ãrrin\tand\nsons", "São Orrin", "3 < 4 and R&D", "http, they say,"])
def test_a_text_of_an_ordinary_page_is_not(plain: str) -> None:
    assert found(changed(("test-favor", {"text": f"{plain} will train forty medics"}))) == []


def test_grave_findings_come_first() -> None:
    frame = changed(("train-favor", {"text": "Two words"}), ("test-favor", {"votes": [vote("a", "neutral")]}))
    assert [one.grave for one in check_rows(frame)] == [True, False]


def test_a_finding_names_five_rows_and_counts_the_others() -> None:
    named = Finding("length", False, "under 3 words", tuple("abcdefg"))
    assert str(named) == "length: under 3 words (a, b, c, d, e and 2 more)"
    assert str(replace(named, rows=())) == "length: under 3 words"


BODY = "Velden sends lorries. Arlo does not."
HERE = Article("velden", Path("velden.txt"), BODY, sha256_text(BODY), ())


def annotation(start: int, end: int, coder: str = "a", **values: Any) -> Annotation:
    plain = Annotation(
        "velden", HERE.sha256, start, end, sha256_text(BODY[start:end]), "favor", "Velden", "general", coder, "1.0"
    )
    return replace(plain, **values)


def test_sentences_with_two_coders_that_stand_in_their_article_give_nothing() -> None:
    both = [annotation(start, end, coder) for start, end in ((0, 21), (22, 36)) for coder in "ab"]
    assert check_annotations(both, [HERE]) == check_annotations(both, None) == []


def test_a_sentence_with_one_coder_is_to_be_looked_at() -> None:
    alone = [annotation(0, 21, "a"), annotation(0, 21, "b"), annotation(22, 36, "a")]
    assert check_annotations(alone, None) == [
        Finding("annotation", False, "coded by one coder alone", ("velden 22:36",))
    ]


def test_every_span_that_begins_inside_another_is_grave() -> None:
    spans = [(0, 36), (7, 12), (22, 36)]  # the last begins inside the first, not inside its neighbour
    both = [annotation(start, end, coder) for start, end in spans for coder in "ab"]
    said = "begins inside another labelled sentence"
    assert check_annotations(both, None) == [Finding("annotation", True, said, ("velden 7:12", "velden 22:36"))]


def test_spans_of_two_articles_do_not_cross() -> None:
    both = [annotation(0, 21, coder, article_id=name) for name in ("arlo", "velden") for coder in "ab"]
    assert check_annotations(both, None) == []


def test_a_sentence_that_its_article_no_longer_holds_is_grave_and_told_once() -> None:
    lost = [annotation(0, 21, coder, sha256=sha256_text("Velden sends nothing.")) for coder in "ab"]
    (finding,) = check_annotations(lost, [HERE])
    assert finding.grave and finding.said.startswith("velden 0:21: sentence changed")
