"""Coverage-guided fuzzing of the table readers: any bytes end as rows, rejects or one line of advice, and none is lost.

    pip install atheris
    python experiments/fuzzing/fuzz_readers.py -max_total_time=3600 -max_len=400 CORPUS_FOLDER

Options are libFuzzer's. The first byte of an input chooses how the rest is read. CORPUS_FOLDER keeps what reached new
code and is seeded where it is empty; an input that breaks a promise is written as crash-* and its stack is shown.
"""

import gzip
import io
import sys
import tempfile
from pathlib import Path

import atheris
import pyarrow as pa
import pyarrow.parquet as pq

with atheris.instrument_imports(include=["ukraine_stance.tables", "csv", "json", "codecs"]):
    from ukraine_stance.errors import UserMistake
    from ukraine_stance.tables import Place, ReadOptions, RejectWriter, TableWriter, open_table

SCRATCH = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
HEAD = b"id,text\n"
# Ending of the name, options, and what stands before the bytes so that a header need not be guessed each time.
WAYS = (
    (".csv", ReadOptions(batch_rows=2), HEAD),
    (".csv", ReadOptions(batch_rows=2), b""),
    (".tsv", ReadOptions(batch_rows=1), b"id\ttext\n"),
    (".csv", ReadOptions(batch_rows=3, delimiter=";"), b"id;text\n"),
    (".csv", ReadOptions(batch_rows=2, encoding="latin-1"), HEAD),
    (".csv", ReadOptions(batch_rows=2, encoding="utf-16"), HEAD.decode().encode("utf-16")),
    (".jsonl", ReadOptions(batch_rows=2), b'{"text": "a"}\n'),
    (".jsonl", ReadOptions(batch_rows=2), b""),
    (".jsonl", ReadOptions(batch_rows=1, encoding="utf-16-le"), b""),
    (".csv.gz", ReadOptions(batch_rows=2), b""),
    (".jsonl.zst", ReadOptions(batch_rows=2), b""),
    (".parquet", ReadOptions(batch_rows=2), b""),
)
# Damaged Parquet is read by Arrow's C++ alone, which may end the process: asked for by name.
USED = len(WAYS) if "--parquet" in sys.argv else len(WAYS) - 1


def one_input(data: bytes) -> None:
    """Read the bytes, hold what comes to the promises, and write it again."""
    if not data:
        return
    suffix, options, head = WAYS[data[0] % USED]
    content = head + data[1:]
    path = SCRATCH / f"in{suffix}"
    path.write_bytes(content)
    try:
        source = open_table(Place(str(path)), options)
        batches = list(source.batches())
    except UserMistake as fault:
        if "\n" in str(fault):
            raise AssertionError(f"advice of several lines: {fault!r}") from fault
        return
    numbers = sorted(row for batch in batches for row in [*batch.rows, *(one.row for one in batch.rejects)])
    assert numbers == list(range(1, len(numbers) + 1)), f"rows {numbers}"
    assert source.total in (None, len(numbers)), f"{source.total} told, {len(numbers)} read"
    for batch in batches:
        batch.table.validate(full=True)
        assert batch.table.schema.equals(source.schema, check_metadata=True)
        assert batch.table.num_rows == len(batch.rows)
        assert len(batch.raws) == len(batch.rows) or suffix == ".parquet"
        if suffix in (".csv", ".tsv", ".jsonl"):
            assert all(raw in content for raw in [*batch.raws, *(reject.raw for reject in batch.rejects)])
    expected = expected_rows(suffix, options, content)
    assert expected in (None, len(numbers)), f"{expected} rows expected, {len(numbers)} read"
    write_again(source.schema, [batch.table for batch in batches])
    with RejectWriter(SCRATCH / "rejects.jsonl") as writer:
        for batch in batches:
            for reject in batch.rejects:
                writer.write(reject)


def expected_rows(suffix: str, options: ReadOptions, content: bytes) -> int | None:
    """The number of rows where it can be known without parsing: lines that are not blank."""
    if options.encoding != "utf-8" or suffix not in (".jsonl", ".csv", ".tsv"):
        return None
    text = content.decode("utf-8-sig", "surrogateescape")
    if suffix == ".jsonl":
        return sum(bool(line.strip()) for line in text.split("\n"))
    if '"' in text:
        return None
    lines = io.StringIO(text, newline="").readlines()
    return sum(bool(line.strip("\r\n")) for line in lines) - 1


def write_again(schema: pa.Schema, tables: list[pa.Table]) -> None:
    """Every format takes what any reader gave, and gives as many rows back."""
    rows = sum(table.num_rows for table in tables)
    for suffix in (".csv", ".jsonl"):
        path = SCRATCH / f"out{suffix}"
        with TableWriter(path, schema, suffix, guard_formulas=True) as writer:
            for table in tables:
                writer.write(table)
        if rows:
            try:
                back = open_table(path, ReadOptions(strings=()))
            except UserMistake as advice:  # a name of the first column like a semicolon's or UTF-16's table
                assert "look" in str(advice), str(advice)
                continue
            assert sum(len(batch.rows) for batch in back.batches()) == rows, f"{rows} rows written as {suffix}"


def seed(folder: Path) -> None:
    """A few whole files of each format."""
    csv = b'1,"two\nlines, ""quoted"""\r\n2,caf\xe9\n3\n\n4,a,b\n5,"open\n6,\0\n'
    lines = b'{"id": 1, "text": "a", "x": [1, {"y": null}]}\n{"text": 5}\n{"text": "\\ud83d"}\n[]\n{"x": 1e999}\n{"te'
    table = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2], "text": ["a", None]}), table)
    contents = {
        ".csv": csv,
        ".tsv": csv.replace(b",", b"\t"),
        ".jsonl": lines,
        ".csv.gz": gzip.compress(HEAD + csv),
        ".jsonl.zst": pa.Codec("zstd").compress(lines).to_pybytes(),
        ".parquet": table.getvalue(),
    }
    for number, (suffix, options, head) in enumerate(WAYS[:USED]):
        content = contents[suffix]
        if "16" in options.encoding:
            content = content.decode("latin-1").encode("utf-16-le")
        (folder / f"seed-{number}").write_bytes(
            bytes([number]) + (content if head else HEAD * (suffix == ".csv") + content)
        )


if __name__ == "__main__":
    words = [word for word in sys.argv if word != "--parquet"]
    corpus = Path(words[-1])
    if len(words) < 2 or words[-1].startswith("-"):
        sys.exit("give a folder for the corpus as the last argument")
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        seed(corpus)
    atheris.Setup(words, one_input)
    atheris.Fuzz()
