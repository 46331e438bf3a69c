"""Votes of coders: the majority, the latest of each coder, and the files that hold them."""

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from ukraine_stance.corpus.votes import latest_labels, majority, plain_labels, read_votes
from ukraine_stance.errors import UserMistake
from ukraine_stance.records import Vote


def vote(coder: str, label: str, version: str = "1.0") -> dict[str, str]:
    return {"coder": coder, "label": label, "codebook_version": version}


def written(folder: Path, content: str, name: str = "votes.csv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UserMistake) as refused:
        read_votes(path)
    (line,) = str(refused.value).splitlines()
    return line.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("labels", "most"),
    [
        (["favor"], "favor"),
        (["neutral", "favor", "favor"], "favor"),
        (["favor", "against"], None),
        (["against", "favor", "favor", "against", "neutral"], None),
        ([], None),
    ],
    ids=str,
)
def test_the_majority_is_the_label_named_most_and_a_tie_is_none(labels: list[str], most: str | None) -> None:
    assert {majority(order) for order in permutations(labels)} == {most}


@pytest.mark.parametrize("order", [1, -1])
def test_who_votes_again_under_a_later_codebook_has_the_later_vote_alone(order: int) -> None:
    votes = [Vote("a", "favor", "1.9"), Vote("b", "neutral", "1.9"), Vote("a", "against", "1.10")][::order]
    assert latest_labels(votes) == {"a": "against", "b": "neutral"}
    cell = [vote(one.coder, one.label, one.codebook_version) for one in votes]
    assert plain_labels(cell, "row 1") == {"a": "against", "b": "neutral"}


@pytest.mark.parametrize("cell", [None, "", "[]", "null", [], float("nan")], ids=str)
def test_a_cell_without_votes_is_no_vote(cell: Any) -> None:
    assert plain_labels(cell, "row 1") == {}


def test_votes_are_read_from_a_list_and_from_its_json() -> None:
    votes = [{"coder": "a", "label": "favor"}, vote("b", "neutral")]
    assert plain_labels(votes, "row 1") == plain_labels(json.dumps(votes), "row 1") == {"a": "favor", "b": "neutral"}


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("favor", "votes are no list of {coder, label, codebook_version}"),
        (5, "votes are no list of {coder, label, codebook_version}"),
        (["favor"], "votes are no list of {coder, label, codebook_version}"),
        ([{"coder": "a"}], "votes are no list of {coder, label, codebook_version}"),
        ([vote("a", "favour")], "a vote is 'favour', none of favor, against, neutral"),
        ([vote("a", "favor"), vote("a", "neutral")], "a has two votes under one version of the codebook; keep one"),
    ],
    ids=str,
)
def test_a_cell_that_holds_no_votes_of_ours_is_refused_by_its_place(cell: Any, said: str) -> None:
    with pytest.raises(UserMistake) as refused:
        plain_labels(cell, "row 7")
    assert str(refused.value) == f"row 7: {said}"


def test_one_row_a_statement_keeps_its_columns_and_lacks_no_group(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "text": "x", "group": "g", "votes": [vote("a", "favor")], "outlet": "o"},
        {"id": "2", "text": "y", "group": None, "votes": [], "outlet": "p"},
    ]
    content = "".join(json.dumps(row) + "\n" for row in rows)
    found = read_votes(written(tmp_path, content, "votes.jsonl"))
    assert found[["id", "text", "group", "outlet"]].to_numpy().tolist() == [["1", "x", "g", "o"], ["2", "y", "2", "p"]]
    assert [plain_labels(cell, "") for cell in found["votes"]] == [{"a": "favor"}, {}]


def test_one_row_a_vote_becomes_one_row_a_statement(tmp_path: Path) -> None:
    content = (
        "id,coder,label,text,group,codebook_version\n"
        "1,a,favor,x,,1.0\n2,a,against,y,g,1.0\n1,b,neutral,x,,1.0\n1,a,neutral,x,,1.1\n"
    )
    found = read_votes(written(tmp_path, content))
    assert found[["id", "text", "group"]].to_numpy().tolist() == [["1", "x", "1"], ["2", "y", "g"]]
    assert [plain_labels(cell, "") for cell in found["votes"]] == [{"a": "neutral", "b": "neutral"}, {"a": "against"}]


def test_votes_without_texts_are_read_with_empty_ones(tmp_path: Path) -> None:
    assert read_votes(written(tmp_path, "id,coder,label\n1,a,favor\n"))["text"].tolist() == [""]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id,coder,label\n1,a,favor\n1,b,pro\n", "row 2: needs an id, a coder and a label, one of favor, against"),
        ("id,coder,label\n,a,favor\n", "row 1: needs an id, a coder and a label, one of favor, against, neutral"),
        ("id,coder,label\n1,,favor\n", "row 1: needs an id, a coder and a label, one of favor, against, neutral"),
        ("id,coder,label\n1,a,favor\n1,a,neutral\n", "row 2: a labelled 1 already"),
        ("id,coder,label\n1,a\n", "row 1: another number of fields than the header (2, not 3); mend it"),
        ("id,coder,label\n", "holds no rows"),
        ("id,votes\n", "holds no rows"),
        ("id,votes\n1,[]\n1,[]\n", "id 1 stands twice"),
        ("id,votes\n1,[]\n2,x\n", "row 2: votes are no list"),
        ("id,label\n1,favor\n", "no columns id and votes, nor id, coder and label (columns: id, label)"),
    ],
)
def test_a_file_whose_votes_cannot_be_counted_is_refused_by_row(tmp_path: Path, content: str, said: str) -> None:
    assert refusal(written(tmp_path, content)).startswith(said)
