import datetime
import json
import math
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables import ReadOptions, Reject, RejectWriter, open_table, write_table

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
SUFFIXES = [".csv", ".tsv", ".jsonl", ".parquet"]


def whole(path: Path) -> pa.Table:
    source = open_table(path, ReadOptions(strings=()))
    return pa.concat_tables([source.schema.empty_table(), *(batch.table for batch in source.batches())])


def converted(folder: Path, table: pa.Table, *suffixes: str) -> pa.Table:
    for number, suffix in enumerate(suffixes):
        write_table(folder / f"{number}{suffix}", table)
        table = whole(folder / f"{number}{suffix}")
    return table


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1), st.permutations(SUFFIXES))
def test_strings_survive_every_chain_of_formats(rows: list[tuple[str, str]], suffixes: list[str]) -> None:
    table = pa.table({"id": [row[0] for row in rows], "text": [row[1] for row in rows]})
    with TemporaryDirectory() as folder:
        assert converted(Path(folder), table, *suffixes) == table


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("value", ["", "a\rb", "a\nb", "a\r\nb", '"', ",\t", "\0", " "])
def test_a_single_column_loses_no_row(tmp_path: Path, suffix: str, value: str) -> None:
    table = pa.table({"text": [value, "end"]})
    assert converted(tmp_path, table, suffix) == table


def test_mixed_and_nested_values_are_json_again_after_parquet(tmp_path: Path) -> None:
    lines = ['{"x": [1, "a"], "y": 1}', '{"x": {"k": null}, "y": "1"}', '{"x": "s", "y": 12345678901234567890}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    converted(tmp_path, whole(tmp_path / "in.jsonl"), ".parquet", ".parquet", ".jsonl")
    assert (tmp_path / "2.jsonl").read_text(encoding="utf-8").splitlines() == lines
    table = converted(tmp_path, whole(tmp_path / "in.jsonl"), ".csv")
    assert table.to_pylist()[0] == {"x": '[1, "a"]', "y": "1"}


def test_every_parquet_value_has_a_form_in_text(tmp_path: Path) -> None:
    day = datetime.datetime(2024, 5, 3, 12)
    table = pa.table(
        {
            "at": pa.array([day, None]),
            "far": pa.array([10**17, None], pa.timestamp("s")),
            "bytes": pa.array([b"\xff", None]),
            "sum": pa.array([Decimal("1.50"), None]),
            "tags": pa.array([["a"], None]),
            "yes": pa.array([True, None]),
        }
    )
    csv_row = converted(tmp_path, table, ".csv").to_pylist()
    assert csv_row[0] | {"far": ""} == {
        "at": "2024-05-03 12:00:00", "far": "", "bytes": "/w==", "sum": "1.50", "tags": '["a"]', "yes": "True"
    }  # fmt: skip
    assert set(csv_row[1].values()) == {""}
    json_row = converted(tmp_path, table, ".jsonl").to_pylist()
    assert json_row[0]["bytes"] == "/w=="
    assert json_row[0]["yes"] is True
    assert set(json_row[1].values()) == {None}


def test_numbers_that_json_lacks_are_null_there_and_themselves_elsewhere(tmp_path: Path) -> None:
    table = pa.table({"x": [math.inf, math.nan, 1.5], "l": [[math.nan], [2.5], None]})
    write_table(tmp_path / "out.jsonl", table)
    rows = [json.loads(line, parse_constant=pytest.fail) for line in (tmp_path / "out.jsonl").open(encoding="utf-8")]
    assert rows == [{"x": None, "l": [None]}, {"x": None, "l": [2.5]}, {"x": 1.5, "l": None}]
    assert whole(tmp_path / "out.jsonl").num_rows == 3
    write_table(tmp_path / "out.csv", table)
    assert whole(tmp_path / "out.csv")["x"].to_pylist() == ["inf", "nan", "1.5"]


def test_a_json_column_that_another_program_changed_is_written_as_text(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("x", pa.string(), metadata={b"ukraine_stance": b"json", b"theirs": b"1"})])
    write_table(tmp_path / "out.jsonl", pa.table({"x": ["no json", "[1]"]}, schema))
    assert whole(tmp_path / "out.jsonl")["x"].to_pylist() == ['"no json"', "[1]"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_without_rows_keeps_its_columns_where_the_format_can(tmp_path: Path, suffix: str) -> None:
    write_table(tmp_path / f"out{suffix}", pa.table({"id": pa.array([], pa.string())}))
    if suffix == ".jsonl":
        assert (tmp_path / "out.jsonl").read_bytes() == b""
    else:
        assert whole(tmp_path / f"out{suffix}").schema.names == ["id"]


@pytest.mark.parametrize("name", ["out.xlsx", "out"])
def test_a_format_that_is_not_written_is_refused_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserMistake, match="end the output in"):
        write_table(tmp_path / name, pa.table({"id": [1]}))
    assert list(tmp_path.iterdir()) == []


def test_rejects_give_back_the_bytes_as_text_or_base64(tmp_path: Path) -> None:
    with RejectWriter(tmp_path / "r.jsonl") as writer:
        writer.write(Reject(1, "why", "é\n".encode()))
        writer.write(Reject(2, "why", b"\xe9"))
    assert [json.loads(line) for line in (tmp_path / "r.jsonl").open(encoding="utf-8")] == [
        {"row": 1, "reason": "why", "raw": "é\n"},
        {"row": 2, "reason": "why", "raw_base64": "6Q=="},
    ]
