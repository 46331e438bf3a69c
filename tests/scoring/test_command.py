import csv
import gzip
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ukraine_stance import classifier, cli, tracking
from ukraine_stance.calibration import Calibration
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.models.tfidf import TfidfModel, TfidfSettings
from ukraine_stance.scoring.parts import PartFolder
from ukraine_stance.tables import open_table, write_table

Score = Callable[..., tuple[int, str, str]]
TEXTS = ("Veldmark lends its neighbour two ferries.", "Nobody should lend a ferry.", "The ferry left at noon.") * 2


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tfidf = TfidfModel(TfidfSettings((1, 1), None, 1, False, 1.0, None))
    rows = LabelledTexts(TEXTS, ("support for Veldmark",) * 6, np.array([0, 1, 2] * 2))
    tfidf.fit(rows, rows, folder)
    classifier.save(tfidf, Calibration(), {}, folder)
    return folder


def stance(*words: object, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["stance", *map(str, words)])
    try:
        cli.main()
        code = 0
    except SystemExit as left:
        code = int(left.code or 0)
    return code, *capsys.readouterr()


@pytest.fixture
def score(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Score:
    def run(content: bytes | str, *more: object, name: str = "in.csv", out: object = "out.csv") -> tuple[int, str, str]:
        source = tmp_path / name
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        words = ["score", source, "--model", model, "--out", tmp_path / str(out), *more]
        return stance(*words, capsys=capsys, monkeypatch=monkeypatch)

    return run


def test_a_file_is_scored_and_the_output_is_named_last(score: Score, tmp_path: Path) -> None:
    code, out, err = score("id,text\n1,The ferry left at noon.\n2,\n")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "2 rows: 1 scored (1 neutral), 1 rejected",
        "rejected: 1 row: text is empty",
        f"rejected rows with their reasons: {tmp_path / 'out.csv.rejects.jsonl'}",
        str(tmp_path / "out.csv"),
    ]


def test_json_for_scripts_holds_the_counts(score: Score) -> None:
    code, out, _ = score("id,text\n1,a ferry\n1,b\n,c\n4\n", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["rows"], found["scored"], found["rejected"]) == (4, 3, 1)
    assert (found["ids_missing"], found["ids_repeated"], found["already_done"]) == (1, 1, False)


