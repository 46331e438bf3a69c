from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables import Place, ReadOptions, SeveralSources


def places(folder: Path, **contents: str | pa.Table) -> list[Place]:
    made = []
    for name, content in contents.items():
        path = folder / name.replace("_", ".")
        if isinstance(content, str):
            path.write_text(content)
        else:
            pq.write_table(content, path)
        made.append(Place(str(path)))
    return made


def rows(source: SeveralSources) -> list[dict[str, Any]]:
    return [
        {**row, "input_file": Path(row["input_file"]).name}
        for _, batch in source.batches()
        for row in batch.table.to_pylist()
    ]


def test_columns_are_united_and_each_row_tells_its_file_and_number(tmp_path: Path) -> None:
    found = places(tmp_path, a_csv="id,text\n1,x\n", b_jsonl='{"text": "y", "n": 1}\n{"text": 5}\n')
    source = SeveralSources(found, ReadOptions(), "input_file")
    assert rows(source) == [
        {"input_file": "a.csv", "id": "1", "text": "x", "n": None},
        {"input_file": "b.jsonl", "id": None, "text": "y", "n": 1},
    ]
    batches = [batch for _, batch in source.batches()]
    assert [list(batch.rows) for batch in batches] == [[1], [1]]
    assert [(reject.row, reject.file) for batch in batches for reject in batch.rejects] == [(2, found[1].name)]
    assert {batch.table.schema for batch in batches} == {source.schema}


def test_json_lines_files_share_the_types_that_hold_all_their_values(tmp_path: Path) -> None:
    found = places(
        tmp_path,
        a_jsonl='{"text": "a", "n": 1, "m": 1, "z": null}',
        b_jsonl='{"text": "b", "n": 0.5, "m": "x", "z": true}',
    )
    source = SeveralSources(found, ReadOptions(), "input_file")
    assert [(row["n"], row["m"], row["z"]) for row in rows(source)] == [(1.0, "1", None), (0.5, '"x"', True)]


def test_a_column_without_any_value_takes_the_type_of_the_others(tmp_path: Path) -> None:
    found = places(
        tmp_path,
        a_parquet=pa.table({"text": ["a"], "n": pa.nulls(1)}),
        b_parquet=pa.table({"text": ["b"], "n": [7]}),
    )
    assert [row["n"] for row in rows(SeveralSources(found, ReadOptions(), "input_file"))] == [None, 7]
    assert [row["n"] for row in rows(SeveralSources(found[::-1], ReadOptions(), "input_file"))] == [7, None]


@pytest.mark.parametrize("turned", [False, True])
def test_numbers_that_meet_the_strings_of_a_csv_are_strings(tmp_path: Path, turned: bool) -> None:
    found = places(
        tmp_path,
        a_csv="text,id,x,b\na,007,0.50,yes\n",
        b_parquet=pa.table({"text": ["b"], "id": [7], "x": pa.array([0.1], pa.float32()), "b": [True]}),
        c_jsonl='{"text": "c", "id": 9007199254740993, "x": 0.1, "b": false}\n{"text": "d"}\n',
    )
    read = rows(SeveralSources(found[::-1] if turned else found, ReadOptions(), "input_file"))
    values = {row["text"]: (row["id"], row["x"], row["b"]) for row in read}
    assert values == {
        "a": ("007", "0.50", "yes"),
        "b": ("7", "0.1", "true"),
        "c": ("9007199254740993", "0.1", "false"),
        "d": (None, None, None),
    }


def test_a_column_of_two_types_is_refused_with_both_files(tmp_path: Path) -> None:
    found = places(
        tmp_path, a_parquet=pa.table({"text": ["a"], "n": [[1]]}), b_parquet=pa.table({"text": ["b"], "n": [7]})
    )
    fault = r"b.parquet: column n is int64, but list<.*> in .*a.parquet; give it one type, or score the two apart"
    with pytest.raises(UserMistake, match=fault):
        SeveralSources(found, ReadOptions(), "input_file")


def test_a_file_with_the_column_that_tells_files_apart_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match="has a column input_file"):
        SeveralSources(places(tmp_path, a_csv="text,input_file\na,b\n"), ReadOptions(), "input_file")


def test_one_type_is_one_column_whatever_else_is_noted_of_it(tmp_path: Path) -> None:
    day = pa.array([19_000], pa.date32())
    noted = pa.schema([pa.field("text", pa.string()), pa.field("d", pa.date32(), nullable=False)])
    found = places(
        tmp_path,
        a_parquet=pa.table([pa.array(["a"]), day], schema=noted),
        b_parquet=pa.table({"text": ["b"], "d": day}),
    )
    assert len({row["d"] for row in rows(SeveralSources(found, ReadOptions(), "input_file"))}) == 1
