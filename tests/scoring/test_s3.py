"""Files at an address, against a real S3 server on this machine (moto's)."""

import gzip
import importlib.util
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ukraine_stance import classifier, cli
from ukraine_stance.calibration import Calibration
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.models.tfidf import TfidfModel, TfidfSettings
from ukraine_stance.scoring.parts import PartFolder
from ukraine_stance.tables import Place, ReadOptions, open_table

HERE = all(importlib.util.find_spec(name) for name in ("moto", "s3fs", "flask_cors"))
pytestmark = pytest.mark.skipif(
    not HERE and not os.environ.get("STANCE_REQUIRE_ALL"), reason="needs 'moto[server]' and s3fs"
)

TEXTS = ("Veldmark lends its neighbour two ferries.", "Nobody should lend a ferry.", "The ferry left at noon.") * 2
Score = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def store(free_port: Callable[[], int]) -> Iterator[Any]:
    """The filesystem of an S3 server that is stopped in the end."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {**keys, "AWS_ENDPOINT_URL": address}.items():
            patched.setenv(name, value)
        for _ in range(600):
            try:
                urllib.request.urlopen(address, timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        import fsspec

        filesystem = fsspec.filesystem("s3")
        filesystem.mkdir("news")
        yield filesystem
    server.terminate()
    server.wait()


@pytest.fixture
def score(store: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Score:
    (tmp_path / "model").mkdir()
    tfidf = TfidfModel(TfidfSettings((1, 1), None, 1, False, 1.0, None))
    rows = LabelledTexts(TEXTS, ("support for Veldmark",) * 6, np.array([0, 1, 2] * 2))
    tfidf.fit(rows, rows, tmp_path / "model")
    classifier.save(tfidf, Calibration(), {}, tmp_path / "model")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["stance", "score", "--model", str(tmp_path / "model"), *map(str, words)])
        try:
            cli.main()
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
        return code, *capsys.readouterr()

    yield run
    for name in store.find("news"):
        store.rm(name)


def put(store: Any, name: str, content: bytes) -> str:
    store.pipe(f"news/{name}", content)
    return f"s3://news/{name}"


def test_a_file_a_folder_and_a_pattern_are_read_where_they_stand(store: Any, score: Score, tmp_path: Path) -> None:
    put(store, "d/a.csv.gz", gzip.compress(b"text,id\nThe ferry left.,1\n"))
    put(store, "d/deep/b.jsonl", b'{"text": "Nobody."}\n{"text": ""}\n')
    put(store, "d/_rejects/c.jsonl", b"{}")
    for source, said in (
        ("s3://news/d/a.csv.gz", "1 row: 1 scored"),
        ("s3://news/d/", "3 rows: 2 scored"),
        ("s3://news/d/*.csv*", "1 row: 1 scored"),
    ):
        code, out, _ = score(source, "--out", tmp_path / "out.csv", "--force")
        assert (code, out[: len(said)]) == (0, said)
    assert '"s3://news/d/a.csv.gz",' not in (tmp_path / "out.csv").read_text()
    assert "s3://news/d/a.csv.gz," in (tmp_path / "out.csv").read_text()


def test_a_large_parquet_file_there_is_fetched_once(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, rows = ("text", "a", "b"), 8_000
    table = pa.table({name: [os.urandom(200).hex() for _ in range(rows)] for name in names})
    pq.write_table(table, tmp_path / "x.parquet", use_dictionary=False)
    size = (tmp_path / "x.parquet").stat().st_size
    address = put(store, "x.parquet", (tmp_path / "x.parquet").read_bytes())
    from s3fs.core import S3File

    fetch, fetched = S3File._fetch_range, []

    def counted(file: Any, start: int, end: int) -> bytes:
        fetched.append(end - start)
        return fetch(file, start, end)

    monkeypatch.setattr(S3File, "_fetch_range", counted)
    assert sum(len(batch.rows) for batch in open_table(Place(address), ReadOptions()).batches()) == rows
    assert sum(fetched) < 1.3 * size and max(fetched) < size / 3


def test_a_parquet_file_there_is_read_and_a_changed_one_is_another_input(
    store: Any, score: Score, tmp_path: Path
) -> None:
    def content(text: str) -> bytes:
        pq.write_table(pa.table({"text": [text]}), tmp_path / "x.parquet")
        return (tmp_path / "x.parquet").read_bytes()

    address = put(store, "x.parquet", content("a"))
    assert score(address, "--out", tmp_path / "o.parquet")[0] == 0
    assert "nothing to do" in score(address, "--out", tmp_path / "o.parquet")[1]
    put(store, "x.parquet", content("b"))
    code, _, err = score(address, "--out", tmp_path / "o.parquet")
    assert (code, err.count("\n")) == (2, 1)
    assert "made from another input" in err


def test_an_output_there_is_sent_when_it_is_whole_and_known_again(
    store: Any, score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text\n" + "".join(f"ferry {at}\n" for at in range(10)) + '""\n')
    commit = PartFolder.commit

    def stop(parts: PartFolder, number: int, *rest: object) -> None:
        if number == 3:
            raise KeyboardInterrupt
        commit(parts, number, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(PartFolder, "commit", stop)
    assert score(source, "--out", "s3://news/o.csv", "--shard-rows", 4)[0] == 130
    assert store.find("news") == []
    monkeypatch.setattr(PartFolder, "commit", commit)
    code, out, _ = score(source, "--out", "s3://news/o.csv", "--shard-rows", 4)
    assert (code, out.splitlines()[-2:]) == (
        0,
        ["rejected rows with their reasons: s3://news/o.csv.rejects.jsonl", "s3://news/o.csv"],
    )
    assert "8 of the rows had been read" in out
    assert store.find("news") == ["news/o.csv", "news/o.csv.manifest.json", "news/o.csv.rejects.jsonl"]
    assert store.cat("news/o.csv").count(b"\n") == 11
    before = store.info("news/o.csv")["LastModified"]
    assert "nothing to do" in score(source, "--out", "s3://news/o.csv", "--shard-rows", 4)[1]
    assert store.info("news/o.csv")["LastModified"] == before
    source.write_text("text\nother\n")
    err = score(source, "--out", "s3://news/o.csv", "--shard-rows", 4)[2]
    assert err.startswith("s3://news/o.csv: was made from another input (")
    assert score(source, "--out", "s3://news/o.csv", "--force")[0] == 0
    assert store.cat("news/o.csv").count(b"\n") == 2
    assert list((tmp_path / "home").rglob("*.csv")) == []


def test_an_output_that_was_whole_but_not_sent_is_sent_by_the_next_call(
    store: Any, score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text\na\n")

    def gone(*_: object) -> None:
        raise RuntimeError("connection lost")

    with monkeypatch.context() as patched:
        patched.setattr(store, "put_file", gone)
        code, _, err = score(source, "--out", "s3://news/o.csv")
        assert (code, err.count("\n")) == (4, 1)
        assert err.startswith("s3://news/o.csv: cannot be written (connection lost)")
    code, out, _ = score(source, "--out", "s3://news/o.csv")
    assert code == 0
    assert "nothing to do" in out
    assert store.cat("news/o.csv").count(b"\n") == 2


def test_a_folder_of_parts_there_ends_with_its_mark(store: Any, score: Score, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text('text\na\n""\nb\n')
    assert score(source, "--out", "s3://news/parts/", "--shard-rows", 2)[0] == 0
    names = [name.removeprefix("news/parts/") for name in store.find("news")]
    assert [name.split("-")[0] for name in names] == ["_SUCCESS", "_rejects/part", "part", "part"]
    assert json.loads(store.cat("news/parts/_SUCCESS"))["counts"]["rows"] == 3
    code, out, err = score(source, "--out", "s3://news/parts/", "--shard-rows", 2)
    assert (code, err) == (0, "")
    assert "nothing to do" in out
    assert "remove them there first" in score(source, "--out", "s3://news/parts/", "--force")[2]


def test_what_is_not_there_is_a_mistake_and_a_server_that_is_gone_is_a_service(
    store: Any, score: Score, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    code, _, err = score("s3://news/none.csv", "--out", tmp_path / "o.csv")
    assert (code, err) == (2, "s3://news/none.csv: no such file\n")
    address = put(store, "in.csv", b"text\na\n")
    assert "is the input itself" in score(address, "--out", address, "--force")[2]
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    for words in ((address, "--out", tmp_path / "o.csv"), (tmp_path / "in.csv", "--out", "s3://news/o.csv")):
        (tmp_path / "in.csv").write_text("text\na\n")
        code, _, err = score(*words)
        assert (code, err.count("\n")) == (4, 1)
        assert "check address, network and keys" in err
    s3fs.S3FileSystem.clear_instance_cache()