def test_given_again_it_does_nothing_and_with_another_input_it_refuses(score: Score) -> None:
    assert score("text\na\n")[0] == 0
    code, out, _ = score("text\na\n")
    assert (code, out.splitlines()[0]) == (0, "scored already from this input by this model; nothing to do")
    code, out, err = score("text\nb\n")
    assert (code, out) == (2, "")
    assert "was made from another input" in err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.csv", "words\na\n", "no column 'text'"),
        ("in.csv", "", "the file is empty"),
        ("in.csv", "text;id\na;1\n", "--delimiter ';'"),
        ("in.csv", "text,text\na,b\n", "columns named twice: text"),
        ("in.csv", "text,confidence\na,b\n", "has the output columns confidence already"),
        ("in.csv", "text\na\n".encode("utf-16"), "looks like UTF-16"),
        ("in.jsonl", "{}", "no line holds a JSON object"),
        ("in.parquet", "PAR1", "not a whole Parquet file"),
        ("in.txt", "a", ".txt is not read"),
    ],
)
def test_an_input_that_cannot_be_used_is_one_line_and_exit_2(
    score: Score, tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    code, out, err = score(content, name=name)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"{tmp_path / name}:")
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_missing_input_and_an_empty_folder_are_one_line_and_exit_2(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    for source, fault in ((tmp_path / "none.csv", "no such file"), (tmp_path / "empty", "holds no file that ends in")):
        words = ["score", source, "--model", model, "--out", tmp_path / "out.csv"]
        code, out, err = stance(*words, capsys=capsys, monkeypatch=monkeypatch)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert f"{source}: {fault}" in err


def test_a_folder_that_cannot_be_written_is_one_line_and_exit_2(score: Score) -> None:
    code, out, err = score("text\na\n", out="/proc/out.csv")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "/proc/out.csv: cannot be written" in err


def piped(
    content: bytes,
    model: Path,
    *more: object,
    capsysbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[int, bytes, bytes]:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    monkeypatch.setattr("sys.argv", ["stance", "score", "-", "--model", str(model), "--out", "-", *map(str, more)])
    try:
        cli.main()
        code = 0
    except SystemExit as left:
        code = int(left.code or 0)
    return code, *capsysbinary.readouterr()


@pytest.mark.parametrize(
    ("form", "codec"),
    [("parquet", ""), *((form, codec) for form in ("csv", "tsv", "jsonl") for codec in ("", "gzip", "zstd"))],
)
def test_standard_input_is_scored_to_standard_output_and_counted_on_stderr(
    model: Path,
    tmp_path: Path,
    capsysbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    codec: str,
) -> None:
    write_table(tmp_path / f"in.{form}", pa.table({"text": ["The ferry left at noon.", " "]}))
    content = (tmp_path / f"in.{form}").read_bytes()
    content = pa.Codec(codec).compress(content).to_pybytes() if codec else content
    rejects = tmp_path / "r.jsonl"
    more = ["--format", form, "--rejects", rejects]
    code, out, err = piped(content, model, *more, capsysbinary=capsysbinary, monkeypatch=monkeypatch)
    assert code == 0
    assert err.decode().splitlines() == [
        "2 rows: 1 scored (1 neutral), 1 rejected",
        "rejected: 1 row: text is empty",
        f"rejected rows with their reasons: {rejects}",
    ]
    (tmp_path / f"out.{form}").write_bytes(out)
    (batch,) = open_table(tmp_path / f"out.{form}").batches()
    assert batch.table["stance"].to_pylist() == ["neutral"]
    assert json.loads(rejects.read_text())["row"] == 2


def test_what_is_piped_in_and_cannot_be_used_is_one_line_and_exit_2(
    model: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    for content, message in (
        (b"", b"the file is empty"),
        (b"words\na\n", b"no column 'text'"),
        (b"\x1f\x8bno", b"standard input: cannot be read"),
        (b'"text\na\n', b"standard input:1: header: quoting is broken (unexpected end of data); mend the quotes there"),
        (b'{"text": "a"}\n{"text": "b"}\n', b"standard input: no column 'text'"),
        (b'{"id": 1, "text": "a"}\n', b"; it looks like JSON Lines: add --format jsonl\n"),
    ):
        code, out, err = piped(content, model, capsysbinary=capsysbinary, monkeypatch=monkeypatch)
        assert (code, out, err.count(b"\n")) == (2, b"", 1)
        assert message in err


def test_a_reader_that_has_had_enough_ends_nothing(model: Path) -> None:
    command = f"{sys.executable} -m ukraine_stance.cli score - --model {model} --out - | head -n 1"
    content = "text\n" + "The ferry left.\n" * 5000
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], input=content, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert done.stderr.startswith("5000 rows: 5000 scored")
    assert done.stderr.count("\n") == 2


def test_several_inputs_make_one_output_that_tells_them_apart(score: Score, tmp_path: Path, model: Path) -> None:
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b'{"text": "b"}\n{"text": 1}\n'))
    code, out, _ = score("id,text\n1,a\n2,\n", tmp_path / "b.jsonl.gz")
    assert (code, out.splitlines()[0]) == (0, "4 rows: 2 scored (1 against, 1 favor), 2 rejected")
    (batch,) = open_table(tmp_path / "out.csv").batches()
    rows = batch.table.select(["input_file", "input_row", "id", "text"]).to_pylist()
    names = [str(tmp_path / "in.csv"), str(tmp_path / "b.jsonl.gz")]
    assert [tuple(row.values()) for row in rows] == [(names[0], "1", "1", "a"), (names[1], "1", "", "b")]
    rejects = [json.loads(line) for line in (tmp_path / "out.csv.rejects.jsonl").open()]
    assert [(reject["input_file"], reject["row"]) for reject in rejects] == [(names[0], 2), (names[1], 2)]


