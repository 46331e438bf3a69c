import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables import Place, ReadOptions, find_places, open_table

CSV = b"id,text\n1,a\n2,b\n"


def texts(path: Path) -> list[str]:
    batches = open_table(path, ReadOptions(batch_rows=1)).batches()
    return [text for batch in batches for text in batch.table["text"].to_pylist()]


def compressed(codec: str, content: bytes) -> bytes:
    return gzip.compress(content) if codec == "gz" else pa.Codec("zstd").compress(content).to_pybytes()


@pytest.mark.parametrize("codec", ["gz", "zst"])
def test_compressed_files_are_read_as_their_content(tmp_path: Path, codec: str) -> None:
    for name, content in (
        ("a.csv", CSV),
        ("b.TSV", CSV.replace(b",", b"\t")),
        ("c.jsonl", b'{"text": "a"}\n{"text": "b"}'),
    ):
        path = tmp_path / f"{name}.{codec}"
        path.write_bytes(compressed(codec, content))
        assert texts(path) == ["a", "b"]
    twice = tmp_path / f"twice.csv.{codec}"
    twice.write_bytes(compressed(codec, CSV) + compressed(codec, b"3,c\n"))
    assert texts(twice) == ["a", "b", "c"]


@pytest.mark.parametrize("codec", ["gz", "zst"])
@pytest.mark.parametrize("damage", ["cut", "other", "after"])
def test_damaged_compression_is_one_line_that_names_the_file(tmp_path: Path, codec: str, damage: str) -> None:
    whole = compressed(codec, b"id,text\n" + b"".join(f"{at},{at * 7919}\n".encode() for at in range(20_000)))
    content = {"cut": whole[:-100], "other": b"no such thing", "after": whole + b"rubbish"}[damage]
    path = tmp_path / f"a.csv.{codec}"
    path.write_bytes(content)
    with pytest.raises(UserMistake) as caught:
        texts(path)
    assert str(caught.value).startswith(f"{path}: cannot be read (")
    assert "\n" not in str(caught.value)


def test_a_compressed_parquet_file_and_a_bare_ending_are_refused(tmp_path: Path) -> None:
    for name in ("a.parquet.gz", "a.gz", "a.xlsx"):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(UserMistake, match="is not read; use"):
            open_table(tmp_path / name)


def test_a_folder_gives_its_files_of_known_ending_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.jsonl.gz", "deep/c.parquet", "_rejects/r.jsonl", ".hidden.csv", "notes.txt", "d.CSV.zst"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    places, several = find_places(str(tmp_path))
    assert [place.path.relative_to(tmp_path).as_posix() for place in places] == [
        "a.jsonl.gz", "b.csv", "d.CSV.zst", "deep/c.parquet"
    ]  # fmt: skip
    assert several
    assert [place.name for place in find_places(f"{tmp_path}/*.csv")[0]] == [str(tmp_path / "b.csv")]
    assert [place.name for place in find_places(f"{tmp_path}/**/*.parquet")[0]] == [str(tmp_path / "deep/c.parquet")]
    assert find_places(str(tmp_path / "b.csv")) == ([Place(str(tmp_path / "b.csv"))], False)


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "a[1].csv"
    path.write_bytes(CSV)
    assert find_places(str(path)) == ([Place(str(path))], False)


@pytest.mark.parametrize("given", ["", "*.csv", "sub/**"])
def test_where_nothing_is_found_it_is_said(tmp_path: Path, given: str) -> None:
    with pytest.raises(UserMistake, match="holds no file that ends in"):
        find_places(str(tmp_path / given))


def test_an_identity_is_of_the_content_alone(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_bytes(CSV)
    second.write_bytes(CSV)
    assert Place(str(first)).identity() == Place(str(second)).identity()
    before = Place(str(second)).state()
    second.write_bytes(CSV + b"3,c\n")
    assert Place(str(first)).identity() != Place(str(second)).identity()
    assert Place(str(second)).state() != before


def test_an_address_that_no_library_knows_is_refused() -> None:
    with pytest.raises(UserMistake, match=r"nosuch://a/b\.csv: cannot be read"):
        find_places("nosuch://a/b.csv")
