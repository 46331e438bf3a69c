"""Cross-validation as a whole: the fits of `stance train`, interruptions without a trace, one mirror in MLflow."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from ukraine_stance import cross_validate as recipe
from ukraine_stance import fitting, runs
from ukraine_stance.classifier import PROBABILITY_COLUMNS
from ukraine_stance.config import ExperimentConfig
from ukraine_stance.config import load as load_config
from ukraine_stance.corpus import dataset
from ukraine_stance.cross_validate import Question, cross_validate
from ukraine_stance.errors import ServiceGone, UserMistake
from ukraine_stance.files import read_json, sole_writer
from ukraine_stance.project import Project
from ukraine_stance.rounds import Rounds
from ukraine_stance.train import train

REPOSITORY = Path(__file__).parents[1]
QUICK = ("evaluation.bootstrap_samples=100", "model.char_ngrams=null")


def config(*sets: str, tracked: bool = False) -> ExperimentConfig:
    tracking = f"tracking.enabled={'true' if tracked else 'false'}"
    return load_config(REPOSITORY / "configs" / "train" / "tfidf.yaml", [*QUICK, tracking, *sets]).config


def derived(folder: Path) -> dict[str, bytes]:
    """Every file that must not depend on when, or in how many goes, it was made."""
    names = ("predictions.parquet", "results.json", "evaluation", "rounds", "asked.json", "config.yaml")
    files = [path for name in names for path in [folder / name, *(folder / name).glob("*")] if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, few_statements: Callable[..., Project]) -> Project:
    made = few_statements(tmp_path_factory.mktemp("project"))
    dataset.build(made, None)
    return made


@pytest.fixture(scope="module")
def whole(project: Project) -> Rounds:
    """All five folds in one go."""
    return cross_validate(project, config(), Question(), project.root / "whole")


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows that each fit from here on trains on."""
    seen: list[int] = []
    fit = fitting.fit

    def counted(*arguments: Any) -> fitting.Fitted:
        seen.append(len(arguments[1]))
        return fit(*arguments)

    monkeypatch.setattr(fitting, "fit", counted)
    return seen


def test_every_statement_is_predicted_once_by_a_fit_that_held_out_its_fold(project: Project, whole: Rounds) -> None:
    rows = dataset.load(project, config().data).frame
    found = pd.read_parquet(whole.run.predictions)
    assert Counter(found["id"]) == Counter(rows["id"])
    of_row = dict(zip(rows["id"], rows["fold"], strict=True))
    assert list(found["held_out"]) == [f"fold {of_row[row_id]}" for row_id in found["id"]]
    assert found["model_id"].nunique() == 5 == len(read_json(whole.results)["rounds"])


def test_the_first_round_is_the_run_that_train_makes(project: Project, whole: Rounds, tmp_path: Path) -> None:
    run = train(project, config(), tmp_path / "run")
    trained = pd.read_parquet(run.predictions).query("part == 'test'").set_index("id")
    found = pd.read_parquet(whole.run.predictions).query("held_out == 'fold 0'").set_index("id")
    columns = [*PROBABILITY_COLUMNS, "stance", "model_id"]
    pd.testing.assert_frame_equal(found.loc[trained.index, columns], trained[columns], check_exact=True)
    results = read_json(whole.results)
    metrics = next(part for part in read_json(run.metrics)["parts"] if part["part"] == "test")
    assert results["rounds"][0]["estimates"] == metrics["estimates"]


def test_the_folder_holds_the_page_and_no_model(whole: Rounds) -> None:
    assert sorted(path.name for path in whole.folder.iterdir()) == [
        "config.yaml", "evaluation", "predictions.parquet", "provenance.json", "question.json", "results.json",
        "rounds",
    ]  # fmt: skip
    page = (whole.run.evaluation / "index.html").read_text(encoding="utf-8")
    assert "out of fold" in page and "no standard error" in page and "held_out" in page