@pytest.mark.parametrize(
    ("more", "out", "message"),
    [
        (["-"], "out.csv", "standard input is scored alone"),
        (["--rejects", "r.jsonl"], "out.csv", "--rejects: is for --out - alone"),
        (["IN"], "out.csv", "in.csv: is named twice"),
    ],
)
def test_ends_that_do_not_go_together_are_one_line_and_exit_2(
    score: Score, tmp_path: Path, more: list[str], out: str, message: str
) -> None:
    code, _, err = score("text\na\n", *(str(tmp_path / "in.csv") if word == "IN" else word for word in more), out=out)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err


def test_an_output_inside_the_input_folder_is_refused(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in.csv").write_text("text\na\n")
    words = ["score", tmp_path, "--model", model, "--out", tmp_path / "deep" / "out.csv"]
    code, _, err = stance(*words, capsys=capsys, monkeypatch=monkeypatch)
    assert (code, err.count("\n")) == (2, 1)
    assert "stands in the input's own folder" in err


def test_formulas_are_guarded_on_request(score: Score, tmp_path: Path) -> None:
    content = 'id,text,=x\n-5,=1+1,-5\n+1e3,"\t=a",@b\n-x,plain,"a=b"\n'
    assert score(content, "--guard-formulas")[0] == 0
    lines = list(csv.reader((tmp_path / "out.csv").open(newline="")))
    assert lines[0][:3] == ["id", "text", "'=x"]
    assert [line[:3] for line in lines[1:]] == [
        ["-5", "'=1+1", "-5"],
        ["+1e3", "'\t=a", "'@b"],
        ["'-x", "plain", "a=b"],
    ]
    assert score(content, out="plain.csv")[0] == 0
    assert "'" not in (tmp_path / "plain.csv").read_text()


@pytest.mark.parametrize("out", ["out.jsonl", "out.parquet", "out/"])
def test_formulas_are_not_promised_to_be_guarded_where_they_are_not(score: Score, tmp_path: Path, out: str) -> None:
    code, _, err = score("text\n=1+1\n", "--guard-formulas", out=out)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("--guard-formulas: is for .csv and .tsv, not for out")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("out")] == []


def test_text_in_other_letters_is_warned_of(score: Score) -> None:
    _, out, err = score("text\nПором відплив.\nThe ferry left.\n")
    assert err.startswith("warning: mostly in letters that are not Latin: 1 row;")
    assert out.startswith("2 rows: 2 scored")


def test_an_alias_that_moved_during_the_job_is_refused_with_both_models_named(
    score: Score, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    tfidf = TfidfModel(TfidfSettings((1, 1), None, 1, False, 2.0, None))
    rows = LabelledTexts(TEXTS, ("support for Veldmark",) * 6, np.array([0, 1, 2] * 2))
    tfidf.fit(rows, rows, other)
    moved = classifier.save(tfidf, Calibration(), {}, other)
    first = classifier.load(model).model_id
    content = "text\n" + "".join(f"ferry {at}\n" for at in range(20))
    commit, asked = PartFolder.commit, []

    def stop_after_two(parts: PartFolder, number: int, *rest: object) -> None:
        if number == 3:
            raise KeyboardInterrupt
        commit(parts, number, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(tracking, "model_folder", lambda _, name: asked.append(name) or model)
    monkeypatch.setattr(PartFolder, "commit", stop_after_two)
    assert score(content, "--shard-rows", 4)[0] == 130
    assert len(asked) == 1  # an alias is resolved once
    monkeypatch.setattr(PartFolder, "commit", commit)
    monkeypatch.setattr(tracking, "model_folder", lambda *_: other)
    code, _, err = score(content, "--shard-rows", 4)
    assert (code, err.count("\n")) == (2, 1)
    assert f"another model ({first} there, {moved.model_id} now)" in err
    monkeypatch.setattr(tracking, "model_folder", lambda *_: model)
    assert score(content, "--shard-rows", 4)[0] == 0
