"""A pool of statements to tasks, and labels back to rows that train and show agreement."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ukraine_stance.corpus.coding import ImportSummary, Pool, import_labels, read_pool, table_of, write_tasks
from ukraine_stance.corpus.exchange import Task
from ukraine_stance.corpus.labelled import read_labelled
from ukraine_stance.corpus.votes import plain_labels, read_votes
from ukraine_stance.errors import UserMistake
from ukraine_stance.tables import write_table


def written(folder: Path, content: str, name: str = "pool.csv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def pool(folder: Path, *rows: dict[str, Any]) -> Pool:
    return read_pool(written(folder, "".join(json.dumps(row) + "\n" for row in rows), "pool.jsonl"))


def coded(folder: Path, coder: str, tasks: Sequence[Task], labels: Mapping[str, str]) -> Path:
    """What doccano exports of one coder; statements that `labels` lacks are unlabelled."""
    (path,) = write_tasks(tasks, "doccano", folder / "tasks.jsonl", force=True)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    export = folder / f"{coder}.jsonl"
    lines = [json.dumps({**row, "label": [labels[row["text"]]] if row["text"] in labels else []}) for row in rows]
    return written(folder, "\n".join(lines), export.name)


def imported(exports: Sequence[Path], out: Path, **options: Any) -> ImportSummary:
    return import_labels(exports, "doccano", out, "1.0", **options)


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def refusal(*exports: Path, **options: Any) -> str:
    with pytest.raises(UserMistake) as refused:
        imported(exports, exports[0].with_name("refused.jsonl"), **options)
    assert not exports[0].with_name("refused.jsonl").exists()
    return str(refused.value)


STATEMENTS = tuple(Task(name, name) for name in ("x", "y", "z"))


def test_ids_are_given_ones_else_article_and_offsets_else_row_numbers(tmp_path: Path) -> None:
    content = "id,text,article_id,start,end\n7,a,velden,0,5\n,b,velden,6,9\n,c,,,\n ,d,velden,,\n"
    found = read_pool(written(tmp_path, content))
    assert [task.statement_id for task in found.tasks] == ["7", "velden-6-9", "pool-3", "pool-4"]
    assert [task.text for task in found.tasks] == ["a", "b", "c", "d"]
    assert [task.columns.get("group") for task in found.tasks] == ["velden", "velden", None, None]


def test_a_group_is_kept_and_only_where_it_is_missing_the_article(tmp_path: Path) -> None:
    place = {"article_id": "velden", "start": 0, "end": 1}
    groups = [{"group": "g"}, {"group": None}, {"group": ""}, {}]
    rows = [{"id": str(at), "text": "x", **place, **group} for at, group in enumerate(groups)]
    assert [task.columns["group"] for task in pool(tmp_path, *rows).tasks] == ["g", "velden", "velden", "velden"]


def test_ids_of_several_types_are_their_text(tmp_path: Path) -> None:
    found = pool(tmp_path, {"id": 7, "text": "a"}, {"id": "b-1", "text": "b"})
    assert [task.statement_id for task in found.tasks] == ["7", "b-1"]


def test_rows_without_text_or_of_broken_form_are_named_and_the_others_kept(tmp_path: Path) -> None:
    found = read_pool(written(tmp_path, "text,outlet\na,o\n ,o\nb\nc,o\n"))
    assert [(task.statement_id, task.text, task.columns) for task in found.tasks] == [
        ("pool-1", "a", {"outlet": "o"}),
        ("pool-4", "c", {"outlet": "o"}),
    ]
    assert [(reject.row, reject.reason.split(" (")[0]) for reject in found.rejects] == [
        (2, "text is empty"),
        (3, "another number of fields than the header"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id,Text\n1,a\n", "no column text (columns: id, Text)"),
        ("text\n", "holds no statements"),
        ("id,text\n1, \n", "holds no statements"),
        ("id,text\n1,a\n1,b\n", "row 2: id 1 stands twice; every statement needs its own"),
    ],
)
def test_a_pool_that_cannot_be_labelled_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(UserMistake) as refused:
        read_pool(path)
    assert str(refused.value) == f"{path}: {said}"


@pytest.mark.parametrize("name", ["tasks.json", "tasks.json.config.xml"])
def test_no_file_is_written_where_one_of_them_stands(tmp_path: Path, name: str) -> None:
    standing = written(tmp_path, "mine", name)
    with pytest.raises(UserMistake) as refused:
        write_tasks(STATEMENTS, "label-studio", tmp_path / "tasks.json")
    assert str(refused.value) == f"{standing}: exists already; --force replaces it"
    assert [path.name for path in tmp_path.iterdir()] == [name] and standing.read_text() == "mine"
    files = write_tasks(STATEMENTS, "label-studio", tmp_path / "tasks.json", force=True)
    assert [path.name for path in files] == ["tasks.json", "tasks.json.config.xml"]
    assert "mine" not in standing.read_text()


def test_tasks_end_as_their_tool_reads_them(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match=r"tasks\.json: doccano reads \.jsonl; end the output in it$"):
        write_tasks(STATEMENTS, "doccano", tmp_path / "tasks.json")


def test_every_vote_comes_back_and_the_label_is_that_of_most(tmp_path: Path) -> None:
    exports = [
        coded(tmp_path, "bo", STATEMENTS, {"x": "favor", "y": "neutral"}),
        coded(tmp_path, "ann", STATEMENTS, {"x": "favor", "y": "against"}),
        coded(tmp_path, "cy", STATEMENTS, {"x": "against"}),
    ]
    out = tmp_path / "out.jsonl"
    assert imported(exports, out) == ImportSummary(3, 1, 1, 1, {"ann": 2, "bo": 2, "cy": 1}, out)
    rows = read(out)
    assert [(row["id"], row["label"]) for row in rows] == [("x", "favor"), ("y", None), ("z", None)]
    assert rows[0]["votes"][0] == {"coder": "ann", "label": "favor", "codebook_version": "1.0"}
    assert [plain_labels(cell, "") for cell in read_votes(out)["votes"]] == [
        {"ann": "favor", "bo": "favor", "cy": "against"},
        {"ann": "against", "bo": "neutral"},
        {},
    ]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_labelled_statements_alone_train_in_every_form(tmp_path: Path, suffix: str) -> None:
    export = coded(tmp_path, "ann", STATEMENTS, {"x": "favor", "z": "neutral"})
    out = tmp_path / f"out{suffix}"
    found = imported([export], out, labelled_only=True)
    assert (found.statements, found.labelled, found.tied, found.unlabelled) == (3, 2, 0, 1)
    assert read_labelled(out)[["id", "text", "label"]].to_numpy().tolist() == [
        ["x", "x", "favor"],
        ["z", "z", "neutral"],
    ]
    assert [plain_labels(cell, "") for cell in read_votes(out)["votes"]] == [{"ann": "favor"}, {"ann": "neutral"}]


def test_without_any_majority_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    exports = [coded(tmp_path, coder, STATEMENTS, {"x": label}) for coder, label in (("a", "favor"), ("b", "against"))]
    said = refusal(*exports, labelled_only=True)
    assert said.endswith("b.jsonl: no statement has a label that most coders name")
    assert refusal(written(tmp_path, "", "empty.jsonl")).endswith("empty.jsonl: no statements")


def test_other_columns_come_back_exactly(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "1", "text": "x", "year": 2022, "share": 0.1, "fold": 0, "tags": ["a"], "more": {"k": 1}, "any": 5},
        {"id": "2", "text": "y", "year": None, "tags": [], "more": {"l": None}, "any": "5", "outlet": "NA"},
        {"id": "3", "text": "z", "year": 2**60 + 1, "big": 2**70, "any": None, "on": True, "": "unnamed"},
    ]
    out = tmp_path / "out.jsonl"
    imported([coded(tmp_path, "ann", pool(tmp_path, *rows).tasks, {"x": "favor"})], out)
    back = [{name: value for name, value in row.items() if value is not None} for row in read(out)]
    names = [("favor", "ann"), (None, None), (None, None)]
    for row, found, (label, coder) in zip(rows, back, names, strict=True):
        votes = found.pop("votes")
        assert [one["coder"] for one in votes] == ([coder] if coder else [])
        assert found.pop("label", None) == label
        assert found == {name: value for name, value in row.items() if value is not None}


def test_columns_of_two_pools_that_differ_in_type_keep_their_values(tmp_path: Path) -> None:
    exports = [
        coded(tmp_path, coder, [Task(text, text, {"year": year})], {})
        for coder, text, year in (("a", "x", 2022), ("b", "y", "about 2022"))
    ]
    imported(exports, tmp_path / "out.jsonl")
    assert [row["year"] for row in read(tmp_path / "out.jsonl")] == [2022, "about 2022"]


def test_a_date_of_parquet_comes_back_as_its_text(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["x"], "date": [date(2024, 2, 29)]}), tmp_path / "pool.parquet")
    imported([coded(tmp_path, "ann", read_pool(tmp_path / "pool.parquet").tasks, {})], tmp_path / "out.jsonl")
    assert read(tmp_path / "out.jsonl")[0]["date"] == "2024-02-29"


def test_columns_named_like_ours_never_take_the_place_of_what_coders_said(tmp_path: Path) -> None:
    tasks = pool(tmp_path, {"id": "1", "text": "x", "label": "against", "votes": "none"}).tasks
    imported([coded(tmp_path, "ann", tasks, {"x": "favor"})], tmp_path / "out.jsonl")
    (row,) = read(tmp_path / "out.jsonl")
    assert row["label"] == "favor" and [one["coder"] for one in row["votes"]] == ["ann"]


def test_the_same_export_twice_is_counted_once(tmp_path: Path) -> None:
    export = coded(tmp_path, "ann", STATEMENTS, {"x": "favor"})
    assert imported([export, export], tmp_path / "out.jsonl").coders == {"ann": 1}


def test_a_coder_with_two_labels_or_a_statement_with_two_texts_is_refused(tmp_path: Path) -> None:
    first = coded(tmp_path, "ann", STATEMENTS, {"x": "favor"})
    (later := tmp_path / "later").mkdir()
    second = coded(later, "ann", STATEMENTS, {"x": "against"})
    assert refusal(first, second) == (
        f"{second}: line 1: ann gave another label at {first}: line 1; keep one of the two"
    )
    other = coded(later, "bo", [Task("x", "another")], {})
    assert refusal(first, other) == f"{other}: line 1: statement x has another text than at {first}: line 1"


def test_an_import_overwrites_nothing_unasked_and_ends_in_a_form_it_writes(tmp_path: Path) -> None:
    export = coded(tmp_path, "ann", STATEMENTS, {"x": "favor"})
    out = written(tmp_path, "mine", "out.csv")
    with pytest.raises(UserMistake, match=r"out\.csv: exists already; --force replaces it$"):
        imported([export], out)
    assert out.read_text() == "mine"
    imported([export], out, force=True)
    assert out.read_text().startswith("id,text,label,votes")
    with pytest.raises(UserMistake, match=r"out\.xlsx: end the output in one of \.csv, "):
        imported([export], tmp_path / "out.xlsx")


def test_a_table_of_rows_keeps_whole_numbers_that_others_lack_whole(tmp_path: Path) -> None:
    write_table(tmp_path / "out.csv", table_of([{"id": "1", "year": 2022}, {"id": "2", "more": 1}]))
    assert (tmp_path / "out.csv").read_text() == "id,year,more\n1,2022,\n2,,1\n"