@pytest.mark.parametrize("stopped_in", [0, 1, 4])
def test_an_interrupted_work_goes_on_to_the_same_bits(
    project: Project, whole: Rounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, stopped_in: int
) -> None:
    fit, done = fitting.fit, 0

    def stopping(*arguments: Any) -> fitting.Fitted:
        nonlocal done
        if done == stopped_in:
            arguments[-1].mkdir()  # checkpoints, as a transformer leaves them
            raise KeyboardInterrupt
        done += 1
        return fit(*arguments)

    monkeypatch.setattr(fitting, "fit", stopping)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(project, config(), Question(), tmp_path / "cv")
    assert "the same command goes on with the others" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "cv" / "results.json").exists() and not (tmp_path / "cv" / "work").exists()

    after: list[int] = []
    monkeypatch.setattr(fitting, "fit", lambda *arguments: (after.append(1), fit(*arguments))[1])
    cross_validate(project, config(), Question(), tmp_path / "cv")
    assert len(after) == 5 - stopped_in
    assert derived(tmp_path / "cv") == derived(whole.folder)
    said = capsys.readouterr().err.splitlines()
    assert [line.endswith(": done before") for line in said] == [True] * stopped_in + [False] * (5 - stopped_in)
    assert said[4].startswith("round 5 of 5, fold 4: trains on ")


