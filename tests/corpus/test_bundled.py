"""Statements that come with the project, checked row by row."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from ukraine_stance.corpus.bundled import StatementRow, read_statements
from ukraine_stance.errors import UserMistake

DATA = Path(__file__).parents[2] / "data"
VOTE = {"coder": "a", "label": "favor", "codebook_version": "1.0"}
ROW: dict[str, Any] = {
    "id": "c1", "text": "We will send aid.", "label": "favor", "holder": "author", "aspect": "military_aid",
    "kind": "constructed", "topic": "on", "hard_case": None, "contrast_group": None, "year": None, "date": None,
    "outlet": None, "source": None, "votes": [VOTE],
}  # fmt: skip


def _write(folder: Path, *rows: object, name: str = "a.jsonl") -> Path:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def _refusal(folder: Path) -> str:
    with pytest.raises(UserMistake) as refused:
        read_statements(folder)
    return str(refused.value)


def test_rows_of_all_files_are_read_in_the_order_of_names(tmp_path: Path) -> None:
    _write(tmp_path, {**ROW, "id": "z1"}, name="b.jsonl")
    _write(tmp_path, {**ROW, "id": "y1"}, {**ROW, "id": "x1"}, name="a.jsonl")
    (tmp_path / "notes.txt").write_text("not a row")
    assert [row.id for row in read_statements(tmp_path)] == ["y1", "x1", "z1"]


def test_blank_lines_and_a_byte_order_mark_are_no_faults(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f"\ufeff{json.dumps(ROW)}\n\n  \n", encoding="utf-8")
    assert len(read_statements(tmp_path)) == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"id": "C 1"}, "id: "),
        ({"text": ""}, "text: "),
        ({"text": " \n"}, "text is empty"),
        ({"text": "\ud83c"}, "text: "),
        ({"text": 5}, "text: "),
        ({"label": "favour"}, "label: "),
        ({"label": "against"}, "label against is not the one that most votes name"),
        ({"votes": [VOTE, {**VOTE, "coder": "b", "label": "neutral"}]}, "label favor is not the one that most"),
        ({"votes": []}, "votes: "),
        ({"votes": [{**VOTE, "coder": ""}]}, "votes.0.coder: "),
        ({"aspect": "weather"}, "aspect 'weather' is none of military_aid"),
        ({"kind": "reported"}, "a reported statement needs the address of its page"),
        ({"topic": "off"}, "a statement about something else is neutral"),
        ({"hard_case": 18}, "hard_case: "),
        ({"hard_case": "1"}, "hard_case: "),
        ({"year": "2024"}, "year: "),
        ({"date": "May 2024"}, "date: "),
        ({"date": "2024-13-40"}, "month must be in 1..12"),
        ({"colour": "blue"}, "colour: Extra inputs are not permitted"),
    ],
    ids=str,
)
def test_a_row_with_a_fault_is_named_by_file_line_and_key(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    refusal = _refusal(_write(tmp_path, ROW, {**ROW, "id": "c2", **wrong}))
    assert refusal.startswith(f"{tmp_path / 'a.jsonl'}:2: ")
    assert said in refusal
    assert "\n" not in refusal


@pytest.mark.parametrize("name", ROW)
def test_a_row_that_lacks_a_key_is_refused(tmp_path: Path, name: str) -> None:
    row = {key: value for key, value in ROW.items() if key != name}
    assert f"{name}: Field required" in _refusal(_write(tmp_path, row))


@pytest.mark.parametrize("line", [b"{", b"[]", b"5", b"null", b'"text"', b"\xff\xfe"], ids=repr)
def test_a_line_that_is_no_row_is_refused_by_its_number(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "a.jsonl").write_bytes(json.dumps(ROW).encode() + b"\n" + line + b"\n")
    assert _refusal(tmp_path).startswith(f"{tmp_path / 'a.jsonl'}:2: ")


def test_an_id_that_stands_twice_is_refused_also_across_files(tmp_path: Path) -> None:
    _write(tmp_path, ROW, name="a.jsonl")
    assert f"{tmp_path / 'b.jsonl'}:1: id c1 stands twice" in _refusal(_write(tmp_path, ROW, name="b.jsonl"))


def test_every_fault_is_said_at_once_up_to_twenty(tmp_path: Path) -> None:
    lines = _refusal(_write(tmp_path, *({**ROW, "id": f"c{number}", "label": "no"} for number in range(25)))).split(
        "\n"
    )
    assert [line.split(": ")[0] for line in lines[:20]] == [f"{tmp_path / 'a.jsonl'}:{n}" for n in range(1, 21)]
    assert lines[20:] == ["... and 5 more faults"]


def test_a_folder_without_statements_is_refused(tmp_path: Path) -> None:
    assert "holds no statements" in _refusal(tmp_path)


@pytest.mark.parametrize(
    ("changed", "group"),
    [
        ({}, "c1"),
        ({"contrast_group": "pair-7"}, "pair-7"),
        ({"kind": "reported", "source": "https://example.org/1", "contrast_group": "pair-7"}, "https://example.org/1"),
    ],
    ids=str,
)
def test_a_group_is_the_page_else_the_contrast_group_else_the_row(changed: dict[str, Any], group: str) -> None:
    assert StatementRow.model_validate({**ROW, **changed}).group == group


def test_the_projects_own_statements_read_without_fault_and_the_saved_folds_cover_them() -> None:
    rows = read_statements(DATA / "statements")
    assert {row.label for row in rows} == {"favor", "against", "neutral"}
    if (DATA / "folds.csv").exists():
        with (DATA / "folds.csv").open(encoding="utf-8", newline="") as stream:
            folds = {row["group"]: row["fold"] for row in csv.DictReader(stream)}
        assert not {row.group for row in rows} - folds.keys()
