import csv
import io
import time
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables import Batch, ReadOptions, Reject, open_table

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def written(folder: Path, content: str | bytes, name: str = "in.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **options: object) -> tuple[list[dict[str, str]], list[int], list[Reject]]:
    batches: list[Batch] = list(open_table(path, ReadOptions(**options)).batches())
    good = [row for batch in batches for row in batch.table.to_pylist()]
    rows = [row for batch in batches for row in batch.rows]
    return good, rows, [reject for batch in batches for reject in batch.rejects]


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(UserMistake) as caught:
        read(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("value", ["NA", "007", "", "null", 'a "quoted" word', "two\r\nlines", "a\rb", "🚢 שלום", "\0"])
def test_a_cell_is_read_as_the_string_it_is(tmp_path: Path, value: str) -> None:
    quoted = '"' + value.replace('"', '""') + '"'
    assert read(written(tmp_path, f"id,text\n1,{quoted}\n"))[0] == [{"id": "1", "text": value}]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_any_line_end_and_blank_lines_make_no_rows(tmp_path: Path, end: str) -> None:
    content = "\ufeff" + end.join(["text,n", "", "a,1", "", "b,2", ""])
    assert read(written(tmp_path, content)) == ([{"text": "a", "n": "1"}, {"text": "b", "n": "2"}], [1, 2], [])


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[TEXT] * width), min_size=1)))
def test_any_table_that_csv_can_write_is_read_back_as_it_was(rows: list[tuple[str, ...]]) -> None:
    names = [f"c{at}" for at in range(len(rows[0]))]
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([names, *rows])
    with TemporaryDirectory() as folder:
        good, _, rejects = read(written(Path(folder), stream.getvalue()), batch_rows=3)
    assert ([tuple(row.values()) for row in good], rejects) == (rows, [])


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.binary(), st.lists(st.sampled_from([b'"', b",", b"\n", b"\r", b"a", b"\xe9", b"\0", b";"])).map(b"".join)
    )
)
def test_no_bytes_crash_the_reader_or_lose_a_row(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        for head in (b"", b"text\n", b"id,text\n"):
            path = written(Path(folder), head + content)
            try:
                good, rows, rejects = read(path, batch_rows=2)
            except UserMistake:
                continue
            numbers = sorted([*rows, *(reject.row for reject in rejects)])
            assert numbers == list(range(1, len(good) + len(rejects) + 1))


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-8-sig"])
def test_a_latin_1_byte_rejects_its_row_alone_with_the_remedy_and_its_bytes(tmp_path: Path, encoding: str) -> None:
    content = b"\xef\xbb\xbfid,text\n1,good\n2,caf\xe9\n3,good\n"
    good, rows, rejects = read(written(tmp_path, content), encoding=encoding)
    assert rows == [1, 3]
    assert good[0] == {"id": "1", "text": "good"}
    reason = f"not {encoding} (byte 0xe9); if the file has another encoding, add --encoding NAME"
    assert rejects == [Reject(2, reason, b"2,caf\xe9\n")]
    assert read(written(tmp_path, content[3:]), encoding="latin-1")[0][1]["text"] == "café"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_encodings_are_refused_by_name_and_read_when_named(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "id,text\n1,ö\n".encode(encoding))
    assert refusal(path).endswith(f"add --encoding {encoding}")
    assert read(path, encoding=encoding)[0] == [{"id": "1", "text": "ö"}]
    assert "not utf-16" in refusal(written(tmp_path, "text\nab".encode("utf-16")[:-1]), encoding="utf-16")


@pytest.mark.parametrize("encoding", ["no-such", "rot13", "undefined", ""])
def test_an_unknown_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    assert "no encoding that Python knows" in refusal(written(tmp_path, "text\na\n"), encoding=encoding)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id;text\n1;a\n", ":1: columns look separated by semicolons; add --delimiter ';'"),
        ("id\ttext\n1\ta\n", r":1: columns look separated by tabs; add --delimiter '\t'"),
        ("text,id,text\na,1,b\n", ":1: columns named twice: text; rename them"),
        (",text,\na,1,b\n", ":1: columns named twice: ''; rename them"),
        ("\n\n", ": the file holds no header"),
        ("\ufeff", ": the file holds no header"),
        ("", ": the file is empty"),
        ('"text\na\n', ":1: header: quoting is broken (unexpected end of data); mend the quotes there"),
        (b"t\xe9xt\na\n", ":1: header: not utf-8 (byte 0xe9)"),
    ],
)
def test_a_file_without_a_usable_header_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    assert message in refusal(written(tmp_path, content))


def test_a_missing_file_a_folder_and_a_name_too_long_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.csv").endswith("none.csv: no such file")
    assert "not a file" in refusal(tmp_path)
    assert "cannot be read" in refusal(tmp_path / f"{'x' * 300}.csv")
    assert ".xlsx is not read; use" in refusal(written(tmp_path, "a", "a.xlsx"))


