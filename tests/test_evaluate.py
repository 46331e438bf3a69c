"""Evaluating on a user's file: what is refused in a line, what is warned of, and that nothing undefined has a value."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ukraine_stance import classifier
from ukraine_stance.calibration import Calibration
from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluate import Question, evaluate
from ukraine_stance.evaluation.report import write_page
from ukraine_stance.evaluation.results import Evaluation
from ukraine_stance.models import TfidfModel
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.project import Project

Row = dict[str, Any]
LABELS = ("favor", "against", "neutral")


@pytest.fixture(scope="module")
def runs(new_tfidf: Callable[..., TfidfModel], toy: LabelledTexts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with two models, `one` and `two`."""
    root = tmp_path_factory.mktemp("runs")
    for name, strength in (("one", 8.0), ("two", 0.5)):
        model = new_tfidf(c=strength)
        (root / name).mkdir()
        model.fit(toy, toy, root)
        classifier.save(model, Calibration(), {"data": {}, "seed": 1, "sha256": "0"}, root / name)
    return root


def rows(count: int = 12, labels: Sequence[str] = LABELS, **columns: Any) -> list[Row]:
    return [
        {"text": f"we will send aid {n}", "label": labels[n % len(labels)], "group": f"g{n // 2}", **columns}
        for n in range(count)
    ]


def written(folder: Path, content: list[Row] | str | bytes | pa.Table, suffix: str = ".jsonl") -> Path:
    path = folder / f"gold{suffix}"
    match content:
        case bytes():
            path.write_bytes(content)
        case str():
            path.write_text(content, encoding="utf-8")
        case list():
            path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
        case table:
            pq.write_table(table, path)
    return path


def evaluated(runs: Path, path: Path, *names: str, by: tuple[str, ...] = ()) -> Evaluation:
    named = tuple(str(runs / name) for name in names or ("one",))
    return evaluate(Project(path.parent), Question(named, path, samples=100, by=by))


def refusal(runs: Path, path: Path, *names: str, by: tuple[str, ...] = ()) -> str:
    with pytest.raises(UserMistake) as refused:
        evaluated(runs, path, *names, by=by)
    return str(refused.value)


@pytest.mark.parametrize(
    ("suffix", "content", "said"),
    [
        (".csv", "text,label\na b,Favor\n", "row 1: label is 'Favor', none of"),
        (".csv", "text,label\na b,NaN\n", "row 1: label is 'NaN', none of"),
        (".csv", "text,label\na b,favor\nc d,\n", "row 2: label is empty"),
        (".csv", "text,stance\na b,favor\n", "no column label (columns: text, stance)"),
        (".csv", "text,label\n  ,favor\n", "row 1: text is empty"),
        (".csv", "id,text,label\n1,a,favor\n1,b,favor\n", "row 2: id '1' stands already in row 1"),
        (".csv", "text,label\ncaf\xe9,favor\n".encode("latin-1"), "row 1: not utf-8 (byte 0xe9); if the file has "),
        (".csv", "text,label\n", "holds no rows"),
        (".csv", "text;label\na;favor\n", "columns look separated by semicolons; separate them by commas"),
        (".csv", "text,label\na,favor\n".encode("utf-16"), "looks like UTF-16; save it as UTF-8"),
        (".jsonl", [{"text": "a", "label": 1}], "row 1: label is 1, none of"),
        (".jsonl", [{"text": "a", "label": "favor"}, {"text": "a"}], "row 2: label is empty"),
        (".jsonl", [{"text": 5, "label": "favor"}], "text is not a string (5)"),
        (".jsonl", rows(2, votes=3), "row 1: column votes: votes are no list"),
        (".jsonl", rows(2, votes=[{"coder": "a", "label": "pro"}]), "row 1: column votes: a vote is 'pro'"),
        (".parquet", pa.table({"text": ["a"], "label": pa.nulls(1)}), "row 1: label is empty"),
        (".parquet", pa.table({"text": ["a"], "label": [float("nan")]}), "row 1: label is empty"),
    ],
)
def test_a_file_that_cannot_be_judged_on_is_refused_in_lines_that_name_it(
    runs: Path, tmp_path: Path, suffix: str, content: Any, said: str
) -> None:
    path = written(tmp_path, content, suffix)
    refused = refusal(runs, path)
    assert said in refused
    assert all(line.startswith(str(path)) for line in refused.splitlines())
    assert "--encoding" not in refused and "--delimiter" not in refused  # evaluating takes neither


