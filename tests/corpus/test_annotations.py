import json
from pathlib import Path
from typing import Any

import pytest

from ukraine_stance.corpus import annotations, articles, sentences
from ukraine_stance.corpus.annotations import Annotation
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import sha256_text
from ukraine_stance.records import Article, Vote

TITLE = "Veldmark lends two ferries to its neighbour"
FIRST = "The council voted on Tuesday to lend two ferries."
SECOND = "Its chair praised the crews."
THIRD = "Nobody spoke against the plan."


def article(folder: Path, *lines: str, name: str = "a") -> Article:
    path = folder / f"{name}.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return articles.read(path)


def labelled(source: Article, coder: str = "one", **changes: Any) -> list[Annotation]:
    """A row for each statement; the aspects differ, so that a test can tell whose labels came back."""
    aspects = ("general", "troops", "sanctions", "diplomacy", "membership", "military_aid")
    return [
        Annotation(
            **{
                "article_id": source.article_id,
                "article_sha256": source.sha256,
                "start": statement.start,
                "end": statement.end,
                "sha256": sha256_text(statement.text),
                "label": "favor",
                "holder": "",
                "aspect": aspect,
                "coder": coder,
                "codebook_version": "1",
                **changes,
            }
        )
        for statement, aspect in zip(sentences.split(source), aspects, strict=False)
    ]


def row(**changes: Any) -> dict[str, Any]:
    values = {
        "article_id": "a",
        "article_sha256": "0" * 64,
        "start": 3,
        "end": 30,
        "sha256": "1" * 64,
        "label": "favor",
        "holder": "Marsh",
        "aspect": "general",
        "coder": "one",
        "codebook_version": "1.0",
        **changes,
    }
    return {key: value for key, value in values.items() if value is not ...}


def written(folder: Path, *rows: dict[str, Any] | str, name: str = "a.jsonl") -> Path:
    lines = [line if isinstance(line, str) else json.dumps(line) for line in rows]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def found(alignment: annotations.Alignment) -> list[tuple[str, str, list[str]]]:
    return [(span.text, span.kind, [vote.aspect for vote in span.votes]) for span in alignment.matched]


def test_rows_are_read_in_the_order_of_the_files(tmp_path: Path) -> None:
    written(tmp_path, row(coder="two", topic="off", label="neutral", hard_case=17), name="b.jsonl")
    written(tmp_path, row(), "", name="a.jsonl")
    read = annotations.read(tmp_path)
    assert [(a.coder, a.topic, a.hard_case) for a in read] == [("one", "on", None), ("two", "off", 17)]
    assert read[0].vote == Vote("one", "favor", "1.0")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"label": "favour"}, "label: "),
        ({"aspect": "aid"}, "aspect 'aid' is none of military_aid"),
        ({"start": 30}, "end 30 is not after start 30"),
        ({"start": -1}, "start: "),
        ({"start": "3"}, "start: "),
        ({"sha256": "abc"}, "sha256: "),
        ({"article_sha256": ...}, "article_sha256: "),
        ({"coder": ""}, "coder: "),
        ({"codebook_version": 1}, "codebook_version: "),
        ({"hard_case": 18}, "hard_case: "),
        ({"topic": "out"}, "topic: "),
        ({"topic": "off"}, "a statement about something else"),
        ({"text": "The council voted."}, "text: "),
    ],
)
def test_a_faulty_row_is_refused_with_file_line_and_fault(tmp_path: Path, changes: dict[str, Any], fault: str) -> None:
    written(tmp_path, row(start=1), row(**changes))
    with pytest.raises(UserMistake) as caught:
        annotations.read(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'a.jsonl'}:2: {fault}")
    assert "\n" not in str(caught.value)


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, "{", row(label="x", start=-1), "[]", name="a.jsonl")
    written(tmp_path, row(aspect="x"), name="b.jsonl")
    with pytest.raises(UserMistake) as caught:
        annotations.read(tmp_path)
    places = [line.split(": ")[0].rpartition("/")[2] for line in str(caught.value).splitlines()]
    assert places == ["a.jsonl:1", "a.jsonl:2", "a.jsonl:2", "a.jsonl:3", "b.jsonl:1"]


def test_a_coder_labels_a_sentence_once_under_one_version(tmp_path: Path) -> None:
    written(tmp_path, row(), row(coder="two"), row(codebook_version="2"))
    assert len(annotations.read(tmp_path)) == 3
    written(tmp_path, row(label="against"), name="b.jsonl")
    with pytest.raises(UserMistake, match=r"b\.jsonl:1: one has labelled this sentence at .*a\.jsonl:1"):
        annotations.read(tmp_path)


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match="holds no annotations"):
        annotations.read(tmp_path / "none")


def test_labels_of_an_unchanged_article_are_found_with_all_coders(tmp_path: Path) -> None:
    source = article(tmp_path, TITLE, "", f"{FIRST} {SECOND}", "- one ferry")
    alignment = annotations.align(labelled(source) + labelled(source, "two"), [source])
    assert found(alignment) == [
        (TITLE, "headline", ["general"] * 2),
        (FIRST, "body", ["troops"] * 2),
        (SECOND, "body", ["sanctions"] * 2),
        ("one ferry", "item", ["diplomacy"] * 2),
    ]
    assert [vote.coder for vote in alignment.matched[0].votes] == ["one", "two"]
    assert all(span.text == span.article.body[span.start : span.end] for span in alignment.matched)
    assert alignment.unmatched == ()


