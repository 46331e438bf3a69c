"""Whatever a file holds: rows in are rows scored plus rows rejected, each with its number, and nothing is altered."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from unicodedata import category

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ukraine_stance.calibration import Calibration
from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.errors import UserMistake
from ukraine_stance.models.protocol import Prediction
from ukraine_stance.scoring import ScoreJob, ScoreSummary, score_file


def is_seen(text: Any) -> bool:
    """Whether a text shows anything: more than white space, control and format characters."""
    return isinstance(text, str) and any(category(one) not in {"Zs", "Zl", "Zp", "Cc", "Cf"} for one in text)


class Neutral:
    """Neutral to every text; to be asked about a blank one is a fault."""

    family = "neutral"

    def predict(self, texts: list[str], targets: list[str]) -> Prediction:
        assert all(is_seen(text) for text in texts)
        return Prediction(np.tile([0.1, 0.2, 0.7], (len(texts), 1)), np.zeros(len(texts), bool))


MODEL = StanceClassifier(Neutral(), Calibration(), "neutral-1")  # type: ignore[arg-type]
TEXT = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "NA",
            "007",
            "null",
            "=1+1",
            '"',
            "a\nb",
            "a\r\nb",
            "\0",
            "🚢",
            "שלום",
            "\u2028",
            "\u200b\ufeff",
            "x" * 5000,
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
BYTES = st.lists(
    st.sampled_from([b'"', b",", b"\t", b"\n", b"\r", b"{", b"}", b'{"text": "a"}', b"a", b"\xe9", b"\0", b"5"])
)


def scored(
    folder: Path, name: str, content: bytes, out: str = "out.jsonl"
) -> tuple[ScoreSummary, list[Any], list[Any]]:
    source = folder / name
    source.write_bytes(content)
    job = ScoreJob((str(source),), folder / out, shard_rows=3, force=True)
    summary = score_file(job, MODEL)
    rows = [json.loads(line) for line in job.out.open(encoding="utf-8")]
    rejects = [json.loads(line) for line in job.rejects.open(encoding="utf-8")]
    assert (summary.rows, summary.scored, summary.rejected) == (len(rows) + len(rejects), len(rows), len(rejects))
    numbers = sorted([*(row["input_row"] for row in rows), *(reject["row"] for reject in rejects)])
    assert numbers == list(range(1, summary.rows + 1))
    assert sum(summary.reasons.values()) == summary.rejected
    assert all(reject["reason"] and ("raw" in reject or "raw_base64" in reject) for reject in rejects)
    return summary, rows, rejects


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("in.csv", [b"id,text,n\r\n", b"9,,1\r\n", b'"a ""b""", ,2\n', b"7,fine,3\n", b"8,\t,"]),
        ("in.jsonl", [b'{"id":4,"text":null}\n', b'{ "id" : 8 }\n', b'{"text": "fine"}\n', b'{"text":"\\u00a0"}']),
    ],
)
def test_a_row_without_a_text_is_rejected_with_the_bytes_that_stood_there(
    tmp_path: Path, name: str, lines: list[bytes]
) -> None:
    _, rows, rejects = scored(tmp_path, name, b"".join(lines))
    assert len(rows) == 1
    assert [reject["raw"].encode() for reject in rejects] == [line for line in lines if b"fine" not in line][-3:]


def test_a_row_that_the_model_fails_on_keeps_its_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(texts: list[str], targets: list[str]) -> Prediction:
        if "bad" in texts:
            raise IndexError("index out of range in self")
        return Neutral().predict(texts, targets)

    monkeypatch.setattr(MODEL.model, "predict", fail)
    _, rows, rejects = scored(tmp_path, "in.csv", b'id,text\n1,fine\n2,""\n"3",bad\n4,fine too\n')
    assert [row["id"] for row in rows] == ["1", "4"]
    assert [(reject["row"], reject["raw"]) for reject in rejects] == [(2, '2,""\n'), (3, '"3",bad\n')]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXT, TEXT), max_size=9), st.sampled_from([("csv", ","), ("tsv", "\t")]))
def test_every_cell_of_a_delimited_file_is_kept_or_its_row_rejected(
    tmp_path: Path, cells: list[tuple[str, str]], form: tuple[str, str]
) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=form[1]).writerows([("id", "text"), *cells])
    _, rows, rejects = scored(tmp_path, f"in.{form[0]}", stream.getvalue().encode())
    assert [(row["id"], row["text"]) for row in rows] == [cell for cell in cells if is_seen(cell[1])]
    assert len(rejects) == sum(not is_seen(cell[1]) for cell in cells)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(["id", "text", "n"]), TEXT | st.integers() | st.none(), min_size=1)))
