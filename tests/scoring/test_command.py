import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ukraine_stance import classifier, cli
from ukraine_stance.calibration import Calibration
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.models.tfidf import TfidfModel, TfidfSettings

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
        "rejected: 1 rows: text is empty",
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
