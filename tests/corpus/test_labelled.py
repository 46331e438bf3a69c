import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ukraine_stance.corpus.labelled import read_labelled
from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import TARGET
from ukraine_stance.tables import ReadOptions


def written(folder: Path, content: str | pa.Table, name: str = "mine.csv") -> Path:
    path = folder / name
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    else:
        pq.write_table(content, path)
    return path


def faults(path: Path) -> list[str]:
    with pytest.raises(UserMistake) as caught:
        read_labelled(path)
    return [line.removeprefix(f"{path}: ") for line in str(caught.value).splitlines()]


def lines(count: int, line: str) -> str:
    return "text,label\n" + "".join(line.format(at=at) for at in range(1, count + 1))


def test_text_and_label_are_enough_and_the_rest_is_filled_in(tmp_path: Path) -> None:
    frame = read_labelled(written(tmp_path, "text,label\na,favor\n\nb,neutral\n"))
    assert frame.to_dict("records") == [
        {"text": text, "label": label, "id": f"mine-{row}", "group": f"mine-{row}", "target": TARGET, "fold": -1}
        | {"origin": "user", "contrast_group": None}
        for row, text, label in [(1, "a", "favor"), (2, "b", "neutral")]
    ]


def test_what_a_row_gives_is_used_and_what_it_leaves_blank_is_filled_in(tmp_path: Path) -> None:
    content = "id,text,label,group,target,fold\n0,a,favor,g,aid,0\n ,b,against,,,\n7,c,neutral,,,2.0\n"
    frame = read_labelled(written(tmp_path, content))
    columns = {name: frame[name].tolist() for name in ("id", "group", "target", "fold")}
    assert columns == {
        "id": ["0", "mine-2", "7"], "group": ["g", "mine-2", "7"], "target": ["aid", TARGET, TARGET], "fold": [0, -1, 2]
    }  # fmt: skip


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_numbers_that_some_rows_lack_stay_whole_numbers(tmp_path: Path, suffix: str) -> None:
    rows: list[dict[str, Any]] = [
        {"id": 0, "text": "a", "label": "favor", "fold": 2, "year": 2022, "group": 1234567890123456789},
        {"id": None, "text": "b", "label": "favor", "fold": None, "year": None, "group": None},
    ]
    path = tmp_path / f"mine{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    frame = read_labelled(path)
    assert frame["id"].tolist() == ["0", "mine-2"]
    assert frame["group"].tolist() == ["1234567890123456789", "mine-2"]
    assert frame["fold"].tolist() == [2, -1]
    assert [str(value) for value in frame["year"]] == ["2022", "None"]


def test_other_columns_are_kept_as_they_are_across_batches(tmp_path: Path) -> None:
    content = "outlet,text,label,_row\nNA,a,favor,x\n007,b,favor,y\n,c,favor,z\n"
    frame = read_labelled(written(tmp_path, content), ReadOptions(batch_rows=1))
    assert frame["outlet"].tolist() == ["NA", "007", ""]
    assert frame["_row"].tolist() == ["x", "y", "z"]
    assert frame.index.tolist() == [0, 1, 2]


def test_coded_and_listed_columns_of_parquet_are_plain_values(tmp_path: Path) -> None:
    coded = pa.array(["favor", "against"]).dictionary_encode()
    table = pa.table({"text": coded, "label": coded, "tags": [["x"], []], "group": [[1], [2]]})
    frame = read_labelled(written(tmp_path, table, "mine.parquet"))
    assert frame["label"].tolist() == ["favor", "against"]
    assert str(frame["label"].dtype) == "object"
    assert frame["group"].tolist() == ["[1]", "[2]"]


@pytest.mark.parametrize(
    ("label", "meant"),
    [
        ("favour", "favor"),
        ("Favor ", "favor"),
        ("FAVOR", "favor"),
        ("favro", "favor"),
        ("pro", "favor"),
        ("AGAINST", "against"),
        ("anti", "against"),
        ("neutral.", "neutral"),
        ("none", "neutral"),
    ],
)
def test_a_label_that_is_nearly_one_of_ours_names_the_one_meant(tmp_path: Path, label: str, meant: str) -> None:
    (fault,) = faults(written(tmp_path, f"text,label\na,{label}\n"))
    assert fault == f"row 1: label is {label!r}, none of favor, against, neutral; did you mean {meant!r}?"