@pytest.mark.parametrize("delimiter", ["", "ab", '"', "\n"])
def test_a_delimiter_that_cannot_stand_between_fields_is_refused(tmp_path: Path, delimiter: str) -> None:
    assert refusal(written(tmp_path, "a,b\n1,2\n"), delimiter=delimiter).startswith("--delimiter")


@pytest.mark.parametrize(("delimiter", "between"), [(r"\t", "\t"), (";", ";"), ("|", "|")])
def test_a_delimiter_is_taken_as_it_is_typed(tmp_path: Path, delimiter: str, between: str) -> None:
    path = written(tmp_path, f"id{between}text\n1{between}a, b\n")
    assert read(path, delimiter=delimiter)[0] == [{"id": "1", "text": "a, b"}]


def test_a_ragged_row_is_rejected_and_the_others_stay(tmp_path: Path) -> None:
    _, rows, rejects = read(written(tmp_path, "id,text\n1\n2,b\n3,c,d\n"))
    assert rows == [2]
    assert [(reject.row, reject.raw) for reject in rejects] == [(1, b"1\n"), (3, b"3,c,d\n")]
    assert rejects[0].reason == "another number of fields than the header (1, not 2)"


@pytest.mark.parametrize("after", ["4,plain\n5,plain\n", '4,"quoted, text"\n5,"x"\n'])
def test_an_unclosed_quote_costs_its_own_line_and_no_other(tmp_path: Path, after: str) -> None:
    good, rows, rejects = read(written(tmp_path, f'id,text\n1,a\n2,"two\nlines"\n3,"never closed\n{after}'))
    assert rows == [1, 2, 4, 5]
    assert [row["id"] for row in good] == ["1", "2", "4", "5"]
    assert good[1]["text"] == "two\nlines"
    assert [(reject.row, reject.raw) for reject in rejects] == [(3, b'3,"never closed\n')]


def test_unclosed_quotes_in_a_long_file_take_no_more_time_than_its_length(tmp_path: Path) -> None:
    def seconds(lines: int) -> float:
        content = ["id,text", *(f"{at},words" for at in range(lines))]
        for at in range(100, lines, lines // 20):
            content[at] = f'{at},"open'
        path = written(tmp_path, "\n".join(content))
        start = time.process_time()
        _, rows, rejects = read(path)
        assert (len(rows), len(rejects)) == (lines - 20, 20)
        return time.process_time() - start

    assert seconds(200_000) < 12 * max(seconds(40_000), 0.1)


@pytest.mark.parametrize("length", [50_000, 100_000])
def test_long_texts_are_read_whole(tmp_path: Path, length: int) -> None:
    good, _, _ = read(written(tmp_path, "id,text\n" + "".join(f"{at},{'x' * length}\n" for at in range(5))))
    assert [len(row["text"]) for row in good] == [length] * 5


def test_ten_thousand_columns_come_in_small_batches(tmp_path: Path) -> None:
    names = ",".join(["text", *(f"c{at}" for at in range(9_999))])
    source = open_table(written(tmp_path, names + "\n" + (",".join(["a"] * 10_000) + "\n") * 150))
    assert [batch.table.num_rows for batch in source.batches()] == [100, 50]


def test_long_rows_come_in_small_batches(tmp_path: Path) -> None:
    source = open_table(written(tmp_path, "text\n" + ("x" * 1_000_000 + "\n") * 40))
    assert max(batch.table.num_rows for batch in source.batches()) == 16


def test_a_header_alone_has_columns_and_no_batch(tmp_path: Path) -> None:
    source = open_table(written(tmp_path, "id,text\n"))
    assert source.schema.names == ["id", "text"]
    assert list(source.batches()) == []


def test_three_hundred_thousand_rows_are_read_in_little_memory(tmp_path: Path) -> None:
    path = written(tmp_path, "id,text\n" + "".join(f"{at},the council of Veldmark voted\n" for at in range(300_000)))
    source = open_table(path, ReadOptions(batch_rows=500))
    tracemalloc.start()
    try:
        rows = sum(len(batch.rows) for batch in source.batches())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows == 300_000
    assert peak < 2_000_000 < path.stat().st_size


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_the_bytes_of_a_rejected_row_are_those_of_the_file(tmp_path: Path, encoding: str) -> None:
    content = "id,text\n1\n2,b\n".encode(encoding)
    _, _, rejects = read(written(tmp_path, content), encoding=encoding)
    assert [reject.raw for reject in rejects] == ["1\n".encode(encoding.removesuffix("-le") + "-le")]
    assert rejects[0].raw in content


def test_half_a_pair_in_utf_16_rejects_its_row_with_its_bytes(tmp_path: Path) -> None:
    bad = "2,a".encode("utf-16-le") + b"\xe0\xdd" + "\n".encode("utf-16-le")
    content = "id,text\n1,a\n".encode("utf-16-le") + bad + "3,c\n".encode("utf-16-le")
    _, rows, rejects = read(written(tmp_path, content), encoding="utf-16-le")
    assert rows == [1, 3]
    assert rejects[0].raw == bad