def test_every_object_of_json_lines_is_kept_or_rejected(tmp_path: Path, objects: list[dict[str, Any]]) -> None:
    content = "\n".join(json.dumps(value) for value in [{"text": "first"}, *objects])
    _, rows, _ = scored(tmp_path, "in.jsonl", content.encode())
    texts = [value["text"] for value in objects if isinstance(value.get("text"), str)]
    assert [row["text"] for row in rows] == ["first", *(text for text in texts if is_seen(text))]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.none() | TEXT, st.none() | st.integers(-(2**63), 2**63 - 1)), max_size=9))
def test_every_row_of_parquet_is_kept_or_rejected(tmp_path: Path, cells: list[tuple[str | None, int | None]]) -> None:
    table = pa.table(
        {
            "text": pa.array([cell[0] for cell in cells], pa.string()),
            "n": pa.array([cell[1] for cell in cells], pa.int64()),
        }
    )
    stream = io.BytesIO()
    pq.write_table(table, stream)
    _, rows, _ = scored(tmp_path, "in.parquet", stream.getvalue())
    assert [(row["text"], row["n"]) for row in rows] == [cell for cell in cells if is_seen(cell[0])]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BYTES, st.sampled_from([("in.csv", b"id,text\n"), ("in.tsv", b"id\ttext\n"), ("in.jsonl", b'{"text": "a"}\n')]))
def test_no_bytes_lose_a_row(tmp_path: Path, content: list[bytes], way: tuple[str, bytes]) -> None:
    summary, _, _ = scored(tmp_path, way[0], way[1] + b"".join(content))
    if way[0] == "in.jsonl":
        lines = b"".join(content).decode("utf-8", "surrogateescape").split("\n")
        assert summary.rows == 1 + sum(bool(line.strip()) for line in lines)


WIDE = f"{','.join(['text', *(f'c{at}' for at in range(9_999))])}\n{','.join(['good'] * 10_000)}\n".encode()
HOSTILE = [
    ("latin-1 bytes", "in.csv", b"id,text\n1,caf\xe9\n2,good\n", 1),
    ("NUL", "in.csv", b"id,text\n1,a\0b\n\0,c\n", 2),
    ("unclosed quote", "in.csv", b'id,text\n1,"open\n2,good\n3,good\n', 2),
    ("ragged rows", "in.csv", b"id,text\n1\n2,a,b\n3,good\n", 1),
    ("truncated last line", "in.jsonl", b'{"text": "good"}\n{"text": "cu', 1),
    ("mixed types", "in.jsonl", b'{"text": "good", "n": 1}\n{"text": "good", "n": "x"}\n{"text": 5}\n', 2),
    ("NA and 007", "in.csv", b"id,text\n007,NA\nNA,007\n", 2),
    ("long texts", "in.csv", b"id,text\n" + (b"1," + b"word " * 20_000 + b"\n") * 5, 5),
    ("empty texts", "in.csv", "id,text\n1,\n2, \u00a0\n3,good\n".encode(), 1),
    ("missing and doubled ids", "in.csv", b"id,text\n1,a\n1,b\n,c\n", 3),
    ("emoji and right-to-left", "in.csv", "id,text\n1,🚢👩‍👩‍👧\n2,שלום\u202e مرحبا\n".encode(), 2),
    ("half a pair", "in.jsonl", b'{"text": "\\ud83d"}\n{"text": "good"}\n', 1),
    ("deep nesting", "in.jsonl", b'{"text": "good", "x": ' + b"[" * 9999 + b"]" * 9999 + b'}\n{"text": "good"}\n', 1),
    ("ten thousand columns", "in.csv", WIDE, 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "good"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_rows_are_rejected_alone(tmp_path: Path, name: str, content: bytes, good: int) -> None:
    summary, rows, rejects = scored(tmp_path, name, content)
    assert summary.scored == good
    assert all(row["stance"] == "neutral" for row in rows)
    assert all(reject["reason"] for reject in rejects)


@pytest.mark.parametrize("out", ["out.csv", "out.tsv", "out.jsonl", "out.parquet", "out.csv.gz", "parts"])
def test_ten_thousand_columns_go_into_every_format(tmp_path: Path, out: str) -> None:
    (tmp_path / "in.csv").write_bytes(WIDE)
    assert score_file(ScoreJob((str(tmp_path / "in.csv"),), tmp_path / out), MODEL).scored == 1


def test_a_time_that_python_cannot_hold_is_written_in_a_rejected_row(tmp_path: Path) -> None:
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": ["", "a"], "at": pa.array([10**15, 10**15], pa.timestamp("ms"))}), stream)
    _, _, rejects = scored(tmp_path, "in.parquet", stream.getvalue())
    assert [reject["row"] for reject in rejects] == [1]


def test_the_same_column_in_capitals_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match="columns: id, Text"):
        scored(tmp_path, "in.csv", b"id,Text\n1,a\n")