@pytest.mark.parametrize("label", ["1", "yes", "x" * 100_000])
def test_any_other_label_is_quoted_short_and_without_a_guess(tmp_path: Path, label: str) -> None:
    (fault,) = faults(written(tmp_path, f"text,label\na,{label}\n"))
    assert fault.startswith("row 1: label is '")
    assert fault.endswith("none of favor, against, neutral")
    assert len(fault) < 150


@pytest.mark.parametrize("label", [1, True, ["favor"], {"favor": 1}])
def test_a_label_that_is_no_string_is_a_fault_of_its_row(tmp_path: Path, label: object) -> None:
    content = json.dumps({"text": "a", "label": label}) + '\n{"text": "a", "label": "favor"}\n'
    (fault,) = faults(written(tmp_path, content, "mine.jsonl"))
    assert fault.startswith("row 1: label is ")
    (fault,) = faults(written(tmp_path, pa.table({"text": ["a"], "label": [label]}), "mine.parquet"))
    assert fault.startswith("row 1: label is ")


def test_every_fault_is_told_in_the_order_of_the_rows(tmp_path: Path) -> None:
    content = "id,text,label,fold\n1,a,favor,0\n1, ,,5\n2,b\n3,c,favor,test\nmine-6,d,favor,\n,e,favor,nan\n"
    assert faults(written(tmp_path, content)) == [
        "row 2: id '1' stands already in row 1",
        "row 2: text is empty",
        "row 2: label is empty; label the statement or leave the row out",
        "row 2: fold is '5'; give 0 (test), 1 (validation), 2 to 4 (training) or nothing",
        "row 3: another number of fields than the header (2, not 4)",
        "row 4: fold is 'test'; give 0 (test), 1 (validation), 2 to 4 (training) or nothing",
        "row 6: id 'mine-6' stands already in row 5",
        "row 6: fold is 'nan'; give 0 (test), 1 (validation), 2 to 4 (training) or nothing",
    ]


def test_only_the_first_twenty_faults_are_told_and_the_others_counted(tmp_path: Path) -> None:
    assert len(faults(written(tmp_path, lines(20, "a{at},x\n")))) == 20
    found = faults(written(tmp_path, lines(25, "a{at},x\n")))
    assert found[19].startswith("row 20: ")
    assert found[20:] == ["... and 5 more faults"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\n", "holds no rows"),
        (
            "id,Text\n1,a\n",
            "no column text and no column label (columns: id, Text); rename the columns that hold them",
        ),
        ("text\na\n", "no column label (columns: text); rename the columns that hold them"),
    ],
)
def test_a_file_without_rows_or_columns_of_ours_is_refused(tmp_path: Path, content: str, message: str) -> None:
    assert faults(written(tmp_path, content)) == [message]


@pytest.mark.parametrize("votes", ["3", "yes", '[{"coder": "a"}]', '[{"coder": "a", "label": "pro"}]'])
def test_a_column_votes_that_holds_none_is_a_fault_of_its_row(tmp_path: Path, votes: str) -> None:
    good = {"text": "a", "label": "favor", "votes": [{"coder": "a", "label": "favor"}]}
    content = "".join(json.dumps(row) + "\n" for row in (good, {**good, "votes": votes}, {**good, "votes": None}))
    (fault,) = faults(written(tmp_path, content, "mine.jsonl"))
    assert fault.startswith("row 2: column votes: ")
    assert fault.endswith("; mend them, or rename the column if it holds something else")


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        ("text,label\ncafé,favor\n".encode("latin-1"), "if the file has another encoding, save it as UTF-8"),
        ("text,label\na,favor\n".encode("utf-16"), "looks like UTF-16; save it as UTF-8"),
        (b"text;label\na;favor\n", "separate them by commas"),
    ],
)
def test_no_option_is_advised_that_no_command_on_labelled_files_takes(
    tmp_path: Path, content: bytes, remedy: str
) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    assert faults(path)[0].endswith(remedy)


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    table = pa.table({"text": pa.nulls(0), "label": pa.nulls(0)})
    assert faults(written(tmp_path, table, "mine.parquet")) == ["holds no rows"]
