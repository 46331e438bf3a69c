import os
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables import Batch, ReadOptions, Reject, open_table, reading


def written(folder: Path, table: pa.Table) -> Path:
    path = folder / "in.parquet"
    pq.write_table(table, path)
    return path


def batches(path: Path, batch_rows: int = 1024) -> list[Batch]:
    return list(open_table(path, ReadOptions(batch_rows=batch_rows)).batches())


def rejects(path: Path) -> list[Reject]:
    return [reject for batch in batches(path, 2) for reject in batch.rejects]


def refusal(path: Path) -> str:
    with pytest.raises(UserMistake) as caught:
        batches(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def broken(*values: bytes) -> pa.Array:
    """A string array of bytes that nobody checked."""
    _, offsets, data = pa.array(values, pa.binary()).buffers()
    return pa.Array.from_buffers(pa.string(), len(values), [None, offsets, data])


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())], ids=str
)
def test_every_kind_of_text_is_read_as_strings_with_its_nulls(tmp_path: Path, kind: pa.DataType) -> None:
    texts = ["NA", None, "🚢 שלום", "", "a\0\r\nb"]
    path = written(tmp_path, pa.table({"text": pa.array(texts, pa.string()).cast(kind)}))
    assert open_table(path).schema.field("text").type == pa.string()
    assert [value for batch in batches(path, 2) for value in batch.table["text"].to_pylist()] == texts
    assert [row for batch in batches(path, 2) for row in batch.rows] == [1, 2, 3, 4, 5]


def test_other_columns_keep_their_types_and_values(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": ["a", "b"],
            "tags": pa.array([["x"], None], pa.list_(pa.string())),
            "at": pa.array([10**15, None], pa.timestamp("ms")),
            "count": pa.array([2**62 + 1, None], pa.int64()),
            "kind": pa.array(["x", None]).dictionary_encode(),
        }
    )
    (batch,) = batches(written(tmp_path, table))
    assert batch.table.equals(table)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("column", ["text", "other"])
def test_a_string_that_is_no_utf_8_rejects_its_row_alone(tmp_path: Path, column: str, nested: bool) -> None:
    bad = broken(b"good", b"caf\xe9", b"good", b"\xff")
    if nested and column == "other":
        bad = pa.ListArray.from_arrays([0, 1, 2, 3, 4], bad)
    path = written(tmp_path, pa.table({"text": ["a", "b", "c", "d"]} | {column: bad}))
    assert rejects(path) == [
        Reject(2, f"{column} is not utf-8 (byte 0xe9)", b"caf\xe9"),
        Reject(4, f"{column} is not utf-8 (byte 0xff)", b"\xff"),
    ]
    assert [row for batch in batches(path) for row in batch.rows] == [1, 3]


def test_a_row_with_two_broken_strings_is_rejected_once(tmp_path: Path) -> None:
    found = rejects(written(tmp_path, pa.table({"text": broken(b"\xe9"), "other": broken(b"\xe8")})))
    assert [(reject.row, reject.reason[:4]) for reject in found] == [(1, "text")]


@pytest.mark.parametrize(
    ("values", "kind"),
    [([[1]], "list<element: int64>"), ([1], "int64"), ([b"a"], "binary")],
    ids=["list", "int", "bytes"],
)
def test_a_text_column_that_holds_no_text_is_refused(tmp_path: Path, values: list[object], kind: str) -> None:
    assert refusal(written(tmp_path, pa.table({"text": values}))).endswith(f"column text is {kind}, not text")


def test_no_rows_and_a_column_that_never_had_a_value_are_read(tmp_path: Path) -> None:
    assert batches(written(tmp_path, pa.table({"text": pa.array([], pa.null())}))) == []
    (batch,) = batches(written(tmp_path, pa.table({"text": pa.nulls(2)})))
    assert batch.table["text"].to_pylist() == [None, None]


def test_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, pa.table([["a"], ["b"]], names=["text", "text"]))
    assert refusal(path).endswith("columns named twice: text; rename them")


@pytest.mark.parametrize("kept", [1, 4, 100, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: int) -> None:
    path = written(tmp_path, pa.table({"text": ["a"] * 100}))
    path.write_bytes(path.read_bytes()[:kept])
    assert "not a whole Parquet file" in refusal(path)


def test_damaged_pages_are_refused_with_the_row_where_reading_stopped(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(
        pa.table({"text": [str(at) for at in range(4_000)]}), path, row_group_size=1_000, use_dictionary=False
    )
    content = bytearray(path.read_bytes())
    column = pq.read_metadata(path).row_group(2).column(0)
    content[column.data_page_offset : column.data_page_offset + 200] = b"\xff" * 200
    path.write_bytes(content)
    with pytest.raises(UserMistake, match="damaged at row 2001"):
        for batch in open_table(path, ReadOptions(batch_rows=1_000)).batches():
            assert batch.rows[0] in (1, 1001)


@pytest.mark.parametrize("row_groups", [1, 16])
def test_memory_does_not_grow_with_the_rows_that_were_read(tmp_path: Path, row_groups: int) -> None:
    path, texts = tmp_path / "in.parquet", [os.urandom(500).hex() for _ in range(16_000)]
    pq.write_table(pa.table({"text": texts}), path, row_group_size=len(texts) // row_groups, use_dictionary=False)
    # Arrow's own memory, and what Python hands over to it.
    arrow = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        held = [
            tracemalloc.get_traced_memory()[0] + pa.total_allocated_bytes() - arrow
            for _ in open_table(path, ReadOptions(batch_rows=500)).batches()
        ]
    finally:
        tracemalloc.stop()
    assert len(held) == 32 and max(held) < path.stat().st_size / 2


def test_many_columns_come_in_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_CELLS", 50)
    path = written(tmp_path, pa.table({"text": ["a"] * 12} | {f"c{at}": range(12) for at in range(9)}))
    assert [batch.table.num_rows for batch in batches(path)] == [5, 5, 2]