def test_a_fault_while_the_figures_are_made_costs_no_fit(
    project: Project, whole: Rounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fits: list[int]
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(recipe, "write_json", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            cross_validate(project, config(), Question(), tmp_path / "cv")
    assert len(fits) == 5
    cross_validate(project, config(), Question(), tmp_path / "cv")
    assert len(fits) == 5 and derived(tmp_path / "cv") == derived(whole.folder)


def test_a_finished_folder_stays_and_says_so(project: Project, whole: Rounds, fits: list[int], capsys: Any) -> None:
    before = derived(whole.folder)
    cross_validate(project, config(), Question(), whole.folder)
    assert fits == [] and derived(whole.folder) == before
    assert capsys.readouterr().err == f"{whole.folder}: finished before, nothing is fitted; --force begins anew\n"


@pytest.mark.parametrize(
    ("sets", "asked", "said"),
    [
        (("model.c=4",), Question(), "config.model.c: 8.0 there, 4.0 here"),
        (("seed=8",), Question(), "config.seed: 7 there, 8 here"),
        (("evaluation.confidence_level=0.9",), Question(), "config.evaluation.confidence_level: 0.95 there, 0.9 here"),
        ((), Question("outlet"), r"hold_out: fold there, outlet here, other data"),
    ],
)
def test_a_folder_of_another_question_is_refused_in_one_line(
    project: Project, whole: Rounds, fits: list[int], sets: tuple[str, ...], asked: Question, said: str
) -> None:
    before = derived(whole.folder)
    with pytest.raises(UserMistake, match=rf": holds a cross-validation of something else \({said}\); give another"):
        cross_validate(project, config(*sets), asked, whole.folder)
    assert fits == [] and derived(whole.folder) == before


@pytest.mark.parametrize("column", ["label", "year"])
def test_other_data_is_refused(project: Project, tmp_path: Path, fits: list[int], column: str) -> None:
    rows = pd.DataFrame(
        {
            "text": [f"Statement {at} about {'aid war talks'.split()[at % 3]}" for at in range(60)],
            "label": ["favor", "against", "neutral"] * 20,
            "year": 2020,
        }
    )
    rows.to_csv(project.root / "own.csv", index=False)
    own = config("data.bundled=false", "data.files=[own.csv]")
    cross_validate(project, own, Question(), tmp_path / "cv")
    rows.loc[0, column] = "neutral" if column == "label" else 2021
    rows.to_csv(project.root / "own.csv", index=False)
    with pytest.raises(UserMistake, match=r"of something else \(other data\)"):
        cross_validate(project, own, Question(), tmp_path / "cv")
    cross_validate(project, own, Question(), tmp_path / "cv", force=True)
    assert len(fits) == 10


def test_outlets_and_a_period_are_held_out(project: Project, tmp_path: Path) -> None:
    outlets = cross_validate(project, config(), Question("outlet"), tmp_path / "outlet")
    results, found = read_json(outlets.results), pd.read_parquet(outlets.run.predictions)
    rows = dataset.load(project, config().data).frame
    assert set(found["id"]) == set(rows.loc[rows["outlet"].notna(), "id"])
    assert results["hold_out"] == "outlet" and results["together"]["part"] == "unseen outlets"
    period = cross_validate(project, config(), Question("period", "2025"), tmp_path / "period")
    results = read_json(period.results)
    assert (results["from"], results["together"]["part"], len(results["rounds"])) == ("2025", "from 2025", 1)
    assert any(note.startswith("left out: ") for note in results["notes"])
    assert results["spread"]["macro_f1"]["sd"] is None


def test_a_second_process_is_refused_while_one_works_there(project: Project, tmp_path: Path, fits: list[int]) -> None:
    with sole_writer(tmp_path / "cv"), pytest.raises(UserMistake, match="another process is writing it"):
        cross_validate(project, config(), Question(), tmp_path / "cv")
    assert fits == [] and not (tmp_path / "cv").exists()


def test_mlflow_shows_one_run_with_the_figures_of_all_and_of_each_round(
    project: Project, whole: Rounds, monkeypatch: pytest.MonkeyPatch, fits: list[int]
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for _ in range(2):  # the second time finds it there
        cross_validate(project, config(tracked=True), Question(), whole.folder)
    assert fits == []  # where a run is mirrored is no part of the question
    client = mlflow.MlflowClient(f"sqlite:///{project.mlflow_database}")
    (shown,) = client.search_runs([client.get_experiment_by_name("ukraine-stance").experiment_id])
    results = read_json(whole.results)
    assert shown.info.status == "FINISHED" and shown.data.params["hold_out"] == "fold"
    assert shown.data.metrics["all.macro_f1.low"] == results["together"]["estimates"]["macro_f1"]["low"]
    steps = client.get_metric_history(shown.info.run_id, "round.macro_f1")
    assert [one.value for one in steps] == [one["estimates"]["macro_f1"]["value"] for one in results["rounds"]]
    files = {entry.path for entry in client.list_artifacts(shown.info.run_id)}
    assert files == {"config.yaml", "provenance.json", "predictions.parquet", "results.json", "evaluation"}


def test_a_dead_store_stops_before_anything_is_made(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fits: list[int]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with pytest.raises(ServiceGone, match="does not answer"):
        cross_validate(project, config(tracked=True), Question(), tmp_path / "cv")
    assert fits == [] and not (tmp_path / "cv").exists()


@pytest.mark.parametrize("fault", [ServiceGone("the store is gone"), OSError(28, "No space left on device")])
def test_a_store_that_goes_away_later_costs_a_warning(
    project: Project,
    whole: Rounds,
    fault: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def gone(*arguments: object) -> None:
        raise fault

    monkeypatch.setattr(recipe.tracking, "check", lambda project: None)
    monkeypatch.setattr(recipe.tracking, "publish_cross_validation", gone)
    cross_validate(project, config(tracked=True), Question(), whole.folder)
    assert f"{fault}\n{whole.folder}: complete, and kept; the same command again sends it to MLflow" in caplog.text


def test_ctrl_c_while_all_is_sent_says_what_is_kept(
    project: Project, whole: Rounds, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recipe.tracking, "check", lambda project: None)
    monkeypatch.setattr(recipe.tracking, "publish_cross_validation", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cross_validate(project, config(tracked=True), Question(), whole.folder)
    said = capsys.readouterr().err
    assert f"{whole.folder}: complete, and kept; the same command again sends it to MLflow\n" in said


def test_its_folder_is_not_taken_for_a_training(whole: Rounds) -> None:
    assert not runs.is_begun(whole.folder)
    with pytest.raises(UserMistake, match=r"not a finished run \(no "):
        runs.open_finished(whole.folder)


def test_a_place_that_cannot_be_written_is_one_line(project: Project, tmp_path: Path, fits: list[int]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserMistake, match=r"cannot be written \(Not a directory\)|\(File exists\)"):
        cross_validate(project, config(), Question(), tmp_path / "file" / "cv")
    assert fits == []