def test_a_span_that_is_no_sentence_any_more_keeps_its_label_in_an_unchanged_article(tmp_path: Path) -> None:
    source = article(tmp_path, TITLE, f"{FIRST} {SECOND}")
    both = f"{FIRST} {SECOND}"
    start = source.body.index(both)
    changed = labelled(source, start=start, end=start + len(both), sha256=sha256_text(both))[:1]
    assert found(annotations.align(changed, [source])) == [(both, "body", ["general"])]


def test_a_row_whose_offsets_are_wrong_is_named_not_guessed(tmp_path: Path) -> None:
    source = article(tmp_path, TITLE, FIRST)
    rows = labelled(source, start=1, end=1 + len(FIRST), sha256=sha256_text(FIRST))[:1]
    alignment = annotations.align(rows, [source])
    assert alignment.matched == ()
    assert "the article is unchanged, but another text stands there" in alignment.unmatched[0].reason


def test_sentences_of_a_changed_article_keep_their_labels_and_the_changed_one_is_named(tmp_path: Path) -> None:
    rows = labelled(article(tmp_path, TITLE, f"{FIRST} {SECOND}", THIRD))
    source = article(
        tmp_path, TITLE, "Updated in the evening by the council itself.", FIRST, f"{THIRD} Its chair left."
    )
    alignment = annotations.align(rows, [source])
    assert found(alignment) == [
        (TITLE, "headline", ["general"]),
        (FIRST, "body", ["troops"]),
        (THIRD, "body", ["diplomacy"]),
    ]
    assert [unmatched.annotation for unmatched in alignment.unmatched] == [rows[2]]
    assert alignment.unmatched[0].reason.endswith("sentence changed: a.txt was changed and no longer holds it")


def test_a_span_that_is_no_sentence_any_more_is_found_in_a_changed_article_too(tmp_path: Path) -> None:
    old = article(tmp_path, TITLE, f"{FIRST} {SECOND}")
    both = f"{FIRST} {SECOND}"
    rows = labelled(old, start=old.body.index(both), end=len(old.body), sha256=sha256_text(both))[:1]
    source = article(tmp_path, "A new title stands here now", "", f"{both} {THIRD}")
    assert found(annotations.align(rows, [source])) == [(both, "body", ["general"])]


def test_words_inside_a_longer_sentence_are_not_the_sentence(tmp_path: Path) -> None:
    rows = labelled(article(tmp_path, SECOND, FIRST))[:1]
    source = article(tmp_path, f"Before he left, {SECOND}", FIRST)
    assert found(annotations.align(rows, [source])) == []


def test_a_sentence_that_stands_twice_gets_each_its_own_labels(tmp_path: Path) -> None:
    rows = labelled(article(tmp_path, TITLE, FIRST, SECOND, THIRD, SECOND))
    source = article(tmp_path, TITLE, "A line more than before stands above all others.", FIRST, SECOND, THIRD, SECOND)
    alignment = annotations.align(rows, [source])
    assert [aspects for text, _, aspects in found(alignment) if text == SECOND] == [["sanctions"], ["membership"]]


def test_of_a_sentence_that_stood_twice_and_stands_once_the_lost_one_is_named(tmp_path: Path) -> None:
    rows = labelled(article(tmp_path, TITLE, SECOND, FIRST, THIRD, SECOND))
    alignment = annotations.align(rows, [article(tmp_path, TITLE, FIRST, THIRD, SECOND)])
    assert [aspects for text, _, aspects in found(alignment) if text == SECOND] == [["membership"]]
    assert [unmatched.annotation for unmatched in alignment.unmatched] == [rows[1]]


def test_an_article_that_is_not_there_is_named(tmp_path: Path) -> None:
    rows = labelled(article(tmp_path, TITLE, FIRST))
    alignment = annotations.align(rows, [])
    assert alignment.matched == ()
    assert [unmatched.reason.split(": ")[1] for unmatched in alignment.unmatched] == ["article missing"] * 2


def test_a_renamed_article_is_known_by_its_content(tmp_path: Path) -> None:
    rows = labelled(article(tmp_path, TITLE, FIRST))
    source = article(tmp_path, TITLE, FIRST, name="renamed")
    assert [span.article.article_id for span in annotations.align(rows, [source]).matched] == ["renamed"] * 2


def test_spans_come_in_the_order_of_the_articles_and_none_is_lost(tmp_path: Path) -> None:
    one, two = article(tmp_path, TITLE, FIRST), article(tmp_path, THIRD, SECOND, name="b")
    rows = [*labelled(one), *labelled(two)]
    alignment = annotations.align(rows[::-1], [two, one])
    assert [span.text for span in alignment.matched] == [THIRD, SECOND, TITLE, FIRST]
    assert sum(len(span.votes) for span in alignment.matched) + len(alignment.unmatched) == len(rows)
