import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables import ReadOptions, Reject, open_table, reading
from ukraine_stance.tables.reading import holds_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXT)
VALUE = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=5
)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "in.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **options: Any) -> tuple[list[dict[str, Any]], list[int], list[Reject]]:
    source = open_table(path, ReadOptions(**options))
    batches = list(source.batches())
    good = [row for batch in batches for row in batch.table.to_pylist()]
    for field in source.schema:
        if holds_json(field):
            for row in good:
                row[field.name] = None if row[field.name] is None else json.loads(row[field.name])
    rejects = [reject for batch in batches for reject in batch.rejects]
    assert source.total == len(good) + len(rejects)
    return good, [row for batch in batches for row in batch.rows], rejects


def kind(folder: Path, *values: str) -> pa.DataType:
    rows = "\n".join(f'{{"text": "a", "x": {value}}}' for value in values)
    return open_table(written(folder, rows)).schema.field("x").type


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(TEXT, VALUE, min_size=1, max_size=4), min_size=1, max_size=6))
def test_any_objects_are_read_back_with_their_values(objects: list[dict[str, Any]]) -> None:
    content = "\n".join(json.dumps(value, ensure_ascii=False) for value in objects)
    with TemporaryDirectory() as folder:
        good, rows, rejects = read(written(Path(folder), content), strings=(), batch_rows=2)
    names = {name for value in objects for name in value}
    assert rejects == []
    assert rows == list(range(1, len(objects) + 1))
    assert good == [{name: value.get(name) for name in names} for value in objects]


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(), st.lists(st.sampled_from(list(b'{}[]":,\n\\u1eE9Nntext \xe9d8'))).map(bytes)))
def test_no_bytes_crash_the_reader_or_lose_a_line(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = written(Path(folder), b'{"text": "a"}\n' + content)
        _, rows, rejects = read(path, batch_rows=2)
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    assert len(rows) + len(rejects) == 1 + sum(bool(line.strip()) for line in lines)
    assert sorted([*rows, *(reject.row for reject in rejects)]) == list(range(1, len(rows) + len(rejects) + 1))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "cut of', "not JSON (Invalid control character"),
        ("[1]", "a JSON list, not an object"),
        ("null", "a JSON NoneType, not an object"),
        ('{"text": 5}', "text is not a string (5)"),
        ('{"text": ["a"]}', 'text is not a string (["a"])'),
        ('{"text": "a", "x": NaN}', "holds NaN, which is no JSON; write null"),
        ('{"text": "a", "x": [1e999]}', "holds a number that is too large"),
        ('{"text": "a", "x": ' + "9" * 5000 + "}", "holds a number of too many digits"),
        (r'{"text": "\ud83d"}', "holds half of a surrogate pair"),
        (r'{"text": "a", "\udc00": 1}', "holds half of a surrogate pair"),
        ('{"text": "a", "text": "b"}', "a key stands twice in one object"),
        ('{"text": "a", "x": ' + "[" * 101 + "]" * 101 + "}", "nested more than 100 deep"),
        ('{"text": "a", "x": ' + "[" * 99_999 + "]" * 99_999 + "}", "not JSON (maximum recursion depth"),
        (b'{"text": "caf\xe9"}', "not utf-8 (byte 0xe9); if the file has another encoding, add --encoding NAME"),
    ],
)
def test_a_line_that_cannot_be_used_is_rejected_alone(tmp_path: Path, line: str | bytes, reason: str) -> None:
    raw = line.encode() if isinstance(line, str) else line
    _, rows, rejects = read(written(tmp_path, b'{"text": "a"}\r\n\n' + raw + b'\n{"text": "b"}'))
    assert rows == [1, 3]
    assert [(reject.row, reject.raw) for reject in rejects] == [(2, raw + b"\n")]
    assert rejects[0].reason.startswith(reason)


def test_what_a_text_may_hold_is_kept(tmp_path: Path) -> None:
    texts = ["NA", "007", '"', "a\nb", "a\rb", "\0", "🚢 שלום", "\u2028", "\ufeff", "", " ", "x" * 100_000]
    content = "\ufeff" + "\n".join(json.dumps({"text": text}, ensure_ascii=False) for text in texts)
    assert [row["text"] for row in read(written(tmp_path, content))[0]] == texts


def test_types_are_kept_where_one_column_can_hold_them(tmp_path: Path) -> None:
    assert kind(tmp_path, "1", "null", "1234567890123456789") == pa.int64()
    assert kind(tmp_path, "1", "2.5") == pa.float64()
    assert kind(tmp_path, "true", "null") == pa.bool_()
    assert kind(tmp_path, "null") == pa.string()
    assert kind(tmp_path, '"007"') == pa.string()


@pytest.mark.parametrize(
    "values",
    [["1", '"1"'], ["9007199254740993", "0.5"], ["9223372036854775808"], ["true", "1"], ['{"a": [1]}', "null"]],
)
def test_values_that_no_column_type_holds_exactly_are_kept_as_json(tmp_path: Path, values: list[str]) -> None:
    rows = "\n".join(f'{{"text": "a", "x": {value}}}' for value in values)
    assert [json.dumps(row["x"]) for row in read(written(tmp_path, rows))[0]] == values


def test_nesting_that_is_read_can_be_written_from_anywhere(tmp_path: Path) -> None:
    deep = '{"text": "a", "x": ' + "[" * 99 + "]" * 99 + "}"
    assert read(written(tmp_path, deep))[1] == [1]


@pytest.mark.parametrize("content", ["\n\n", "{}\n", "not json\n", "[]\n", "\ufeff"])
def test_a_file_without_an_object_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UserMistake, match="no line holds a JSON object with a key"):
        read(written(tmp_path, content))


def test_where_no_line_can_be_used_the_first_fault_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, '[]\n{"text": 5}\n')
    with pytest.raises(UserMistake, match=r"the first fault: a JSON list, not an object"):
        read(path)


def test_utf_16_is_refused_by_name_and_read_when_named(tmp_path: Path) -> None:
    path = written(tmp_path, '{"text": "ö"}\n{"text": "b"}\n'.encode("utf-16"))
    with pytest.raises(UserMistake, match="looks like UTF-16; add --encoding utf-16"):
        read(path)
    assert read(path, encoding="utf-16")[0] == [{"text": "ö"}, {"text": "b"}]
    with pytest.raises(UserMistake, match="no encoding that Python knows"):
        read(path, encoding="no-such")


def test_a_last_line_that_was_cut_off_is_rejected(tmp_path: Path) -> None:
    _, rows, rejects = read(written(tmp_path, '{"text": "a"}\n{"text": "b'))
    assert (rows, rejects[0].raw) == ([1], b'{"text": "b')


def test_many_keys_come_in_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_CELLS", 50)
    line = json.dumps({"text": "a"} | {f"c{at}": at for at in range(9)}) + "\n"
    sizes = [batch.table.num_rows for batch in open_table(written(tmp_path, line * 12)).batches()]
    assert sizes == [5, 5, 2]