@pytest.mark.parametrize("labels", [("favor", "neutral"), ("neutral",)], ids=len)
def test_figures_that_need_an_absent_class_are_undefined_everywhere(
    runs: Path, tmp_path: Path, labels: tuple[str, ...]
) -> None:
    found = evaluated(runs, written(tmp_path, rows(labels=labels)), "one", "two")
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    for result in plain["results"]:
        assert result["estimates"]["macro_f1"]["value"] is None
        assert result["estimates"]["recall_against"]["value"] is None
        assert result["estimates"]["accuracy"]["value"] is not None
        assert any("no gold against" in note for note in result["notes"])
    assert "no interval" in found.comparisons[0].verdict
    page = write_page(found, tmp_path / "page", force=False).read_text(encoding="utf-8")
    assert "undefined" in page and ">nan" not in page.lower()


@pytest.mark.parametrize("count", [1, 3])
def test_a_handful_of_rows_is_measured_and_called_too_few(runs: Path, tmp_path: Path, count: int) -> None:
    found = evaluated(runs, written(tmp_path, rows(count)), "one", "two")
    assert [result.statements for result in found.results] == [count, count]
    assert all(any("intervals are wide" in note for note in result.notes) for result in found.results)
    json.dumps(found.as_dict(), allow_nan=False)


def test_columns_with_the_names_of_ours_change_no_figure(runs: Path, tmp_path: Path) -> None:
    ours = {name: "x" for name in (*classifier.OUTPUT_COLUMNS, "part", "origin", "input_row", "length")}
    plain = evaluated(runs, written(tmp_path, rows()))
    clashing = evaluated(runs, written(tmp_path, rows(**ours)))
    assert clashing.as_dict()["results"] == plain.as_dict()["results"]


def test_lists_and_records_in_a_column_are_values_like_others(runs: Path, tmp_path: Path) -> None:
    given = rows(holder=[1, 2], aspect={"a": 1})
    found = evaluated(runs, written(tmp_path, pa.Table.from_pylist(given), ".parquet"), by=("holder",))
    assert [one.statements for one in found.slices[0] if one.column == "holder"] == [len(given)]


def test_rows_without_a_group_beside_others_that_have_one_are_counted(runs: Path, tmp_path: Path) -> None:
    given = [{**row, "group": None} if at < 5 else row for at, row in enumerate(rows())]
    said = "5 of 12 rows give no group: each counts as an article of its own"
    path = written(tmp_path, given)
    assert f"{path}: {said}" in evaluated(runs, path).warnings
    assert "give no group" not in " ".join(evaluated(runs, written(tmp_path, rows())).warnings)


def test_another_target_and_a_text_with_two_labels_are_told_of(runs: Path, tmp_path: Path) -> None:
    given = [{**row, "target": "the dredging of Lake Norr"} if at < 3 else row for at, row in enumerate(rows())]
    doubled = [*rows(), {**rows()[0], "id": "again", "text": rows()[0]["text"].upper(), "label": "neutral"}]
    told, doubt, none = (" ".join(evaluated(runs, written(tmp_path, one)).warnings) for one in (given, doubled, rows()))
    assert "3 of 12 rows are about another target than" in told and "another target" not in doubt
    assert "1 texts stand there with two labels" in doubt and "two labels" not in none


def test_a_column_to_slice_by_is_looked_for_before_a_model_runs(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored = []
    monkeypatch.setattr(classifier.StanceClassifier, "score", lambda self, *given: scored.append(given))
    monkeypatch.setattr(classifier, "_check_golden", lambda *given: None)
    assert "no column outlet to slice by" in refusal(runs, written(tmp_path, rows()), by=("outlet",))
    assert scored == []


def test_one_model_named_twice_is_refused(runs: Path, tmp_path: Path) -> None:
    path = written(tmp_path, rows())
    assert f"{runs / 'one'} and {runs / 'one'} are the same model (tfidf-" in refusal(runs, path, "one", "two", "one")


@pytest.mark.parametrize("trained_on", [{}, {"data": {"colour": 1}, "seed": 1}], ids=str)
def test_a_model_that_does_not_tell_its_data_is_judged_on_a_file_with_a_warning_alone(
    runs: Path, tmp_path: Path, new_tfidf: Callable[..., TfidfModel], toy: LabelledTexts, trained_on: dict[str, Any]
) -> None:
    model = new_tfidf()
    model.fit(toy, toy, tmp_path)
    (tmp_path / "run").mkdir()
    known = classifier.save(model, Calibration(), trained_on, tmp_path / "run")
    said = f"model {known.model_id} does not tell in model.json what data it was trained on"
    found = evaluated(tmp_path, written(tmp_path, rows()), "run")
    assert found.warnings[0] == f"run: whether it has seen these statements in training cannot be told ({said})"
    with pytest.raises(UserMistake, match=said):
        evaluate(Project(tmp_path), Question((str(tmp_path / "run"),), samples=100))
